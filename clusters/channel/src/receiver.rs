//! The consumer's end of a ring.

use atoll_abi::message::Message;

use crate::generation::{self, Generation};
use crate::memory::Shared;
use crate::sync::{Ordering, fence};
use crate::telemetry::{Received, Telemetry, bucket};
use crate::{CAPACITY_WORD, PeerFault};

/// The consumer's end of a ring.
pub struct Receiver {
    ring: Shared,
    generation: Generation,
    /// The producer's incarnation number when this generation began.
    peer: u64,
    /// Messages consumed in this generation: the number of the next one.
    consumed: u64,
    /// The last poll found nothing.
    empty: bool,
    /// The consumer sleeps, or is about to.
    armed: bool,
    /// The next message was read and left in its slot.
    peeked: bool,
    counts: Received,
    /// The last stamp of another generation that was seen where the next message is expected.
    last_stale: u64,
    fault: Option<PeerFault>,
}

impl Receiver {
    pub(crate) fn new(ring: Shared, generation: Generation, peer: u64) -> Receiver {
        Receiver {
            ring,
            generation,
            peer,
            consumed: 0,
            empty: true,
            armed: false,
            peeked: false,
            counts: Received::default(),
            last_stale: 0,
            fault: None,
        }
    }

    pub(crate) fn renew(&mut self, generation: Generation, peer: u64) {
        self.generation = generation;
        self.peer = peer;
        self.consumed = 0;
        self.armed = false;
        self.peeked = false;
        self.fault = None;
    }

    /// Takes the next message, or `None` where there is none yet.
    ///
    /// # Errors
    /// Where the producer broke the protocol; this end is then closed.
    #[inline(always)]
    pub fn receive(&mut self) -> Result<Option<Message>, PeerFault> {
        if !self.ready() {
            return self.fault.map_or(Ok(None), Err);
        }
        let message = self.ring.slot(self.consumed).payload.load();
        if self.torn() {
            return Ok(None);
        }
        self.consume(1);
        Ok(Some(message))
    }

    /// Whether [`Receiver::receive`] would give something now: a message, or a fault.
    #[inline]
    pub fn waiting(&mut self) -> bool {
        self.ready() || self.fault.is_some()
    }

    /// Takes as many messages as there are and fit, in order; tells how many. Their slots become free together.
    ///
    /// # Errors
    /// Where the producer broke the protocol and nothing was taken; this end is then closed.
    #[inline]
    pub fn receive_batch(&mut self, into: &mut [Message]) -> Result<usize, PeerFault> {
        if into.is_empty() || !self.ready() {
            return self.fault.map_or(Ok(0), Err);
        }
        let (ring, first) = (&*self.ring, self.consumed);
        let most = self.generation.run(first).min(into.len());
        let stamps = self.generation.stamp(first + 1)..;
        let mut index = first;
        for (message, stamp) in into[..most].iter_mut().zip(stamps) {
            let slot = ring.slot(index);
            // What is wrong with a later message is found when it is the next one.
            // Acquire: the payload was written before.
            if !self
                .generation
                .same(slot.stamp.load(Ordering::Acquire), stamp)
            {
                break;
            }
            *message = slot.payload.load();
            index += 1;
        }
        let count = index - self.consumed;
        if self.torn() {
            return Ok(0);
        }
        self.consume(count);
        Ok(count as usize)
    }

    /// Reads the next message and leaves it in its slot, or `None` where there is none yet.
    ///
    /// # Errors
    /// As for [`Receiver::receive`].
    #[inline]
    pub fn peek(&mut self) -> Result<Option<Message>, PeerFault> {
        if !self.ready() {
            return self.fault.map_or(Ok(None), Err);
        }
        let message = self.ring.slot(self.consumed).payload.load();
        self.peeked = !self.torn();
        Ok(self.peeked.then_some(message))
    }

    /// Whether what was just read may have been written over: a new incarnation of the producer does not wait for this
    /// side before it begins anew, and stamps a slot last.
    #[inline]
    fn torn(&self) -> bool {
        // With the fence in `Endpoint::attach_again`: whoever has read a word of the new incarnation sees its number.
        fence(Ordering::Acquire);
        self.ring.header.incarnation.0.load(Ordering::Relaxed) != self.peer
    }

    /// Frees the slots of messages that were read.
    #[inline]
    fn consume(&mut self, count: u64) {
        self.consumed += count;
        self.peeked = false;
        self.counts.messages += count;
        if self.empty {
            self.empty = false;
            self.counts.poll_hits += 1;
        }
        // Release: the slots have been read before the producer sees that they are free.
        let consumed = &self.ring.header.consumed.0;
        consumed.store(self.generation.stamp(self.consumed), Ordering::Release);
    }

