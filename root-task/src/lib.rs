//! The parts of the root task that make no system calls: how a program's image is laid out, how a range of device memory
//! is carved out of an untyped, how the list of what is held is written down.

#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod audit;
pub mod carve;
pub mod image;
