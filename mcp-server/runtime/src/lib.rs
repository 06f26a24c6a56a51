//! What a process links: vcore entry, second-level scheduler, syscalls.
//!
//! A process has vcores, each of which runs the loop of [`Runtime::run`]; [uthreads](uthread) are what the vcores run, in
//! the order that a [second-level scheduler](scheduler) gives. Every [syscall](syscalls) is asynchronous and travels in the
//! rings of the vcore that submits it; so does its completion.
//!
//! With the feature `guest` the crate is the whole environment of a program on seL4: see `entry!`. Without it the same
//! lines run on threads of a host, which give a [`world::World`] of their own.

#![no_std]

extern crate alloc;

mod batch;
mod block;
mod calls;
mod context;
#[cfg(feature = "guest")]
pub mod guest;
pub mod monitor;
pub mod print;
mod runtime;
pub mod scheduler;
pub mod syscalls;
mod tls;
pub mod uthread;
pub mod window;
pub mod world;

pub use atoll_abi::syscall::Status;
pub use batch::{Replies, Request, submit_all};
pub use block::Block;
pub use context::DEFAULT_STACK_SIZE;
pub use monitor::Monitor;
pub use runtime::Runtime;
pub use syscalls::{
    File, ReadError, Reading, Reply, become_mcp, current_vcore, exit, kernel_entries, max_vcores,
    open, request_vcores, vcores_request, yield_vcore,
};
pub use uthread::{JoinHandle, block_on, spawn, spawn_with_stack, yield_now};
