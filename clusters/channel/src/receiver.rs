//! The consumer's end of a ring.

mod batch;
mod sleep;

use atoll_abi::message::Message;
use atoll_abi::timeline::Kind;
use atoll_timeline::Tap;

use crate::generation::{self, Generation};
use crate::memory::{Ring, Shared};
use crate::sync::{Ordering, fence};
use crate::telemetry::{Received, Telemetry, note_latency};
use crate::{CAPACITY_WORD, PeerFault};

/// The consumer's end of a ring.
pub struct Receiver {
    ring: Shared,
    generation: Generation,
    /// The producer's incarnation number when this generation began.
    peer: u64,
    /// Messages consumed in this generation: the number of the next one.
    consumed: u64,
    /// What makes the next message's stamp of its number. It changes where a stamp's count comes round.
    stamps: u64,
    last: Last,
    /// Where the last look found nothing: the stamp that it saw. While the slot has it, there is no message.
    idle: u64,
    fault: Option<PeerFault>,
    /// The consumer sleeps, or is about to.
    armed: bool,
    /// The next message was read and left in its slot; kept in builds with debug assertions.
    peeked: bool,
    counts: Received,
    /// Messages consumed in earlier generations.
    earlier: u64,
    /// The last stamp of another generation that was seen where the next message is expected.
    last_stale: u64,
    /// Notes what is taken.
    pub(crate) tap: Tap,
}

/// What the last look for a message found.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    Message,
    Nothing,
    Fault,
}

impl Receiver {
    pub(crate) fn new(ring: Shared, generation: Generation, peer: u64) -> Receiver {
        Receiver {
            ring,
            generation,
            peer,
            consumed: 0,
            stamps: generation.stamp(1),
            last: Last::Nothing,
            idle: generation.stamp(0),
            fault: None,
            armed: false,
            peeked: false,
            counts: Received::default(),
            earlier: 0,
            last_stale: 0,
            tap: Tap::default(),
        }
    }

    pub(crate) fn reattach(&mut self, generation: Generation, peer: u64) {
        self.generation = generation;
        self.peer = peer;
        self.earlier = self.received();
        self.consumed = 0;
        self.stamps = generation.stamp(1);
        if self.last == Last::Fault {
            self.last = Last::Nothing;
        }
        self.idle = generation.stamp(0);
        self.fault = None;
        self.armed = false;
        self.peeked = false;
        self.begin();
    }

    /// Tells the producer that this side has begun its generation, and has consumed nothing of it.
    pub(crate) fn begin(&self) {
        let consumed = self.generation.stamp(0);
        // Release: what this side did for an earlier generation was before.
        self.ring
            .header
            .consumed
            .0
            .store(consumed, Ordering::Release);
    }

    /// As if so many messages had been consumed.
    #[cfg(all(test, not(loom)))]
    pub(crate) fn skip(&mut self, messages: u64) {
        self.consumed = messages;
        self.stamps = self.generation.stamp(messages + 1).wrapping_sub(messages);
        self.last = Last::Message;
    }

    /// Takes the next message, or `None` where there is none yet.
    ///
    /// # Errors
    /// Where the producer broke the protocol; this end is then closed.
    #[inline(always)]
    pub fn receive(&mut self) -> Result<Option<Message>, PeerFault> {
        let (ring, index) = (self.ring.clone(), self.consumed);
        let Some(stamp) = self.look(&ring)? else {
            return Ok(None);
        };
        let message = ring.slot(index).payload.load();
        if self.torn(&ring) {
            return Ok(None);
        }
        self.consume(&ring, index + 1, stamp);
        Ok(Some(message))
    }

    /// Whether [`Receiver::receive`] would give something now: a message, or a fault.
    #[inline]
    pub fn waiting(&mut self) -> bool {
        // Acquire: as in `look`.
        let found = self.ring.slot(self.consumed).stamp.load(Ordering::Acquire);
        // What polling finds again and again is told by two comparisons.
        if self.last == Last::Nothing && found == self.idle {
            return false;
        }
        let expected = self.stamps.wrapping_add(self.consumed);
        self.generation.same(found, expected) || self.look_closely(found) != Ok(None)
    }

    /// Reads the next message and leaves it in its slot, or `None` where there is none yet.
    ///
    /// # Errors
    /// As for [`Receiver::receive`].
    #[inline]
    pub fn peek(&mut self) -> Result<Option<Message>, PeerFault> {
        let ring = self.ring.clone();
        if self.look(&ring)?.is_none() {
            return Ok(None);
        }
        let message = ring.slot(self.consumed).payload.load();
        let torn = self.torn(&ring);
        if cfg!(debug_assertions) {
            self.peeked = !torn;
        }
        Ok((!torn).then_some(message))
    }

    /// Whether what was just read may have been written over: a new incarnation of the producer does not wait for this
    /// side before it begins anew, and stamps a slot last.
    #[inline(always)]
    fn torn(&self, ring: &Ring) -> bool {
        // With the fence in `Endpoint::attach_again`: a consumer that has read a word of the new incarnation sees
        // its number.
        fence(Ordering::Acquire);
        ring.header.incarnation.0.load(Ordering::Relaxed) != self.peer
    }

