//! What a process links: vcore entry, second-level scheduler, syscalls.
//!
//! A process has vcores, each of which runs the loop of [`Runtime::run`]; [uthreads](uthread) are what the vcores run, in
//! the order that a [second-level scheduler](scheduler) gives. Every syscall is asynchronous. It travels on a channel of the
//! vcore that submits it: to the server of the process's cluster where it concerns the process, or to the service that has
//! the file. Its completion comes back the same way. What the runtime knows it answers itself, without a call:
//! [`Runtime::routes`] counts who served what.
//!
//! # Three ways to use a syscall
//! A call is submitted when it is made, whatever is done with what it gives: a [`Reply`], or a [`Reading`] for a read.
//!
//! The synchronous wrapper waits on the uthread; others run meanwhile:
//! ```no_run
//! use atoll_runtime::{Status, open};
//!
//! fn length(name: &str) -> Result<u64, Status> {
//!     open(name).wait()?.stat().wait()
//! }
//! ```
//!
//! Futures, awaited one after the other or together, by [`block_on`] or an executor of the program's own:
//! ```no_run
//! use atoll_runtime::{Status, batch, block_on, open};
//!
//! async fn lengths(first: &str, second: &str) -> Result<u64, Status> {
//!     // Both are under way before either is awaited; `batch` submits them together.
//!     let (first, second) = batch(|| (open(first), open(second)));
//!     Ok(first.await?.length() + second.await?.length())
//! }
//! let lengths = block_on(lengths("a", "b"));
//! ```
//!
//! [Events](EventQueue), which arrive in one place in the order in which the calls end:
//! ```no_run
//! use atoll_runtime::{Block, EventQueue, File};
//!
//! fn scan(file: &File, blocks: u64, mut seen: impl FnMut(u64, &[u8])) {
//!     let queue = EventQueue::new();
//!     for number in 0..blocks {
//!         queue.add(number, file.read(number * 4096, 4096, Block::acquire()));
//!         while let Some(event) = queue.poll() {
//!             event.block.iter().for_each(|block| seen(event.token, block.bytes()));
//!         }
//!     }
//!     while let Some(event) = queue.wait() {
//!         event.block.iter().for_each(|block| seen(event.token, block.bytes()));
//!     }
//! }
//! ```
//!
//! # How a syscall ends
//! Exactly once: with its result; [cancelled](Reply::cancel); [timed out](with_timeout); or with [`Status::PeerLost`] when
//! the server or service dies or breaks the protocol of the vcore's rings. A call that is cancelled or times out ends in the
//! process at once, and nothing is sent; its credit and its block stay in flight until the service has answered, and come
//! back by themselves. A [`Reply`] that is dropped does not cancel its call. One that is kept and not looked at keeps one of
//! the channel's 64 credits.
//!
//! With the feature `guest` the crate is the whole environment of a program on seL4: see `entry!`. Without it the same
//! lines run on threads of a host, which give a [`world::World`] of their own; the feature `host` has stacks for them.

#![no_std]

extern crate alloc;

mod batch;
mod block;
mod calls;
mod channel;
mod context;
mod credits;
pub mod events;
mod expected;
mod facts;
mod files;
mod folder;
mod frame;
#[cfg(feature = "guest")]
pub mod guest;
mod lending;
pub mod log;
pub mod monitor;
pub mod pager;
mod partition;
mod pending;
pub mod print;
mod printer;
mod raw;
mod reply;
mod runtime;
pub mod scheduler;
mod service;
#[cfg(feature = "simulated")]
pub mod simulated;
mod sockets;
pub mod splice;
mod stack;
mod sync;
mod syscalls;
mod target;
mod timers;
mod tls;
mod transfer;
pub mod uthread;
mod volume;
mod waiter;
pub mod window;
pub mod world;

pub use atoll_abi::block::{BLOCK_SIZE, MAX_CALL_BLOCKS};
pub use atoll_abi::file::{Attributes, Kind, OpenFlags};
pub use atoll_abi::frame::FRAME_SIZE;
pub use atoll_abi::socket::{HostAddress, SocketAddress, SocketOption};
pub use atoll_abi::syscall::Status;
pub use batch::{Replies, Request, submit_all};
pub use block::{Block, Blocks, MAX_POOLS, Pool, PoolError};
pub use events::{Bell, Event, EventQueue};
pub use facts::{
    current_core, current_vcore, kernel_entries, max_vcores, process_name, vcores_granted,
};
pub use files::{File, ReadError, Reading};
pub use folder::{Listing, list};
pub use frame::{Frame, NotGiven, Recipient};
pub use monitor::Monitor;
pub use partition::Partition;
pub use raw::raw_call;
pub use reply::Reply;
pub use runtime::Runtime;
pub use service::{Service, connect};
pub use sockets::{Datagram, Datagrams, Listener, Network, SocketId, Stream};
pub use splice::Splice;
pub use stack::{DEFAULT_STACK_SIZE, SpawnError};
pub use syscalls::{
    batch, become_mcp, exit, request_vcores, sleep, vcores_request, with_timeout, yield_vcore,
};
pub use transfer::Transfer;
pub use uthread::{JoinHandle, block_on, spawn, try_spawn, yield_now};
pub use volume::{Volume, open};
