//! What drivers of virtio devices have in common: a modern (VIRTIO 1.2) device on PCI with MSI-X, and split virtqueues.
//!
//! [`start`] finds a device of a [`DeviceKind`], resets it and has its driver set it up through its [`Transport`]. A
//! [`SplitQueue`] lies in [`Dma`] memory: the driver stages chains of descriptors, publishes them together and collects what the
//! device has used. What a chain means is the driver's. A driver asks nothing else of a running device than a [`Device`] gives,
//! so a test can take its place.
//!
//! Nothing that a device writes is believed. One that breaks the protocol is a typed error, on which its driver stops it; against a
//! device that writes where it was not told to, only an IOMMU helps.
//!
//! Section numbers are those of VIRTIO 1.2. All its fields are little-endian, as is the processor.

#![no_std]
#![deny(unsafe_code)]

#[cfg(not(target_endian = "little"))]
compile_error!("virtio's structures are little-endian");

mod device;
mod dma;
mod error;
mod mapped;
mod queue;
mod transport;

pub use device::{Device, InterruptMessage};
pub use dma::Dma;
pub use error::VirtioError;
pub use mapped::{MappedBars, MappedConfiguration};
pub use queue::{MOST_DESCRIPTORS, QueueAddresses, Segment, SplitQueue, Staging, UsedChain};
pub use transport::{DeviceKind, MOST_QUEUES, Registers, Transport, start};
