//! How a consumer says that it sleeps.

use super::Receiver;
use crate::PeerFault;
use crate::sync::{Ordering, fence};

impl Receiver {
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
        let ring = self.ring.clone();
        let found = self.look(&ring);
        if found != Ok(None) || self.peer_changed() {
            self.set_asleep(false);
            return found.map(|_| false);
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
        let ring = self.ring.clone();
        if rung && self.look(&ring) == Ok(None) {
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
}
