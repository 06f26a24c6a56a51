//! What services that use a driver share.
//!
//! - [`Clients`]: the processes that call, each in one of its lives, what the service keeps of each, and which of their blocks
//!   calls have.
//! - [`Driver`]: the calls to the driver, and those that wait until it can take one more.

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

mod clients;
mod driver;

pub use clients::{Client, ClientState, Clients};
pub use driver::Driver;
