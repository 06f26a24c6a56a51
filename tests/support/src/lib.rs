//! What tests of several crates share.

#![forbid(unsafe_code)]

pub mod actions;
pub mod disk;
pub mod e2fsprogs;
pub mod link;
pub mod tags;
pub mod volume;