    /// Frees the slots of the messages below this number; the last one's stamp was this.
    #[inline(always)]
    fn consume(&mut self, ring: &Ring, next: u64, stamp: u64) {
        if self.tap.is_on() {
            let taken = next - self.consumed;
            self.tap
                .messages(Kind::Received, ring.beginnings(self.consumed, taken));
        }
        self.consumed = next;
        if cfg!(debug_assertions) {
            self.peeked = false;
        }
        // Release: the slots have been read before the producer sees that they are free.
        ring.header.consumed.0.store(stamp, Ordering::Release);
    }

    /// Frees the slot of the message that [`Receiver::peek`] read.
    ///
    /// # Panics
    /// In builds with debug assertions, where no message was read.
    pub fn advance(&mut self) {
        // What the slot says now is the producer's to change.
        debug_assert!(self.peeked, "no message was read");
        let (ring, next) = (self.ring.clone(), self.consumed + 1);
        self.consume(&ring, next, self.generation.stamp(next));
    }

    /// Looks whether the next message has been published, and tells its stamp.
    ///
    /// The sum that the stamp is compared with is wrong for the one message with which a stamp's count comes round: it is
    /// then a stamp of the next generation. [`Receiver::look_closely`] finds that message by the right one; and where a
    /// next incarnation of the producer wrote the other stamp, [`Receiver::torn`] says so.
    #[inline(always)]
    fn look(&mut self, ring: &Ring) -> Result<Option<u64>, PeerFault> {
        let stamp = self.stamps.wrapping_add(self.consumed);
        // Acquire: the payload, and the later slots of a batch, were written before.
        let found = ring.slot(self.consumed).stamp.load(Ordering::Acquire);
        if !self.generation.same(found, stamp) {
            // What polling finds again and again.
            if self.last == Last::Nothing && found == self.idle {
                return Ok(None);
            }
            return self.look_closely(found);
        }
        if self.last != Last::Message {
            if let Some(fault) = self.fault {
                return Err(fault);
            }
            self.last = Last::Message;
            self.counts.poll_hits += 1;
        }
        Ok(Some(stamp))
    }

    /// Looks why a stamp is not the one that was expected: there is no message yet, its count came round, or the producer
    /// broke the protocol.
    #[cold]
    fn look_closely(&mut self, found: u64) -> Result<Option<u64>, PeerFault> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let number = self.consumed + 1;
        let expected = self.generation.stamp(number);
        if found == expected {
            self.stamps = expected.wrapping_sub(self.consumed);
            self.counts.poll_hits += u64::from(self.last == Last::Nothing);
            self.last = Last::Message;
            return Ok(Some(expected));
        }
        if self.last == Last::Message {
            self.publish_counts();
        }
        self.last = Last::Nothing;
        self.idle = found;
        if found == self.generation.stamp(number.saturating_sub(CAPACITY_WORD)) {
            return Ok(None);
        }
        if self.generation.issued(found) {
            let fault = PeerFault::Sequence { found, expected };
            self.last = Last::Fault;
            self.fault = Some(fault);
            return Err(fault);
        }
        if found != self.last_stale && self.generation.ahead(found, number) == 0 {
            // An earlier incarnation's, which may even have written it late; or that of a new one, which this side has
            // to meet first.
            self.last_stale = found;
            self.counts.stale += 1;
        }
        Ok(None)
    }

    /// Whether the producer died, gave the channel up, or came back since this generation began. Its calls have to be
    /// ended and the channel [begun anew](crate::Endpoint::reattach).
    #[inline]
    pub fn peer_changed(&self) -> bool {
        // Acquire: what is read from the window after this is no older.
        self.ring.header.incarnation.0.load(Ordering::Acquire) != self.peer
    }

    /// Whether the producer is dead.
    pub fn peer_dead(&self) -> bool {
        !generation::alive(self.ring.header.incarnation.0.load(Ordering::Acquire))
    }

    /// Counts an answer that came some ticks after its request.
    pub fn note_latency(&mut self, ticks: u64) {
        note_latency(&self.ring.header, ticks, 1);
    }

    /// Tells how often the consumer looks for work in vain before it blocks.
    pub fn note_poll_budget(&mut self, looks: u32) {
        let told = &self.ring.header.received.0.poll_budget;
        told.store(u64::from(looks), Ordering::Relaxed);
    }

    /// Messages received so far, in all generations.
    pub fn received(&self) -> u64 {
        self.earlier.wrapping_add(self.consumed)
    }

    /// Publishes what the consumer counted. Otherwise it does that when it finds the ring empty.
    pub fn publish_counts(&self) {
        let counts = &self.ring.header.received.0;
        self.counts.publish(self.received(), counts);
    }

    /// What both sides tell of this direction.
    pub fn telemetry(&self) -> Telemetry {
        self.publish_counts();
        Telemetry::of(&self.ring.header)
    }
}
