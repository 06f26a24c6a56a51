//! The producer's end of a ring.

use core::fmt;
use core::mem::ManuallyDrop;

use atoll_abi::message::Message;

use crate::generation::Generation;
use crate::memory::Shared;
use crate::sync::{Ordering, fence};
use crate::telemetry::{Sent, Telemetry};
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
    generation: Generation,
    /// Messages produced in this generation: the number of the next one.
    produced: u64,
    /// Messages consumed, as last read from the peer and found possible.
    consumed: u64,
    counts: Sent,
    fault: Option<PeerFault>,
}

/// Messages that are in their slots and that the consumer does not see yet. Dropped, they were never sent.
#[must_use = "what is staged and not published is not sent"]
pub struct Staged<'a> {
    sender: &'a mut Sender,
    count: usize,
    /// The first slot's stamp, which is published last.
    stamp: u64,
}

impl Staged<'_> {
    /// Makes the messages visible, all at once; tells how many.
    #[inline(always)]
    pub fn publish(self) -> (usize, Wake) {
        // They are sent: there is nothing to take back.
        let mut staged = ManuallyDrop::new(self);
        let (count, stamp) = (staged.count, staged.stamp);
        if count == 0 {
            return (0, Wake::NOT_NEEDED);
        }
        (count, staged.sender.publish(count, stamp))
    }
}

impl Drop for Staged<'_> {
    /// Takes the stamps of the later messages back, which the next batch would reach.
    fn drop(&mut self) {
        let sender = &mut *self.sender;
        for index in sender.produced + 1..sender.produced + self.count as u64 {
            let before = (index + 1).saturating_sub(CAPACITY_WORD);
            let stamp = sender.generation.stamp(before);
            sender
                .ring
                .slot(index)
                .stamp
                .store(stamp, Ordering::Relaxed);
        }
    }
}

impl Sender {
    pub(crate) fn new(ring: Shared, generation: Generation) -> Sender {
        Sender {
            ring,
            generation,
            produced: 0,
            consumed: 0,
            counts: Sent::default(),
            fault: None,
        }
    }

    pub(crate) fn generation(&self) -> Generation {
        self.generation
    }

    pub(crate) fn renew(&mut self, generation: Generation) {
        self.generation = generation;
        self.produced = 0;
        self.consumed = 0;
        self.fault = None;
    }

    /// Sends one message.
    ///
    /// # Errors
    /// [`SendError::Full`] where no slot is free, [`SendError::Peer`] where the consumer broke the protocol.
    #[inline(always)]
    pub fn send(&mut self, message: &Message) -> Result<Wake, SendError> {
        if self.fault.is_some() || self.produced - self.consumed == CAPACITY_WORD {
            self.room(1)?;
        }
        self.ring.slot(self.produced).payload.store(message);
        Ok(self.publish(1, self.generation.stamp(self.produced + 1)))
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

    /// Writes as many messages as there are free slots, in order, and shows the consumer none of them yet.
    ///
    /// The slots are filled from the last to the first. Each later one is stamped at once: the consumer looks at it only
    /// once it has seen the first one's stamp.
    ///
    /// # Errors
    /// As for [`Sender::send_batch`].
    #[inline(always)]
    pub fn stage(&mut self, messages: &[Message]) -> Result<Staged<'_>, SendError> {
        let mut free = (CAPACITY_WORD - (self.produced - self.consumed)) as usize;
        if self.fault.is_some() || free < messages.len() {
            free = self.room(messages.len())?;
        }
        let count = free
            .min(messages.len())
            .min(self.generation.run(self.produced));
        let Some((first, later)) = messages[..count].split_first() else {
            return Ok(Staged {
                sender: self,
                count: 0,
                stamp: 0,
            });
        };
        debug_assert!(self.produced + count as u64 - self.consumed <= CAPACITY_WORD);
        let ring = &*self.ring;
        let mut index = self.produced + later.len() as u64;
        let mut stamp = self.generation.stamp(index + 1);
        for message in later.iter().rev() {
            let slot = ring.slot(index);
            slot.payload.store(message);
            // Relaxed: the first slot's release publishes it.
            slot.stamp.store(stamp, Ordering::Relaxed);
            index -= 1;
            stamp -= 1;
        }
        self.ring.slot(self.produced).payload.store(first);
        let stamp = self.generation.stamp(self.produced + 1);
        Ok(Staged {
            sender: self,
            count,
            stamp,
        })
    }

    /// How many slots are free for so many messages: one at least, if there are messages.
    #[cold]
    fn room(&mut self, messages: usize) -> Result<usize, SendError> {
        let free = self.free()?;
        if free == 0 && messages > 0 {
            self.note_full();
            return Err(SendError::Full);
        }
        Ok(free)
    }

    /// Makes messages visible that are in their slots, the first one without its stamp.
    #[inline(always)]
    fn publish(&mut self, count: usize, stamp: u64) -> Wake {
        let order = if cfg!(feature = "planted-relaxed-publish") {
            Ordering::Relaxed
        } else {
            // Release: the consumer that sees this stamp sees the payload, and the rest of the batch.
            Ordering::Release
        };
        let ring = &*self.ring;
        ring.slot(self.produced).stamp.store(stamp, order);
        self.produced += count as u64;
        self.counts.messages += count as u64;
        self.counts.batches += 1;
        self.counts.tell_batch(&ring.header.sent.0);
        self.take_wake()
    }

    /// Whether the consumer slept when the message was published. Takes the word away, so that each sleep is ended by
    /// one doorbell.
    #[inline(always)]
    fn take_wake(&mut self) -> Wake {
        // With the fence in `Receiver::arm`: either the consumer's second look sees the message, or this load sees that
        // the consumer sleeps.
        fence(Ordering::SeqCst);
        let asleep = &self.ring.header.asleep.0;
        let sleeps = self.generation.stamp(1);
        // By comparison: what a consumer of the next generation says must not be taken away.
        let awake = self.generation.stamp(0);
        Wake(
            asleep.load(Ordering::Relaxed) == sleeps
                && asleep
                    .compare_exchange(sleeps, awake, Ordering::AcqRel, Ordering::Relaxed)
                    .is_ok(),
        )
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
                return Err(fault);
            }
            self.consumed += consumed;
        }
        Ok((CAPACITY_WORD - (self.produced - self.consumed)) as usize)
    }

    /// Messages sent so far, in all generations.
    pub fn sent(&self) -> u64 {
        self.counts.messages
    }

    /// Counts a doorbell that was rung for this ring, and tells the peer.
    pub fn note_doorbell(&mut self) {
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