    /// Frees the slot of the message that [`Receiver::peek`] read.
    ///
    /// # Panics
    /// In builds with debug assertions, where no message was read.
    pub fn advance(&mut self) {
        // What the slot says now is the producer's to change.
        debug_assert!(self.peeked, "no message was read");
        self.consume(1);
    }

    /// The stamp in a slot.
    #[inline]
    fn stamp_of(&self, index: u64) -> u64 {
        // Acquire: the payload, and the later slots of a batch, were written before.
        self.ring.slot(index).stamp.load(Ordering::Acquire)
    }

    /// Whether this stamp in its slot publishes message `index`.
    #[inline]
    fn published(&self, index: u64, stamp: u64) -> bool {
        self.generation
            .same(stamp, self.generation.stamp(index + 1))
    }

    /// Whether the next message has been published. If not, the producer may have been found at fault.
    #[inline(always)]
    fn ready(&mut self) -> bool {
        let found = self.stamp_of(self.consumed);
        if self.published(self.consumed, found) && self.fault.is_none() {
            return true;
        }
        // What polling finds again and again.
        if !self.empty || found != self.before() {
            self.not_ready(found);
        }
        false
    }

    /// The stamp of the lap before in the next message's slot.
    #[inline]
    fn before(&self) -> u64 {
        let number = self.consumed + 1;
        self.generation.stamp(number.saturating_sub(CAPACITY_WORD))
    }

    /// Looks why a stamp is not that of the next message: there is none yet, or the producer broke the protocol.
    #[cold]
    fn not_ready(&mut self, found: u64) {
        if !self.empty {
            self.empty = true;
            self.counts.tell(&self.ring.header.received.0);
        }
        if found == self.before() || self.fault.is_some() {
            return;
        }
        let number = self.consumed + 1;
        if self.generation.issued(found) {
            let expected = self.generation.stamp(number);
            self.fault = Some(PeerFault::Sequence { found, expected });
        } else if found != self.last_stale && self.generation.ahead(found, number) == 0 {
            // An earlier incarnation's, which may even have written it late; or that of a new one, which this side has
            // to meet first.
            self.last_stale = found;
            self.counts.stale += 1;
        }
    }

    /// Says that the consumer is about to block, and looks once more. Tells whether it may block: if not, a message is
    /// there and the ring is disarmed again.
    ///
    /// A consumer that may block waits for its doorbell, then [disarms](Receiver::disarm) the ring. A doorbell may also
    /// ring without a message.
    ///
    /// # Errors
    /// Where the producer broke the protocol; there is then nothing to wait for.
    pub fn arm(&mut self) -> Result<bool, PeerFault> {
        self.set_asleep(true);
        // With the fence in `Sender::publish`: see there.
        fence(Ordering::SeqCst);
        if cfg!(feature = "planted-no-recheck") {
            self.armed = true;
            return Ok(true);
        }
        if self.ready() || self.fault.is_some() || self.peer_changed() {
            self.set_asleep(false);
            return self.fault.map_or(Ok(false), Err);
        }
        self.counts.sleeps += 1;
        self.armed = true;
        Ok(true)
    }

    /// Says that the consumer is awake.
    pub fn disarm(&mut self) {
        if !core::mem::replace(&mut self.armed, false) {
            return;
        }
        let rung = !self.set_asleep(false);
        if rung && !self.ready() && self.fault.is_none() {
            self.counts.spurious += 1;
        }
    }

    /// Changes the word that says whether the consumer sleeps, and tells what it said. Both sides change it by exchange
    /// only, so that its changes are in one order that both agree on.
    fn set_asleep(&mut self, asleep: bool) -> bool {
        let word = &self.ring.header.asleep.0;
        let value = self.generation.stamp(u64::from(asleep));
        word.swap(value, Ordering::AcqRel) == self.generation.stamp(1)
    }

    /// Whether the producer died, gave the channel up, or came back since this generation began. Its calls have to be
    /// ended and the channel [begun anew](crate::Endpoint::renew).
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
        let count = &self.ring.header.latency.0[bucket(ticks)];
        // Nobody else writes it.
        count.store(
            count.load(Ordering::Relaxed).wrapping_add(1),
            Ordering::Relaxed,
        );
    }

    /// Messages received so far, in all generations.
    pub fn received(&self) -> u64 {
        self.counts.messages
    }

    /// What both sides tell of this direction.
    pub fn telemetry(&self) -> Telemetry {
        self.counts.tell(&self.ring.header.received.0);
        Telemetry::of(&self.ring.header)
    }
}
