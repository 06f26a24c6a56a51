//! One channel of a vcore: its calls, and the rings that carry them.
//!
//! Only the vcore itself uses the rings, so that no other vcore ever waits for their lock. That is what lets the server stop
//! the vcore while it waits to be granted again: it then holds no lock but this one.
#![deny(unsafe_code)]

mod sending;

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use atoll_abi::message::Payload;
use atoll_abi::syscall::Completion;
use atoll_call::Loss;
use atoll_channel::{Endpoint, PeerFault};

use crate::calls::Calls;
use crate::monitor::Monitor;
use crate::sync::Mutex;
use crate::waiter::Effects;

pub(crate) use sending::MOST_OWN_CALLS;

/// What was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// So many completions.
    Some(usize),
    /// Nothing: the peer has died, or came back.
    PeerChanged,
    /// The peer broke the protocol.
    Fault,
}

/// A channel.
pub(crate) struct Channel {
    pub(crate) calls: Monitor<Calls>,
    rings: Mutex<Endpoint>,
    /// The channel is lost: a copy of what the calls say, changed with their lock held.
    lost: AtomicBool,
    /// Doorbells that were rung for the peer.
    doorbells: AtomicU64,
}

impl Channel {
    /// A channel of a process of a generation, with credits reserved for calls of the runtime itself.
    ///
    /// Not inlined: a channel is large, and the copies of all channels would lie side by side on the stack of the vcore that
    /// makes them.
    #[inline(never)]
    pub(crate) fn new(
        endpoint: Endpoint,
        process_generation: u32,
        reserved: usize,
        reconnects: bool,
    ) -> Channel {
        let generation = endpoint.generation();
        let dead = endpoint.receiver.peer_dead();
        let channel = Channel {
            calls: Monitor::new(Calls::new(
                process_generation,
                generation,
                reserved,
                reconnects,
            )),
            rings: Mutex::new(endpoint),
            lost: AtomicBool::new(false),
            doorbells: AtomicU64::new(0),
        };
        if dead {
            // It is followed when it comes back. No call is under way, so nothing comes of the loss.
            channel.lose(Loss::Death, &mut Effects::default());
        }
        channel
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::SeqCst)
    }

    /// Ends every call: the channel is lost.
    pub(crate) fn lose(&self, loss: Loss, effects: &mut Effects) {
        self.calls.with(|calls| {
            calls.lose(loss, effects);
            self.lost.store(true, Ordering::SeqCst);
        });
    }

    /// As [`Channel::lose`]; the channel stays lost, even where its peer comes back.
    pub(crate) fn lose_for_good(&self, loss: Loss, effects: &mut Effects) {
        self.calls.with(|calls| {
            calls.lose_for_good(loss, effects);
            self.lost.store(true, Ordering::SeqCst);
        });
    }

    pub(crate) fn doorbells(&self) -> u64 {
        self.doorbells.load(Ordering::Relaxed)
    }

    /// Whether [`Channel::receive`] would tell of anything. A vcore that polls asks again and again, so that this is cheap.
    #[inline]
    pub(crate) fn has_something(&self) -> bool {
        let receiver = &mut self.rings.lock().receiver;
        receiver.waiting() || receiver.peer_changed()
    }

    /// Takes completions in that have arrived, at most so many; `clock` tells the time.
    #[inline]
    pub(crate) fn receive(
        &self,
        most: usize,
        clock: impl FnOnce() -> u64,
        effects: &mut Effects,
    ) -> Received {
        let receiver = &mut self.rings.lock().receiver;
        if self.is_lost() {
            return match receiver.peer_changed() {
                true => Received::PeerChanged,
                false => Received::Some(0),
            };
        }
        let received = self.calls.with(|calls| {
            receiver.receive_answers(most, clock, |words, latencies| {
                calls.complete(&Completion::of_words(words), effects, |since| {
                    latencies.add(since)
                });
            })
        });
        match received {
            // What is left in the ring of a peer that died is not its answer.
            Ok(0) if receiver.peer_changed() => Received::PeerChanged,
            Ok(count) => Received::Some(count),
            Err(_) => Received::Fault,
        }
    }

    /// Takes one completion in, and has `settle` do what it set free to be done, before the peer sees that it was taken.
    pub(crate) fn receive_one(
        &self,
        clock: impl FnOnce() -> u64,
        effects: &mut Effects,
        settle: impl FnOnce(&mut Effects),
    ) -> Received {
        let receiver = &mut self.rings.lock().receiver;
        match receiver.peek() {
            Ok(None) if receiver.peer_changed() => Received::PeerChanged,
            Ok(None) => Received::Some(0),
            Ok(Some(message)) => {
                let completion = Completion::from_message(&message);
                self.calls.with(|calls| {
                    calls.complete(&completion, effects, |since| {
                        receiver.note_latency(clock().wrapping_sub(since));
                    });
                });
                settle(effects);
                receiver.advance();
                Received::Some(1)
            }
            Err(_) => Received::Fault,
        }
    }

    /// Where the peer has died or come back: ends every call, and connects again where the peer is alive. Tells whether it
    /// was connected again.
    pub(crate) fn follow_peer(&self, effects: &mut Effects) -> bool {
        let mut rings = self.rings.lock();
        if !rings.receiver.peer_changed() {
            return false;
        }
        self.lose(Loss::Death, effects);
        // Where the peer is dead, it has changed again when it is back.
        if !rings.reattach() {
            return false;
        }
        let generation = rings.generation();
        self.calls.with(|calls| {
            let connected = calls.reconnect(generation);
            self.lost.store(!connected, Ordering::SeqCst);
            connected
        })
    }

    /// Whether no device writes any more what an earlier life of the process had lent to the peer: the peer has begun the
    /// channel's generation, or its supervisor has announced its death since.
    pub(crate) fn is_quiet(&self) -> bool {
        let rings = self.rings.lock();
        rings.peer_has_begun() || rings.receiver.peer_changed() || rings.receiver.peer_dead()
    }

    /// Says that the vcore is about to block. Tells whether it may.
    ///
    /// # Errors
    /// Where the peer broke the protocol.
    pub(crate) fn arm(&self) -> Result<bool, PeerFault> {
        let receiver = &mut self.rings.lock().receiver;
        if self.is_lost() {
            // A peer that comes back rings, whether or not the ring is armed.
            return Ok(!receiver.peer_changed());
        }
        receiver.arm()
    }

    /// Tells how often the vcore looks for work in vain before it blocks.
    pub(crate) fn note_poll_budget(&self, looks: u32) {
        self.rings.lock().receiver.note_poll_budget(looks);
    }

    /// Publishes what the vcore counted on the channel: nobody can ask it once the process has ended. Any vcore may do that, so
    /// that it does not wait: one that is given back may have been stopped while it used its rings.
    pub(crate) fn publish_counts(&self) {
        if let Some(rings) = self.rings.try_lock() {
            rings.receiver.publish_counts();
        }
    }

    /// How it is attached; `None` where its rings are used now.
    #[cfg(feature = "simulated")]
    pub(crate) fn attached(&self) -> Option<crate::simulated::Attached> {
        let rings = self.rings.try_lock()?;
        Some(crate::simulated::Attached {
            generation: rings.generation(),
            lost: self.is_lost(),
            peer_changed: rings.receiver.peer_changed(),
        })
    }

    /// Says that the vcore is awake.
    pub(crate) fn disarm(&self) {
        self.rings.lock().receiver.disarm();
    }
}

#[cfg(test)]
#[allow(unsafe_code, reason = "attaches a channel")]
mod tests {
    extern crate std;

    use alloc::alloc::{Layout, alloc_zeroed};
    use std::sync::{Arc, mpsc};
    use std::time::Duration;

    use atoll_abi::layout::{PAGE_SIZE, RING_WINDOW_SIZE};
    use atoll_channel::Side;

    use super::*;

    #[test]
    fn counts_of_a_vcore_that_was_stopped_with_its_rings_are_not_waited_for() {
        let layout = Layout::from_size_align(RING_WINDOW_SIZE, PAGE_SIZE).unwrap();
        // SAFETY: the layout has a size; a zeroed, aligned window that stays for good, attached here only.
        let endpoint = unsafe { Endpoint::attach(alloc_zeroed(layout), Side::First) };
        let channel = Arc::new(Channel::new(endpoint, 1, 0, true));
        let _used = channel.rings.lock();
        let (tells, told) = mpsc::channel();
        let other = channel.clone();
        std::thread::spawn(move || {
            other.publish_counts();
            tells.send(())
        });
        assert!(told.recv_timeout(Duration::from_secs(10)).is_ok());
    }
}
