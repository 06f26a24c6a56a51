//! The file service as a pure state machine: the files of the volume on one block device.
//!
//! It is an [`atoll_call::Service`]: events go in, actions come out. It has no ring, no clock and no memory that it shares with a client;
//! it allocates only when it is made. It answers what it knows at once, and reads by asking the driver of its device, which
//! has the device write straight into the client's block.
//!
//! Clients are hostile until checked. A client is a process: its vcores have rings of their own and share what is open.
//!
//! | module | owns |
//! |---|---|
//! | `volume` | the table of files |
//! | `clients` | what each client has open |
//! | `service` | what each call does, the calls that wait, and what ends with a client or the driver |

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
mod service;
mod volume;

pub use clients::FILES_PER_CLIENT;
pub use service::{CALLS, FileService};
