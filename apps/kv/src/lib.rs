//! A key-value store that clients of Redis talk to: the store, its commands and their protocol (RESP2 and RESP3), without a network and
//! without a clock.
//!
//! | module | owns |
//! |---|---|
//! | `request` | requests as they arrive, with limits |
//! | [`reply`] | replies, with a limit |
//! | [`store`] | keys, values of five kinds, when they expire, which go when it is full, and what was changed |
//! | `commands` | what each command does |
//! | [`session`] | what is kept of a client: its bytes, its transaction, what it watches |
//! | [`journal`] | what was changed as records of a log, and back; a snapshot of a store |
//!
//! What a client sends is hostile until it was looked at: a request that is too long or makes no sense ends its connection, as Redis ends
//! it. Memory is bounded: that of keys and values ([`store::Settings::memory`]), of what clients have sent and queued
//! ([`session::Budget`]), and of each answer ([`store::Settings::longest_answer`]).

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

mod commands;
mod glob;
mod hash;
pub mod journal;
mod number;
mod random;
pub mod reply;
mod request;
pub mod session;
pub mod store;
