//! The virtio block driver: a modern (VIRTIO 1.2) device on PCI, with MSI-X and one split queue.
//!
//! It answers the calls of [`Interface::Disk`] for the services that have partitions of the disk, each within its own. The crate
//! is the whole driver but for its binding to seL4, which is in the program beside it. It trusts neither the clients that send
//! requests nor what the device writes: a bad request is answered with the status that says what is wrong with it, a device
//! that breaks the protocol is stopped and every request in flight is answered [`DeviceError`]. Against a device that writes
//! where it was not told to, only an IOMMU helps.
//!
//! Requests flow down, completions up: [`DiskService`] (calls of clients, their partitions and blocks, neighbours that become
//! one request) - [`Disk`] (a started device) - [`Queue`] (requests as chains of descriptors) - `atoll_virtio` (the queue's memory, PCI,
//! registers).
//!
//! Section numbers are those of VIRTIO 1.2. All its fields are little-endian, as is the processor.
//!
//! [`Interface::Disk`]: atoll_abi::interface::Interface::Disk
//! [`DeviceError`]: atoll_abi::syscall::Status::DeviceError

#![no_std]
#![deny(unsafe_code)]

extern crate alloc;

#[cfg(not(target_endian = "little"))]
compile_error!("the driver's structures are little-endian");

pub mod bare;
mod configuration;
mod disk;
mod error;
mod layout;
pub mod partitions;
mod queue;
mod service;
mod start;

pub use disk::{Abilities, Disk};
pub use error::DriverError;
pub use queue::{FinishedChain, MOST_SEGMENTS, Operation, Queue, Request};
pub use service::{CALLS, DiskService, Extent};
pub use start::{BLOCK, start};
