//! The consumer's end of a ring.

use atoll_abi::message::Message;

use crate::memory::Shared;
use crate::sync::{Ordering, fence};
use crate::{CAPACITY_WORD, PeerFault};

/// The consumer's end of a ring.
pub struct Receiver {
    ring: Shared,
    /// Messages consumed: the number of the next one.
    consumed: u64,
    fault: Option<PeerFault>,
}

impl Receiver {
    pub(crate) fn new(ring: Shared) -> Receiver {
        Receiver {
            ring,
            consumed: 0,
            fault: None,
        }
    }

    /// Takes the next message, or `None` where there is none yet.
    ///
    /// # Errors
    /// Where the producer broke the protocol; this end is then closed.
    pub fn receive(&mut self) -> Result<Option<Message>, PeerFault> {
        if !self.ready()? {
            return Ok(None);
        }
        let message = self.ring.slot(self.consumed).read();
        self.consumed += 1;
        // Release: the slot has been read before the producer sees that it is free.
        let consumed = &self.ring.header.consumed.0;
        consumed.store(self.consumed, Ordering::Release);
        Ok(Some(message))
    }

    /// Whether the next message has been published.
    fn ready(&mut self) -> Result<bool, PeerFault> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let expected = self.consumed + 1;
        let before = expected.saturating_sub(CAPACITY_WORD);
        // Acquire: the payload, and the later slots of a batch, were written before.
        let found = self
            .ring
            .slot(self.consumed)
            .sequence
            .load(Ordering::Acquire);
        if found == expected {
            Ok(true)
        } else if found == before {
            Ok(false)
        } else {
            let fault = PeerFault::Sequence { found, expected };
            self.fault = Some(fault);
            Err(fault)
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
        self.set_asleep(1);
        // With the fence in `Sender::send`: see there.
        fence(Ordering::SeqCst);
        let ready = self.ready();
        if ready != Ok(false) {
            self.disarm();
        }
        ready.map(|ready| !ready)
    }

    /// The broken twin of [`Receiver::arm`], which a model must reject.
    #[cfg(loom)]
    pub fn arm_without_second_look(&mut self) {
        self.set_asleep(1);
        fence(Ordering::SeqCst);
    }

    /// Says that the consumer is awake.
    pub fn disarm(&mut self) {
        self.set_asleep(0);
    }

    /// Both sides change the word by exchange only, so that its changes are in one order that both agree on.
    fn set_asleep(&mut self, value: u64) {
        self.ring.header.asleep.0.swap(value, Ordering::AcqRel);
    }

    /// Messages received so far.
    pub fn received(&self) -> u64 {
        self.consumed
    }

    /// Doorbells that the producer says it rang: informational, the producer can write anything.
    pub fn peer_doorbells(&self) -> u64 {
        let telemetry = &self.ring.header.telemetry.0;
        telemetry.doorbells.load(Ordering::Relaxed)
    }

    /// Messages that the producer says it sent: informational, the producer can write anything.
    pub fn peer_sent(&self) -> u64 {
        self.ring.header.telemetry.0.sent.load(Ordering::Relaxed)
    }
}
