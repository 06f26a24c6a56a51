//! The device's side of virtio, for fake devices: memory that it shares with its driver, a queue, and a PCI function.
//!
//! It holds the driver to the protocol: what is not as the specification says is a failed assertion, or a complaint.

#![deny(unsafe_code)]

mod function;
mod memory;
mod numbers;
mod queue;

pub use function::{Fault, Function, QueueState, Shape, State};
pub use memory::Memory;
pub use numbers::Numbers;
pub use queue::{Descriptor, DeviceQueue};
