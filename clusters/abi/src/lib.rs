//! Every type that crosses a boundary of Atoll: between clusters, between a process and its server, between a client
//! and a service, between the build and the machine.
//!
//! All of them but [`event`], which is text, are [`zerocopy`] structures with a fixed layout that is asserted at compile
//! time. A reader copies what a peer wrote once, validates it, then uses it; the validating constructors are here, beside
//! the types.

#![no_std]
#![forbid(unsafe_code)]

#[cfg(any(feature = "alloc", test))]
extern crate alloc;

pub mod archive;
pub mod benchmark;
pub mod block;
pub mod boot;
pub mod connection;
pub mod disk;
pub mod event;
pub mod file;
pub mod frame;
pub mod handle;
pub mod interface;
pub mod layout;
pub mod message;
pub mod name;
pub mod net;
pub mod plan;
pub mod process;
pub mod socket;
pub mod syscall;
pub mod time;
pub mod timeline;

/// Version of every layout in this crate; raised when any of them changes.
pub const ABI_VERSION: u32 = 15;
