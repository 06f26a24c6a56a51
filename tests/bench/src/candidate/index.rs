//! A control: a ring as io_uring has it.
//!
//! The producer's and the consumer's index are each on a line of their own, and a store of the producer's publishes all
//! messages before it. There is no fence and there are no checks.

use std::cell::UnsafeCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Candidate, Line, Message, Receiver, SLOTS, Sender};

#[repr(align(128))]
struct Position(AtomicU64);

struct Ring {
    produced: Position,
    consumed: Position,
    slots: [UnsafeCell<Line>; SLOTS],
}

// SAFETY: a slot is written only while it is the producer's and read only while it is the consumer's; the two indices
// hand it over.
unsafe impl Sync for Ring {}

impl Ring {
    fn slot(&self, index: u64) -> &UnsafeCell<Line> {
        &self.slots[(index % SLOTS as u64) as usize]
    }
}

/// The control.
pub struct Index;

/// The producer's end.
pub struct IndexSender {
    ring: Arc<Ring>,
    produced: u64,
    consumed: u64,
}

/// The consumer's end.
pub struct IndexReceiver {
    ring: Arc<Ring>,
    produced: u64,
    consumed: u64,
}

impl Candidate for Index {
    const NAME: &'static str = "control: index ring";
    type Message = Line;
    type Sender = IndexSender;
    type Receiver = IndexReceiver;

    fn ring() -> (IndexSender, IndexReceiver) {
        let position = || Position(AtomicU64::new(0));
        let ring = Arc::new(Ring {
            produced: position(),
            consumed: position(),
            slots: std::array::from_fn(|_| UnsafeCell::new(Line::new(0))),
        });
        let sender = IndexSender {
            ring: Arc::clone(&ring),
            produced: 0,
            consumed: 0,
        };
        let receiver = IndexReceiver {
            ring,
            produced: 0,
            consumed: 0,
        };
        (sender, receiver)
    }
}

impl Sender<Line> for IndexSender {
    #[inline(always)]
    fn send(&mut self, message: &Line) -> bool {
        self.send_batch(std::slice::from_ref(message)) == 1
    }

    /// All or nothing: small batches would cost the consumer a miss each.
    #[inline(always)]
    fn send_batch(&mut self, messages: &[Line]) -> usize {
        let room = |consumed| SLOTS - (self.produced - consumed) as usize;
        if room(self.consumed) < messages.len() {
            self.consumed = self.ring.consumed.0.load(Ordering::Acquire);
            if room(self.consumed) < messages.len() {
                return 0;
            }
        }
        for (offset, message) in messages.iter().enumerate() {
            let slot = self.ring.slot(self.produced + offset as u64);
            // SAFETY: the slot is free, so the consumer does not look at it.
            unsafe { slot.get().write(*message) };
        }
        self.produced += messages.len() as u64;
        self.ring.produced.0.store(self.produced, Ordering::Release);
        messages.len()
    }
}

impl Receiver<Line> for IndexReceiver {
    #[inline(always)]
    fn receive(&mut self) -> Option<Line> {
        let mut message = [Line::default()];
        (self.receive_batch(&mut message) == 1).then_some(message[0])
    }

    #[inline(always)]
    fn receive_batch(&mut self, into: &mut [Line]) -> usize {
        if self.produced == self.consumed {
            self.produced = self.ring.produced.0.load(Ordering::Acquire);
        }
        let count = into.len().min((self.produced - self.consumed) as usize);
        if count == 0 {
            return 0;
        }
        for (offset, place) in into[..count].iter_mut().enumerate() {
            let slot = self.ring.slot(self.consumed + offset as u64);
            // SAFETY: the producer leaves the slot alone until it is told that it was consumed.
            *place = unsafe { slot.get().read() };
        }
        self.consumed += count as u64;
        self.ring.consumed.0.store(self.consumed, Ordering::Release);
        count
    }
}
