//! The producer's end of a ring.

use core::fmt;

use atoll_abi::message::Message;

use crate::memory::Shared;
use crate::sync::{Ordering, fence};
use crate::{CAPACITY_WORD, Doorbell, PeerFault};

/// Whether a send found the consumer asleep, so that its doorbell has to be rung.
#[must_use = "a consumer that sleeps and is not rung never sees the message"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wake(bool);

impl Wake {
    /// Nothing was sent, or the consumer was awake.
    pub const NOT_NEEDED: Wake = Wake(false);

    /// Whether the doorbell has to be rung.
    pub fn needed(self) -> bool {
        self.0
    }

    /// One answer for two sends to the same consumer.
    pub fn or(self, other: Wake) -> Wake {
        Wake(self.0 || other.0)
    }
}

/// Why nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendError {
    /// No slot is free; try again when the consumer has consumed.
    Full,
    /// The consumer broke the protocol; this end is closed.
    Peer(PeerFault),
}

impl fmt::Display for SendError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SendError::Full => formatter.write_str("the ring is full"),
            SendError::Peer(fault) => fault.fmt(formatter),
        }
    }
}

impl From<PeerFault> for SendError {
    fn from(fault: PeerFault) -> SendError {
        SendError::Peer(fault)
    }
}

/// The producer's end of a ring.
pub struct Sender {
    ring: Shared,
    /// Messages produced: the number of the next one.
    produced: u64,
    /// Messages consumed, as last read from the peer and found possible.
    consumed: u64,
    doorbells: u64,
    fault: Option<PeerFault>,
}

impl Sender {
    pub(crate) fn new(ring: Shared) -> Sender {
        Sender {
            ring,
            produced: 0,
            consumed: 0,
            doorbells: 0,
            fault: None,
        }
    }

    /// Sends one message.
    ///
    /// # Errors
    /// [`SendError::Full`] where no slot is free, [`SendError::Peer`] where the consumer broke the protocol.
    pub fn send(&mut self, message: &Message) -> Result<Wake, SendError> {
        self.send_batch(core::slice::from_ref(message))
            .map(|(_, wake)| wake)
    }

    /// Sends as many messages as there are free slots, in order, with one publication; tells how many.
    ///
    /// # Errors
    /// [`SendError::Full`] where there are messages and no slot is free, [`SendError::Peer`] where the consumer broke the
    /// protocol.
    pub fn send_batch(&mut self, messages: &[Message]) -> Result<(usize, Wake), SendError> {
        if let Some(fault) = self.fault {
            return Err(fault.into());
        }
        if messages.is_empty() {
            return Ok((0, Wake::NOT_NEEDED));
        }
        let mut free = (CAPACITY_WORD - (self.produced - self.consumed)) as usize;
        if free < messages.len() {
            free = self.free()?;
        }
        let count = free.min(messages.len());
        if count == 0 {
            return Err(SendError::Full);
        }
        self.publish(&messages[..count]);
        Ok((count, self.take_wake()))
    }

    /// Fills slots that are known to be free. The first slot is released last: a consumer that sees it sees them all.
    fn publish(&mut self, messages: &[Message]) {
        debug_assert!(self.produced + messages.len() as u64 - self.consumed <= CAPACITY_WORD);
        for (offset, message) in messages.iter().enumerate().rev() {
            let index = self.produced + offset as u64;
            let slot = self.ring.slot(index);
            slot.write(message);
            slot.sequence.store(index + 1, Ordering::Release);
        }
        self.produced += messages.len() as u64;
        let telemetry = &self.ring.header.telemetry.0;
        telemetry.sent.store(self.produced, Ordering::Relaxed);
    }

    /// Whether the consumer slept when the message was published. Takes the word away, so that each sleep is ended by
    /// one doorbell.
    fn take_wake(&mut self) -> Wake {
        // With the fence in `Receiver::arm`: either the consumer's second look sees the message, or this load sees that
        // the consumer sleeps.
        fence(Ordering::SeqCst);
        let asleep = &self.ring.header.asleep.0;
        Wake(asleep.load(Ordering::Relaxed) != 0 && asleep.swap(0, Ordering::AcqRel) != 0)
    }

    /// Reads how far the consumer is and tells how many slots are free.
    ///
    /// # Errors
    /// Where the consumer's index is impossible.
    pub fn free(&mut self) -> Result<usize, PeerFault> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        // Acquire: the consumer has read a slot before its next message overwrites it.
        let found = self.ring.header.consumed.0.load(Ordering::Acquire);
        if found < self.consumed || found > self.produced {
            let fault = PeerFault::ConsumerIndex {
                found,
                least: self.consumed,
                most: self.produced,
            };
            self.fault = Some(fault);
            return Err(fault);
        }
        self.consumed = found;
        Ok((CAPACITY_WORD - (self.produced - self.consumed)) as usize)
    }

    /// Messages sent so far.
    pub fn sent(&self) -> u64 {
        self.produced
    }

    /// Counts a doorbell that was rung for this ring, and tells the peer.
    pub fn note_doorbell(&mut self) {
        self.doorbells += 1;
        let telemetry = &self.ring.header.telemetry.0;
        telemetry.doorbells.store(self.doorbells, Ordering::Relaxed);
    }

    /// Rings the doorbell where a send says so, and counts it.
    pub fn wake(&mut self, wake: Wake, doorbell: &mut impl Doorbell) {
        if wake.needed() {
            doorbell.ring();
            self.note_doorbell();
        }
    }

    /// Doorbells rung so far.
    pub fn doorbells(&self) -> u64 {
        self.doorbells
    }
}
