//! A key-value store that clients of Redis talk to: the store, its commands and their protocol (RESP2), without a network and without
//! a clock.
//!
//! | module | owns |
//! |---|---|
//! | [`request`] | requests as they arrive, with limits |
//! | [`reply`] | replies |
//! | [`store`] | keys, values, and when they expire |
//! | [`commands`] | what each command does |
//! | [`session`] | what is kept of a client |
//!
//! Everything is in memory, and gone with the program. What a client sends is hostile until it was looked at: a request that is too long
//! or makes no sense ends its connection, as Redis ends it.

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

pub mod commands;
pub mod reply;
pub mod request;
pub mod session;
pub mod store;
