//! Uthreads that wait for credits of a channel.
//!
//! Whoever sets credits free wakes one uthread that they are enough for: the one that has waited longest. A uthread that was
//! woken wakes the next one in the same way, whether or not it found the credits, because it may use them on another channel.
//! So a credit wakes at most two uthreads, however many wait, and none waits while there are credits for it: of those behind
//! the first one some may want fewer.
#![deny(unsafe_code)]

use alloc::collections::VecDeque;
use core::task::Waker;

use crate::calls::{Calls, Refused};
use crate::monitor::Monitor;
use crate::uthread;

/// The credits that a uthread waits for.
#[derive(Clone, Copy)]
pub(crate) struct Wanted {
    /// How many.
    pub(crate) count: usize,
    /// The generation of the connection for which it wants them, where one is given.
    pub(crate) generation: Option<u32>,
}

struct Waiting {
    /// Grows from one uthread to the next.
    ticket: u64,
    wanted: Wanted,
    waker: Waker,
}

/// The uthreads that wait, in the order of their tickets. One is taken out when it is woken, and comes back to its place where
/// it finds no credits.
#[derive(Default)]
pub(crate) struct CreditQueue {
    waiting: VecDeque<Waiting>,
    tickets: u64,
}

impl CreditQueue {
    /// Where a ticket is, or would be.
    fn place(&self, ticket: u64) -> Result<usize, usize> {
        let waiting = &self.waiting;
        waiting.binary_search_by_key(&ticket, |waiting| waiting.ticket)
    }
}

impl Calls {
    /// Looks for credits on behalf of a uthread, which waits with the ticket that it is given. Tells whether it need not wait
    /// any more, and who is to be woken when the lock is released.
    fn look_for(
        &mut self,
        wanted: Wanted,
        ticket: &mut Option<u64>,
        waker: impl FnOnce() -> Waker,
    ) -> (bool, Option<Waker>) {
        let number = ticket.unwrap_or_else(|| {
            self.credits.tickets += 1;
            self.credits.tickets
        });
        *ticket = Some(number);
        let place = self.credits.place(number);
        let found = self.room(wanted.count, wanted.generation) != Err(Refused::NoCredit);
        match place {
            Ok(place) if found => drop(self.credits.waiting.remove(place)),
            Err(place) if !found => self.credits.waiting.insert(
                place,
                Waiting {
                    ticket: number,
                    wanted,
                    waker: waker(),
                },
            ),
            _ => {}
        }
        (found, self.next_for_credits())
    }

    /// Takes out the first uthread for which there are credits.
    #[inline]
    pub(crate) fn next_for_credits(&mut self) -> Option<Waker> {
        if self.credits.waiting.is_empty() {
            return None;
        }
        self.take_next()
    }

    /// Not inlined, because mostly none waits.
    #[inline(never)]
    fn take_next(&mut self) -> Option<Waker> {
        if self.room(1, None) == Err(Refused::NoCredit) {
            return None;
        }
        let place = self.credits.waiting.iter().position(|waiting| {
            let Wanted { count, generation } = waiting.wanted;
            self.room(count, generation) != Err(Refused::NoCredit)
        })?;
        let taken = self.credits.waiting.remove(place);
        taken.map(|waiting| waiting.waker)
    }

    /// Takes out all who wait: the channel is lost.
    pub(crate) fn take_all_for_credits(&mut self) -> impl Iterator<Item = Waker> + use<> {
        let waiting = core::mem::take(&mut self.credits.waiting);
        waiting.into_iter().map(|waiting| waiting.waker)
    }
}

impl Monitor<Calls> {
    /// Works on the calls, and wakes a uthread that waits for credits where the result says that some are free.
    #[inline]
    pub(crate) fn with_freed<R>(
        &self,
        work: impl FnOnce(&mut Calls) -> R,
        freed: impl FnOnce(&R) -> bool,
    ) -> R {
        let (result, next) = self.with(|calls| {
            let result = work(calls);
            let next = match freed(&result) {
                true => calls.next_for_credits(),
                false => None,
            };
            (result, next)
        });
        if let Some(next) = next {
            next.wake();
        }
        result
    }

    /// Waits until there are credits, or none are needed because the channel is lost or of another generation.
    ///
    /// # Panics
    /// Where it would wait and the caller is not a uthread.
    pub(crate) fn wait_for_credits(&self, wanted: Wanted) {
        let mut ticket = None;
        loop {
            let (found, next) =
                self.with(|calls| calls.look_for(wanted, &mut ticket, uthread::waker));
            if let Some(next) = next {
                next.wake();
            }
            if found {
                return;
            }
            uthread::park();
        }
    }
}
