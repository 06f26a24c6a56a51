//! The blocks service as a pure state machine: a partition as it is, for the process that lays out its data itself.
//!
//! It is an [`atoll_call::Service`]: events go in, actions come out. Each call becomes one call to the driver of the disk, which has
//! the device transfer straight between the partition and the client's blocks. The service knows nothing of the partition: that
//! a call stays within it is for the driver to check, which binds each service to its own.
//!
//! Clients are hostile until checked. A client is a process: its vcores have rings of their own, and blocks of one pool, of which
//! none is in two calls.

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

mod service;

pub use service::{BlockService, CALLS};
