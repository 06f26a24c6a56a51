//! The virtio block driver: a modern (VIRTIO 1.2) device on PCI, with MSI-X and one split queue.
//!
//! It answers the calls of [`Interface::Blocks`] for one client. The crate is the whole driver but for its binding to
//! seL4, which is in the program beside it. It trusts neither the client that sends requests nor what the device writes:
//! a bad request is answered with the status that says what is wrong with it, a device that breaks the protocol is
//! stopped and every request in flight is answered [`DeviceError`]. Against a device that writes where it was not told
//! to, only an IOMMU helps.
//!
//! Requests flow down, completions up: [`Service`] (ring of the client) - [`Driver`] (checks, completions) - [`Queue`]
//! (descriptors, [`Dma`] memory) - [`Transport`] (PCI, registers).
//!
//! Section numbers are those of VIRTIO 1.2. All its fields are little-endian, as is the processor.
//!
//! [`Interface::Blocks`]: atoll_abi::interface::Interface::Blocks
//! [`DeviceError`]: atoll_abi::syscall::Status::DeviceError

#![no_std]
#![deny(unsafe_code)]

#[cfg(not(target_endian = "little"))]
compile_error!("the driver's structures are little-endian");

mod dma;
mod driver;
mod error;
mod mapped;
mod queue;
mod service;
mod transport;

pub use dma::Dma;
pub use driver::{Device, Driver, Submission};
pub use error::DriverError;
pub use mapped::{MappedBars, MappedConfiguration};
pub use queue::{FinishedChain, Queue, QueueAddresses, Transfer};
pub use service::{Service, ServiceError, Step};
pub use transport::{
    InterruptMessage, MAPPED_SIZE, QUEUE_SIZE, Registers, Transport, reachable, start,
};
