//! The personality as a pure state machine.
//!
//! One [`Personality`] decides for one cluster: which processes there are and in which state, which vcores they have, which
//! services they may use, and when vcores are woken. It carries no data: files and blocks are what services are for.
//!
//! An [`Event`] goes in, [`Actions`] come out. It has no clock, does no I/O, and allocates only when it is made, as much as the
//! plan says. Every call of a process is answered when it is taken, so there is no table of calls; those that wait for frames
//! are kept where the frames are, a few of each process.
//!
//! What a process sends is hostile until it is checked. Misbehaviour ends that process and has no effect on another one.
//!
//! [`Personality`] is put together in `personality.rs` from parts that own their state:
//!
//! | module | owns |
//! |---|---|
//! | `process`, `table` | processes: state, generation, vcores, unfinished lines |
//! | `vcore` | which vcores of a process are granted |
//! | `alarms` | when vcores are to be woken |
//! | `rights` | which services there are, and who may use them |
//! | `frames` | which process has each frame, and until when |
//! | `calls` | what each call does: one function for each row of `atoll_abi::interface` |

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

mod alarms;
mod calls;
mod event;
mod frames;
mod numbers;
mod personality;
pub mod print;
mod process;
mod rights;
pub mod state;
mod table;
pub mod vcore;

pub use event::{Actions, Event};
pub use personality::{BATCH, Counters, FAULT_STATUS, Personality};
