//! Rings in shared memory and the doorbells beside them.
//!
//! A channel is a window of shared memory that holds two rings, one each way. Each ring has one producer and one
//! consumer, 64-byte slots, and a stamp in each slot, the number of its message, that is the message's publication. What a
//! peer can write is read once, checked, then used: misbehaviour is a [`PeerFault`], which closes that end of the ring for
//! good.
//!
//! A side that dies and comes back is another incarnation. The channel then has another [generation](Endpoint::generation):
//! both rings begin anew, and whatever the dead wrote, or still writes, is refused.
//!
//! A receiver that has nothing to do polls for a while, then [arms](Receiver::arm) the ring and blocks. A sender learns
//! from [`Wake`] whether it has to ring the receiver's [`Doorbell`].

#![no_std]

pub mod budget;
mod endpoint;
mod generation;
#[cfg(not(loom))]
mod link;
mod memory;
mod payload;
mod receiver;
mod sender;
#[cfg(all(feature = "simulated", not(loom)))]
pub mod simulated;
mod sync;
mod telemetry;
#[cfg(not(loom))]
mod wake;
#[cfg(not(loom))]
pub mod window;

pub use endpoint::{Endpoint, Side};
#[cfg(not(loom))]
pub use endpoint::{announce_lost, announce_lost_on};
#[cfg(not(loom))]
pub use link::{EndpointLink, Link, LinkError};
pub use receiver::Receiver;
pub use sender::{SendError, Sender, Staged, Wake};
pub use telemetry::{BUCKETS, Latencies, Telemetry, Work};
#[cfg(not(loom))]
pub use wake::WakeWords;

use core::fmt;

/// Slots of a ring.
pub const CAPACITY: usize = sync::SLOTS;

const CAPACITY_WORD: u64 = CAPACITY as u64;
const MASK: u64 = CAPACITY_WORD - 1;
const _: () = assert!(CAPACITY.is_power_of_two());

/// How a peer broke the protocol of a ring. The end that saw it is closed for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerFault {
    /// The consumer's index went backwards, or beyond what was produced.
    ConsumerIndex {
        /// What the peer wrote.
        found: u64,
        /// The least that was possible: what it had written before.
        least: u64,
        /// The most that was possible: messages produced.
        most: u64,
    },
    /// A slot's stamp is of this generation, and neither that of its next message nor that of the lap before.
    Sequence {
        /// What the peer wrote.
        found: u64,
        /// The number of the next message.
        expected: u64,
    },
}

impl fmt::Display for PeerFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PeerFault::ConsumerIndex { found, least, most } => write!(
                formatter,
                "the consumer's index is {found:#x}, outside {least:#x} to {most:#x}"
            ),
            PeerFault::Sequence { found, expected } => write!(
                formatter,
                "a slot's stamp is {found:#x}, where {expected:#x} or that of the lap before can be"
            ),
        }
    }
}

/// The way to wake a receiver that has stopped polling.
pub trait Doorbell {
    /// Wakes the receiver. A ring while it is awake is remembered until it next blocks.
    fn ring(&mut self);
}
