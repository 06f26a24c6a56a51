//! The parts of the root task that make no system calls: how a program's image is laid out, how a range of device memory
//! is carved out of an untyped, how the list of what is held is written down, where each side of a connection is, what a
//! process is told, and what is done when a component dies.

#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod audit;
pub mod carve;
pub mod end;
pub mod history;
pub mod image;
pub mod lifecycle;
pub mod procinfo;
pub mod readiness;
pub mod starts;
pub mod watches;
