//! A fake virtio network device that works on the memory of the driver's queues, as a real one does.
//!
//! The device holds the driver to the protocol: a chain that is not as the specification says is a failed assertion. It receives
//! and sends when it is told to, in any order, and can be made to lie.

#![forbid(unsafe_code)]

mod device;
mod line;
mod pool;

pub use device::{FakeNetwork, FrameHeader, Outgoing};
pub use line::Line;
pub use pool::{BUFFER_SIZE, Pool};
