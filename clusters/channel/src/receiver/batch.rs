//! Messages that are taken together: their slots become free at once.

use atoll_abi::message::Message;

use super::Receiver;
use crate::memory::Slot;
use crate::sync::Ordering;
use crate::telemetry::Latencies;
use crate::{CAPACITY, PeerFault};

impl Receiver {
    /// Takes as many messages as there are and fit, in order; tells how many. Their slots become free together.
    ///
    /// # Errors
    /// Where the producer broke the protocol and nothing was taken; this end is then closed.
    #[inline]
    pub fn receive_batch(&mut self, into: &mut [Message]) -> Result<usize, PeerFault> {
        let (ring, first) = (self.ring.clone(), self.consumed);
        let Some(begin) = self.look(&ring)? else {
            return Ok(0);
        };
        let most = self.generation.run(first).min(CAPACITY).min(into.len());
        let Some((into, more)) = into[..most].split_first_mut() else {
            return Ok(0);
        };
        *into = ring.slot(first).payload.load();
        let slots = ring.slots(first + 1, more.len());
        let (near, far) = more.split_at_mut(slots[0].len());
        let mut stamp = self.take(slots[0], near, begin);
        if stamp == begin.wrapping_add(near.len() as u64) {
            stamp = self.take(slots[1], far, stamp);
        }
        if self.torn(&ring) {
            return Ok(0);
        }
        let count = stamp.wrapping_sub(begin) + 1;
        self.consume(&ring, first + count, stamp);
        Ok(count as usize)
    }

    /// Takes messages that follow the one with this stamp, until one is not there; tells the last one's stamp.
    #[inline(always)]
    fn take(&self, slots: &[Slot], into: &mut [Message], mut stamp: u64) -> u64 {
        for (slot, into) in slots.iter().zip(into) {
            // What is wrong with a later message is found when it is the next one.
            // Acquire: the payload was written before.
            let found = slot.stamp.load(Ordering::Acquire);
            if !self.generation.same(found, stamp.wrapping_add(1)) {
                break;
            }
            *into = slot.payload.load();
            stamp = stamp.wrapping_add(1);
        }
        stamp
    }

    /// Hands over as many answers as there are, at most so many, in order, one by one as they are read; tells how many. Their
    /// slots become free together, when all have been handed over. Only the first words of each are read. `each` notes
    /// the time of the request with the latencies, where the answer is one; `clock` tells that of the answers.
    ///
    /// # Errors
    /// As for [`Receiver::receive_batch`].
    #[inline]
    pub fn receive_answers<const WORDS: usize>(
        &mut self,
        most: usize,
        clock: impl FnOnce() -> u64,
        mut each: impl FnMut([u64; WORDS], &mut Latencies<'_>),
    ) -> Result<usize, PeerFault> {
        let (ring, first) = (self.ring.clone(), self.consumed);
        let Some(begin) = self.look(&ring)? else {
            return Ok(0);
        };
        let most = self.generation.run(first).min(CAPACITY).min(most) as u64;
        let mut latencies = Latencies::new(&ring.header, clock());
        let mut count = 0;
        loop {
            let slot = ring.slot(first + count);
            // Acquire: the payload was written before. What is wrong with a later message is found when it is the next one.
            let stamp = slot.stamp.load(Ordering::Acquire);
            if !self.generation.same(stamp, begin.wrapping_add(count)) {
                break;
            }
            let words = slot.payload.load_first();
            if self.torn(&ring) {
                break;
            }
            each(words, &mut latencies);
            count += 1;
            if count == most {
                break;
            }
        }
        latencies.tell();
        if count > 0 {
            self.consume(&ring, first + count, begin.wrapping_add(count - 1));
        }
        Ok(count as usize)
    }
}
