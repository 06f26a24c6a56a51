//! The call protocol of every channel, as two libraries: what a client keeps of its calls, and what a service keeps of its
//! clients.
//!
//! The messages are [`atoll_abi::syscall::Syscall`] and [`atoll_abi::syscall::Completion`], whether a vcore, a server or a
//! service makes the call. Each call that is sent is answered once, and the answer gives its block back.
//!
//! - [`ClientEnd`]: credits, the table of calls, deadlines, early ends. A client spends one credit for each call and has it
//!   back with the answer, so that a ring never has to be full. A call that is cancelled, or whose deadline passes, ends
//!   for its caller at once; its credit and its block stay in flight until the service has answered, because until then
//!   the service, or its device, may still write the block.
//! - [`ServiceEnd`]: admission, the share of each client, the calls that cannot be answered at once, their answers.
//! - [`Service`]: how a service meets its world: [`Event`]s in, [`Actions`] out.
//! - [`Answers`]: those of one event that need not wait.
//! - [`BlockTable`]: which blocks of a client calls have.
//! - [`Handles`]: what a client has open.
//! - [`Attention`]: which of many rings a component looks at.
//! - [`Deadlines`]: which deadline is next.
//!
//! Neither end has a ring, a clock or a thread: the caller moves messages and says what time it is. So the same lines run
//! on seL4, on threads of a host, and in the simulator.

#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic
    )
)]

extern crate alloc;

#[cfg(test)]
extern crate std;

mod answers;
mod attention;
mod blocks;
mod client;
mod deadlines;
mod event;
mod handles;
mod service;

pub use answers::Answers;
pub use attention::Attention;
pub use blocks::BlockTable;
pub use client::{Answer, ClientEnd, Completed, Ended, Group, Loss, Refused, Waiter, Writing};
pub use deadlines::{Deadlines, NEVER};
pub use event::{Actions, BATCH, Event, Service};
pub use handles::Handles;
pub use service::{CallId, ServiceEnd};
