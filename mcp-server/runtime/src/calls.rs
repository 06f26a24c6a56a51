//! The calls of a vcore on one channel: what its uthreads, on whichever vcore they are now, share with its loop.
#![deny(unsafe_code)]

mod answers;

use core::borrow::Borrow;

use atoll_abi::layout::RING_SLOTS;
use atoll_abi::message::Message;
use atoll_abi::syscall::{Completion, Status, Syscall};
use atoll_call::{ClientEnd, Completed, Group, Loss, Writing};

use crate::credits::CreditQueue;
use crate::waiter::{Effects, Waiter};

/// Why nothing was submitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// There are too few credits; wait for completions.
    NoCredit,
    /// The channel is lost.
    Lost,
    /// The call is for a connection of another generation.
    Stale,
}

/// Calls on a channel.
pub(crate) struct Calls {
    end: ClientEnd<Waiter>,
    /// Credits that are kept for calls of the runtime itself.
    reserved: usize,
    /// Generation of the connection.
    generation: u32,
    /// The channel is connected again when its peer comes back.
    reconnects: bool,
    /// Uthreads that wait for credits.
    pub(crate) credits: CreditQueue,
}

impl Calls {
    /// No calls, of a process of a generation.
    pub(crate) fn new(
        process_generation: u32,
        generation: u32,
        reserved: usize,
        reconnects: bool,
    ) -> Calls {
        Calls {
            end: ClientEnd::new(process_generation),
            reserved,
            generation,
            reconnects,
            credits: CreditQueue::default(),
        }
    }

    /// Generation of the connection.
    pub(crate) fn generation(&self) -> u32 {
        self.generation
    }

    /// Calls that can ever be under way at once.
    pub(crate) fn most(&self) -> usize {
        RING_SLOTS - self.reserved
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.end.loss().is_some()
    }

    /// Calls that were answered so far.
    pub(crate) fn answered(&self) -> u64 {
        self.end.completed()
    }

    /// Completions so far that answered no call in flight.
    pub(crate) fn unmatched(&self) -> u64 {
        self.end.unmatched()
    }

    /// Calls that have not ended.
    pub(crate) fn outstanding(&self) -> usize {
        self.end.waiting()
    }

    /// Whether the peer has answered every call.
    pub(crate) fn is_idle(&self) -> bool {
        self.end.in_flight() == 0
    }

    /// Whether calls can be staged, on a connection of this generation where one is given.
    #[inline]
    pub(crate) fn room(&self, count: usize, generation: Option<u32>) -> Result<(), Refused> {
        if self.is_lost() {
            return Err(Refused::Lost);
        }
        if generation.is_some_and(|wanted| wanted != self.generation) {
            return Err(Refused::Stale);
        }
        match self.end.room(count + self.reserved) {
            Ok(()) => Ok(()),
            Err(_) => Err(Refused::NoCredit),
        }
    }

    /// Whether calls of the runtime itself can be staged, for which credits are reserved.
    pub(crate) fn has_reserved(&self, count: usize) -> bool {
        self.end.room(count).is_ok()
    }

    /// Stages a call for which there is room. Gives its tag.
    #[inline]
    pub(crate) fn stage(
        &mut self,
        syscall: Syscall,
        waiter: Waiter,
        deadline: u64,
        now: u64,
    ) -> u64 {
        self.end.stage(syscall, waiter, deadline, now)
    }

    /// Makes calls, for which there is room, to be sent at once: see [`ClientEnd::write_group`].
    #[inline(always)]
    pub(crate) fn write_group<I: ExactSizeIterator, W>(
        &mut self,
        calls: I,
        waiter: W,
        deadline: u64,
        now: u64,
    ) -> Writing<'_, Waiter, I, W> {
        self.end.write_group(calls, waiter, deadline, now)
    }

    /// Stages calls, for which there is room, that are waited for together.
    pub(crate) fn stage_group(
        &mut self,
        calls: impl ExactSizeIterator<Item: Borrow<Syscall>>,
        waiter: impl FnMut(u16, bool) -> Waiter,
        deadline: u64,
        now: u64,
    ) -> Group {
        self.end.stage_group(calls, waiter, deadline, now)
    }

    /// The calls that are staged and not sent.
    #[inline]
    pub(crate) fn staged(&self) -> &[Message] {
        self.end.staged()
    }

    /// What was staged has been sent.
    #[inline]
    pub(crate) fn sent(&mut self) {
        self.end.sent();
    }

    /// Takes a completion in. Tells `answered` when the call was submitted, where it ends one now.
    #[inline(always)]
    pub(crate) fn complete(
        &mut self,
        completion: &Completion,
        effects: &mut Effects,
        answered: impl FnOnce(u64),
    ) {
        let kept = self.end.keep(completion, |waiter| match waiter {
            Waiter::Caller(None) => true,
            Waiter::Caller(waker) => {
                effects.wakers.extend(waker.take());
                effects.any = true;
                true
            }
            _ => false,
        });
        if let Some(since) = kept {
            answered(since);
            return;
        }
        // A copy, so that the completion itself can stay in registers.
        if let Some(since) = self.complete_other(*completion, effects) {
            answered(since);
        }
    }

    /// Not inlined, because what is inlined into the loop over completions is what most of them take.
    #[inline(never)]
    fn complete_other(&mut self, completion: Completion, effects: &mut Effects) -> Option<u64> {
        let completed = self.end.complete(&completion);
        let since = match &completed {
            Completed::Ended(ended) => Some(ended.since),
            _ => None,
        };
        effects.note(completed);
        since
    }

    /// The next deadline of a call.
    pub(crate) fn next_deadline(&self) -> u64 {
        self.end.next_deadline()
    }

    /// Ends the calls whose deadline has passed.
    pub(crate) fn expire(&mut self, now: u64, effects: &mut Effects) {
        while let Some(ended) = self.end.expire(now) {
            effects.ended(ended);
        }
    }

    /// Cancels a call. Tells whether that ended it.
    pub(crate) fn cancel(&mut self, tag: u64, effects: &mut Effects) -> bool {
        let ended = self.end.end_early(tag, Status::Cancelled);
        let found = ended.is_some();
        ended.into_iter().for_each(|ended| effects.ended(ended));
        found
    }

    /// Ends every call: the channel is lost.
    pub(crate) fn lose(&mut self, loss: Loss, effects: &mut Effects) {
        self.end.lose(loss, |completed| effects.note(completed));
        // Those who wait for credits have to learn of it.
        effects.wakers.extend(self.take_all_for_credits());
        effects.any = true;
    }

    /// The channel stays lost, even where its peer comes back.
    pub(crate) fn lose_for_good(&mut self, loss: Loss, effects: &mut Effects) {
        self.reconnects = false;
        self.lose(loss, effects);
    }

    /// The peer is back, in another generation of the connection: calls can be made again. Tells whether they are.
    pub(crate) fn reconnect(&mut self, generation: u32) -> bool {
        if self.reconnects {
            self.generation = generation;
            self.end.reconnect();
        }
        self.reconnects
    }
}
