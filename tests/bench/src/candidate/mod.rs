//! What is compared: channels with one producer and one consumer, as the benchmarks use them.
//!
//! Every ring has 64 slots, every slot is one cache line, and a message that was received lies in the consumer's own
//! memory: a ring that is read in place would be read while a hostile peer changes it.

mod atoll;
mod crates;
mod epoch;
mod index;

pub use atoll::{Atoll, Window};
pub use crates::{Crossbeam, Gil, Heapless, Ringbuf, Rtrb, RtrbChunks};
pub use epoch::Epoch;
pub use index::Index;

/// Slots of every ring.
pub const SLOTS: usize = 64;

/// Messages of a batch.
pub const BATCH: usize = 32;

/// A message that carries a number.
pub trait Message: Copy + Send + 'static {
    /// A message with this number.
    fn new(number: u64) -> Self;
    /// Its number.
    fn number(&self) -> u64;
    /// Changes its number and nothing else.
    fn set_number(&mut self, number: u64);
}

/// Payload beside a word of the ring's own in the slot's cache line: 56 bytes.
pub type Payload = atoll_abi::message::Message;

impl Message for Payload {
    fn new(number: u64) -> Payload {
        [number; 7]
    }

    #[inline(always)]
    fn number(&self) -> u64 {
        self[0]
    }

    #[inline(always)]
    fn set_number(&mut self, number: u64) {
        self[0] = number;
    }
}

/// A message that fills a slot's cache line: 64 bytes.
#[derive(Clone, Copy, Default)]
#[repr(align(64))]
pub struct Line([u64; 8]);

impl Message for Line {
    fn new(number: u64) -> Line {
        Line([number; 8])
    }

    #[inline(always)]
    fn number(&self) -> u64 {
        self.0[0]
    }

    #[inline(always)]
    fn set_number(&mut self, number: u64) {
        self.0[0] = number;
    }
}

/// The producer's end.
pub trait Sender<M>: Send {
    /// Sends one message; `false` where there is no room.
    fn send(&mut self, message: &M) -> bool;
    /// Sends some messages from the front of a batch as the interface does that best; tells how many.
    fn send_batch(&mut self, messages: &[M]) -> usize;
}

/// The consumer's end.
pub trait Receiver<M>: Send {
    /// Takes one message, if there is one.
    fn receive(&mut self) -> Option<M>;
    /// Takes as many messages as are there and fit; tells how many.
    fn receive_batch(&mut self, into: &mut [M]) -> usize;
}

/// One kind of channel.
pub trait Candidate {
    /// What it is called in the report.
    const NAME: &'static str;
    /// What it carries.
    type Message: Message;
    /// The producer's end.
    type Sender: Sender<Self::Message>;
    /// The consumer's end.
    type Receiver: Receiver<Self::Message>;
    /// A new, empty ring.
    fn ring() -> (Self::Sender, Self::Receiver);
}
