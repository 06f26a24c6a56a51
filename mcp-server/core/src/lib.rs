//! The personality as a pure state machine.
//!
//! One [`Personality`] serves one cluster: it gives vcores to processes, answers their syscalls, runs the file service
//! where the cluster has a block device, and forwards file calls to the cluster that has it where it does not. It has
//! no clock, does no I/O and allocates nothing: all tables are fixed, and the world is behind one trait,
//! [`Environment`].
//!
//! Everything that a process, a peer cluster or a driver sends is hostile until it is checked. Misbehaviour ends the
//! process or closes the channel that it came by, and nothing else.

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

#[cfg(test)]
extern crate std;

mod at_once;
mod blocks;
mod calls;
mod channel;
mod delivery;
mod ending;
mod environment;
mod files;
mod finish;
mod forward;
mod handles;
mod local;
mod lost;
mod personality;
pub mod print;
pub mod process;
mod service;
mod tenant;
pub mod triage;
pub mod vcore;

pub use calls::CALLS;
pub use channel::{CHANNEL_CREDITS, FIRST_CHANNEL_GENERATION};
pub use environment::{Environment, PeerFault, SendRefused};
pub use personality::{Counters, FAULT_STATUS, FIRST_GENERATION, Personality, Progress};
pub use tenant::HANDLES_PER_PROCESS;
