//! The producer's end of a ring.

mod staged;

use core::fmt;

use atoll_abi::message::Message;
use atoll_abi::timeline::Kind;
use atoll_timeline::Tap;

use crate::generation::Generation;
use crate::memory::{Ring, Shared};
use crate::sync::{Ordering, fence};
use crate::telemetry::{Sent, Telemetry};
use crate::{CAPACITY_WORD, Doorbell, PeerFault};
pub use staged::Staged;

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
    generation: Generation,
    /// Messages sent in this generation: the number of the next one.
    produced: u64,
    /// The number of the first message before which there is something to look at: whether the ring is full, whether the
    /// consumer was at fault, whether a stamp's count comes round.
    limit: u64,
    /// What makes the next message's stamp of its number; it is right for all numbers below `limit`.
    stamps: u64,
    /// The word by which the consumer says that it sleeps.
    asleep: u64,
    /// Messages that the consumer has said to have consumed.
    consumed: u64,
    /// Messages sent in earlier generations.
    earlier: u64,
    counts: Sent,
    fault: Option<PeerFault>,
    /// Notes what is sent.
    pub(crate) tap: Tap,
}

impl Sender {
    pub(crate) fn new(ring: Shared, generation: Generation) -> Sender {
        Sender {
            ring,
            generation,
            produced: 0,
            limit: CAPACITY_WORD,
            stamps: generation.stamp(1),
            asleep: generation.stamp(1),
            consumed: 0,
            earlier: 0,
            counts: Sent::default(),
            fault: None,
            tap: Tap::default(),
        }
    }

    /// As if so many messages had been sent and consumed.
    #[cfg(all(test, not(loom)))]
    pub(crate) fn skip(&mut self, messages: u64) {
        (self.produced, self.consumed, self.limit) = (messages, messages, messages);
    }

    pub(crate) fn generation(&self) -> Generation {
        self.generation
    }

    /// Whether the consumer has begun this generation.
    pub(crate) fn peer_has_begun(&self) -> bool {
        // Acquire: with the store in `Receiver::begin`.
        let found = self.ring.header.consumed.0.load(Ordering::Acquire);
        self.generation.issued(found)
    }

    pub(crate) fn reattach(&mut self, generation: Generation) {
        self.generation = generation;
        self.earlier = self.sent();
        self.produced = 0;
        self.limit = CAPACITY_WORD;
        self.stamps = generation.stamp(1);
        self.asleep = generation.stamp(1);
        self.consumed = 0;
        self.fault = None;
    }

    /// Sends one message.
    ///
    /// # Errors
    /// [`SendError::Full`] where no slot is free, [`SendError::Peer`] where the consumer broke the protocol.
    #[inline(always)]
    pub fn send(&mut self, message: &Message) -> Result<Wake, SendError> {
        if self.produced == self.limit {
            self.room(1)?;
        }
        let (ring, index) = (self.ring.clone(), self.produced);
        ring.slot(index).payload.store(message);
        Ok(self.publish(&ring, index, 1))
    }

    /// Sends as many messages as there are free slots, in order, with one publication; tells how many.
    ///
    /// # Errors
    /// [`SendError::Full`] where there are messages and no slot is free, [`SendError::Peer`] where the consumer broke the
    /// protocol.
    #[inline(always)]
    pub fn send_batch(&mut self, messages: &[Message]) -> Result<(usize, Wake), SendError> {
        self.stage(messages).map(Staged::publish)
    }

    /// How many messages can be sent now; one at least, if there are messages to send.
    #[cold]
    fn room(&mut self, messages: usize) -> Result<usize, SendError> {
        let free = self.free()?;
        if free == 0 && messages > 0 {
            self.note_full();
            return Err(SendError::Full);
        }
        Ok((self.limit - self.produced) as usize)
    }

    /// Makes messages visible that are in their slots from the next message's on, the first one without its stamp.
    #[inline(always)]
    fn publish(&mut self, ring: &Ring, first: u64, count: usize) -> Wake {
        let order = if cfg!(feature = "planted-relaxed-publish") {
            Ordering::Relaxed
        } else {
            // Release: the consumer that sees this stamp sees the payload, and the rest of the batch.
            Ordering::Release
        };
        if self.tap.is_on() {
            // Before the consumer sees them and notes that it took them.
            self.tap
                .messages(Kind::Sent, ring.beginnings(first, count as u64));
        }
        let stamp = self.stamps.wrapping_add(first);
        ring.slot(first).stamp.store(stamp, order);
        self.produced = first + count as u64;
        let told = &ring.header.sent.0.messages;
        told.store(self.sent(), Ordering::Relaxed);
        self.take_wake(ring)
    }

    /// Whether the consumer slept when the message was published. Takes the word away, so that each sleep is ended by
    /// one doorbell.
    #[inline(always)]
    fn take_wake(&mut self, ring: &Ring) -> Wake {
        // With the fence in `Receiver::arm`: either the consumer's second look sees the message, or this load sees that
        // the consumer sleeps.
        fence(Ordering::SeqCst);
        let asleep = ring.header.asleep.0.load(Ordering::Relaxed);
        Wake(asleep == self.asleep && self.end_sleep())
    }

    /// Says that the consumer is awake, if it still said that it sleeps.
    #[cold]
    fn end_sleep(&mut self) -> bool {
        // By comparison: what a consumer of the next generation says must not be taken away.
        let (asleep, awake) = (self.asleep, self.generation.stamp(0));
        let word = &self.ring.header.asleep.0;
        word.compare_exchange(asleep, awake, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
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
        // A consumer that has not begun this generation, or has left it, has consumed nothing more.
        if self.generation.issued(found) {
            let consumed = self.generation.ahead(found, self.consumed);
            if consumed > self.produced - self.consumed {
                let fault = PeerFault::ConsumerIndex {
                    found,
                    least: self.generation.stamp(self.consumed),
                    most: self.generation.stamp(self.produced),
                };
                self.fault = Some(fault);
                self.limit = self.produced;
                return Err(fault);
            }
            self.consumed += consumed;
        }
        self.stamps = self
            .generation
            .stamp(self.produced + 1)
            .wrapping_sub(self.produced);
        let comes_round = self.produced + self.generation.run(self.produced) as u64;
        self.limit = comes_round.min(self.consumed + CAPACITY_WORD);
        Ok((CAPACITY_WORD - (self.produced - self.consumed)) as usize)
    }

    /// Messages sent so far, in all generations.
    pub fn sent(&self) -> u64 {
        self.earlier.wrapping_add(self.produced)
    }

    /// Counts a doorbell that was rung for this ring, and tells the peer.
    pub fn note_doorbell(&mut self) {
        self.tap.rang();
        self.counts.doorbells += 1;
        let told = &self.ring.header.sent.0.doorbells;
        told.store(self.counts.doorbells, Ordering::Relaxed);
    }

    #[cold]
    fn note_full(&mut self) {
        self.counts.full += 1;
        let told = &self.ring.header.sent.0.full;
        told.store(self.counts.full, Ordering::Relaxed);
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
        self.counts.doorbells
    }

    /// What both sides tell of this direction.
    pub fn telemetry(&self) -> Telemetry {
        Telemetry::of(&self.ring.header)
    }
}
