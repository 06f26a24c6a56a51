//! A fake virtio block device that works on the memory of the driver's queue, as a real one does, and what is on it.
//!
//! A device holds the driver to the protocol: a request that is not as the specification says is a failed assertion.

#![deny(unsafe_code)]

mod device;
mod store;

pub use atoll_test_virtio::Memory;
pub use device::{FakeDevice, Job, Line, Target};
pub use store::{Sector, Store, sector_word};
