//! Batches of messages that are written first and made visible later.

use core::mem::ManuallyDrop;

use atoll_abi::message::Message;

use super::{SendError, Sender, Wake};
use crate::CAPACITY_WORD;
use crate::memory::Slot;
use crate::sync::Ordering;

/// Messages that are in their slots and that the consumer does not see yet. Dropped, they were never sent.
#[must_use = "what is staged and not published is not sent"]
pub struct Staged<'a> {
    sender: &'a mut Sender,
    count: usize,
}

impl Staged<'_> {
    /// Makes the messages visible, all at once; tells how many.
    #[inline(always)]
    pub fn publish(self) -> (usize, Wake) {
        // They are sent: there is nothing to take back.
        let mut staged = ManuallyDrop::new(self);
        let count = staged.count;
        if count == 0 {
            return (0, Wake::NOT_NEEDED);
        }
        let sender = &mut *staged.sender;
        sender.counts.followers += count as u64 - 1;
        let told = &sender.ring.header.sent.0.followers;
        told.store(sender.counts.followers, Ordering::Relaxed);
        let (ring, first) = (sender.ring.clone(), sender.produced);
        (count, sender.publish(&ring, first, count))
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
    /// Writes as many messages as there are free slots, in order, and shows the consumer none of them yet.
    ///
    /// The slots are filled from the last to the first. Each later one is stamped at once: the consumer looks at it only
    /// once it has seen the first one's stamp.
    ///
    /// # Errors
    /// As for [`Sender::send_batch`].
    #[inline(always)]
    pub fn stage(&mut self, messages: &[Message]) -> Result<Staged<'_>, SendError> {
        let count = self.room_for(messages.len())?.min(messages.len());
        let Some((first, later)) = messages[..count].split_first() else {
            return Ok(Staged {
                sender: self,
                count: 0,
            });
        };
        debug_assert!(self.produced + count as u64 - self.consumed <= CAPACITY_WORD);
        let ring = self.ring.clone();
        let slots = ring.slots(self.produced + 1, later.len());
        let (near, far) = later.split_at(slots[0].len());
        let stamp = self.stamps.wrapping_add(self.produced);
        let stamp = fill(slots[1], far, stamp.wrapping_add(count as u64));
        fill(slots[0], near, stamp);
        ring.slot(self.produced).payload.store(first);
        Ok(Staged {
            sender: self,
            count,
        })
    }

    /// Sends so many messages, at least one, with one publication, where there are free slots for all. Each is asked for only
    /// when it is sure that all will be sent, the last one first.
    ///
    /// # Errors
    /// As for [`Sender::send_batch`], where there are not so many free slots.
    #[inline(always)]
    pub fn send_reversed(
        &mut self,
        count: usize,
        mut next: impl FnMut() -> Message,
    ) -> Result<Wake, SendError> {
        if self.room_for(count)? < count || count == 0 {
            return Err(SendError::Full);
        }
        let ring = self.ring.clone();
        let stamp = self.stamps.wrapping_add(self.produced);
        for place in (1..count as u64).rev() {
            let slot = ring.slot(self.produced + place);
            slot.payload.store(&next());
            // Relaxed: as in `fill`.
            slot.stamp
                .store(stamp.wrapping_add(place), Ordering::Relaxed);
        }
        ring.slot(self.produced).payload.store(&next());
        let staged = Staged {
            sender: self,
            count,
        };
        Ok(staged.publish().1)
    }

    /// How many messages can be sent now, looked up only where fewer than so many are known to be.
    #[inline(always)]
    fn room_for(&mut self, messages: usize) -> Result<usize, SendError> {
        let room = (self.limit - self.produced) as usize;
        if room < messages.max(1) {
            return self.room(messages);
        }
        Ok(room)
    }
}

/// Writes messages and their stamps from the last to the first, where the one behind the last would have this stamp; tells
/// the first one's.
#[inline(always)]
fn fill(slots: &[Slot], messages: &[Message], mut stamp: u64) -> u64 {
    for (slot, message) in slots.iter().zip(messages).rev() {
        stamp = stamp.wrapping_sub(1);
        slot.payload.store(message);
        // Relaxed: the release of the slot before all of these publishes them.
        slot.stamp.store(stamp, Ordering::Relaxed);
    }
    stamp
}
