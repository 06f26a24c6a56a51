//! The virtio network driver: a modern (VIRTIO 1.2, section 5.1) device on PCI with MSI-X, one queue that receives and one that
//! transmits.
//!
//! It answers the calls of [`Interface::Net`] for the service that has the device. The crate is the whole driver but for its binding to
//! seL4, which is in the program beside it.
//!
//! Frames are never copied. The device writes a received frame into *buffers* that the caller posted, each with a number of the
//! caller's; a frame that is larger than one has several, where the device can do that (`VIRTIO_NET_F_MRG_RXBUF`). A frame to
//! transmit is segments of the caller's memory, which stay the device's until the frame's token comes back.
//!
//! # What is believed
//!
//! Nothing that the device writes. There are two ways in which it can be wrong:
//!
//! - It breaks the rules of a queue, so that it is not known any more which buffers are whose: an index, an identifier, a length
//!   beyond the buffer, a frame without a whole header or of more buffers than there are. Then it is stopped, and
//!   [`Network::take_back`] and [`Network::collect_sent`] give back all that it had.
//! - A frame is of no use, and its buffers are known: too short, too long, or its header asks for what was not negotiated. Then
//!   the frame is dropped, its buffers are posted again, and [`Statistics`] tell it.
//!
//! What is *in* a frame is for its receiver to judge. Headers of received frames lie in the buffers ([`Headers`]), so who else can
//! write these can have the driver stop the device.
//!
//! | module | owns |
//! |---|---|
//! | `service` | calls of the client, their blocks, and what becomes of both |
//! | `network` | a started device: what callers see |
//! | `pair` | both queues and their memory |
//! | `receive` | posted buffers, and how they become frames |
//! | `transmit` | frames that the device has, and their headers |
//! | `header` | the header before each frame |
//! | `features` | what is negotiated, and what the device says of itself |
//! | `start` | bringing a device up |
//! | `card` | what is asked of a device beside its queues, and how it is started again |
//!
//! Section numbers are those of VIRTIO 1.2. All its fields are little-endian, as is the processor.
//!
//! [`Interface::Net`]: atoll_abi::interface::Interface::Net

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

mod card;
mod error;
mod features;
mod header;
mod network;
mod pair;
mod receive;
mod service;
mod start;
mod statistics;
mod transmit;

pub use card::{Card, Started};
pub use error::{DriverError, PostError, SendError};
pub use features::{Abilities, Offloads, STANDARD_MTU};
pub use header::{HEADER_SIZE, Headers};
pub use network::Network;
pub use pair::PAIRS;
pub use receive::{MOST_PARTS, Part, Received};
pub use service::{CALLS, NetService};
pub use start::{NETWORK, Vectors, start};
pub use statistics::{Dropped, Statistics, Traffic};
pub use transmit::{MOST_SEGMENTS, OutgoingFrame, Sent};
