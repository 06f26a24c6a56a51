//! The file service as a pure state machine: the files and folders of the ext4 volume on one partition.
//!
//! It is an [`atoll_call::Service`]: events go in, actions come out. It has no ring and no clock. What it knows it answers at
//! once; where the data of a file is known, a read or a write over it asks the driver to have the device transfer straight between
//! there and the client's blocks. Everything else is a job of the file system, which does one after the other, in order.
//!
//! Data of files is copied by no processor, except where a write begins or ends within a block. Paths, listings and the zeroes of
//! holes are read from and written to blocks of clients, which the root task maps for that.
//!
//! Clients are hostile until checked. A client is a process: its vcores have rings of their own and share what is open. What it
//! writes to its blocks while a call has them is copied once before it is looked at.
//!
//! A driver that is lost ends the calls that are under way. The file system itself waits for it and then goes on where it was: its
//! metadata is the same as if the disk had been slow. Only data of writes that was being transferred is given up, with those writes.
//!
//! | module | owns |
//! |---|---|
//! | `volume` | the file system, and the transfers that it wants for itself |
//! | `table` | what is open, and what uses it |
//! | `runs` | where the data of a file is, as far as it is known |
//! | `clients` | what each client has open |
//! | `service` | what each call does, the jobs, and what ends with a client or the driver |

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
mod runs;
mod service;
mod table;
mod volume;

pub use clients::FILES_PER_CLIENT;
pub use service::{CALLS, FileService};
pub use volume::Clock;
