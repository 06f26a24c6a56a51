//! A control: a ring as Barrelfish's user-level message passing has it.
//!
//! Each slot's last word holds the number of the lap that wrote it, and is the publication of that message; the consumer
//! tells how far it is on a line of its own. There are no batches, no fence and no checks.

use std::cell::UnsafeCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Candidate, Payload, Receiver, SLOTS, Sender};

#[repr(align(64))]
struct Slot {
    payload: UnsafeCell<Payload>,
    epoch: AtomicU64,
}

#[repr(align(128))]
struct Consumed(AtomicU64);

struct Ring {
    consumed: Consumed,
    slots: [Slot; SLOTS],
}

// SAFETY: a payload is written only while its slot is the producer's and read only while it is the consumer's; the epoch
// and the consumer's index hand it over.
unsafe impl Sync for Ring {}

impl Ring {
    fn slot(&self, index: u64) -> (&Slot, u64) {
        let slots = SLOTS as u64;
        (&self.slots[(index % slots) as usize], index / slots + 1)
    }
}

/// The control.
pub struct Epoch;

/// The producer's end.
pub struct EpochSender {
    ring: Arc<Ring>,
    produced: u64,
    consumed: u64,
}

/// The consumer's end.
pub struct EpochReceiver {
    ring: Arc<Ring>,
    consumed: u64,
}

impl Candidate for Epoch {
    const NAME: &'static str = "control: epoch in slot";
    type Message = Payload;
    type Sender = EpochSender;
    type Receiver = EpochReceiver;

    fn ring() -> (EpochSender, EpochReceiver) {
        let ring = Arc::new(Ring {
            consumed: Consumed(AtomicU64::new(0)),
            slots: std::array::from_fn(|_| Slot {
                payload: UnsafeCell::new([0; 7]),
                epoch: AtomicU64::new(0),
            }),
        });
        let sender = EpochSender {
            ring: Arc::clone(&ring),
            produced: 0,
            consumed: 0,
        };
        (sender, EpochReceiver { ring, consumed: 0 })
    }
}

impl Sender<Payload> for EpochSender {
    #[inline(always)]
    fn send(&mut self, message: &Payload) -> bool {
        if self.produced - self.consumed == SLOTS as u64 {
            self.consumed = self.ring.consumed.0.load(Ordering::Acquire);
            if self.produced - self.consumed == SLOTS as u64 {
                return false;
            }
        }
        let (slot, epoch) = self.ring.slot(self.produced);
        // SAFETY: the slot is free, so the consumer does not look at its payload.
        unsafe { slot.payload.get().write(*message) };
        slot.epoch.store(epoch, Ordering::Release);
        self.produced += 1;
        true
    }

    #[inline(always)]
    fn send_batch(&mut self, messages: &[Payload]) -> usize {
        messages
            .iter()
            .take_while(|message| self.send(message))
            .count()
    }
}

impl EpochReceiver {
    #[inline(always)]
    fn take(&self, index: u64) -> Option<Payload> {
        let (slot, epoch) = self.ring.slot(index);
        if slot.epoch.load(Ordering::Acquire) != epoch {
            return None;
        }
        // SAFETY: the producer leaves the slot alone until it is told that it was consumed.
        Some(unsafe { slot.payload.get().read() })
    }

    #[inline(always)]
    fn free(&mut self, count: usize) {
        self.consumed += count as u64;
        self.ring.consumed.0.store(self.consumed, Ordering::Release);
    }
}

impl Receiver<Payload> for EpochReceiver {
    #[inline(always)]
    fn receive(&mut self) -> Option<Payload> {
        let message = self.take(self.consumed)?;
        self.free(1);
        Some(message)
    }

    #[inline(always)]
    fn receive_batch(&mut self, into: &mut [Payload]) -> usize {
        let mut count = 0;
        for place in into.iter_mut() {
            match self.take(self.consumed + count as u64) {
                Some(message) => *place = message,
                None => break,
            }
            count += 1;
        }
        if count > 0 {
            self.free(count);
        }
        count
    }
}
