//! What waits for the end of a call, and what ends set free.
#![deny(unsafe_code)]

use alloc::vec::Vec;
use core::task::Waker;

use atoll_abi::syscall::{Call, Status};
use atoll_call::{Answer, Completed, Ended};

use crate::block::Lent;
use crate::expected::Expected;

/// What waits for the answer to a call, or for a timer.
pub(crate) enum Waiter {
    /// A caller that fetches the answer, and how to wake it where it waits already.
    Caller(Option<Waker>),
    /// As [`Waiter::Caller`], of a call whose end the runtime itself has to know of.
    Watched(Option<Waker>),
    /// No caller any more: the block goes back to its pool when the call has ended.
    Abandoned(Option<Lent>),
    /// The answer becomes an event.
    Expected(Expected),
}

impl atoll_call::Waiter for Waiter {
    #[inline]
    fn keeps_answer(&self) -> bool {
        matches!(self, Waiter::Caller(_) | Waiter::Watched(_))
    }
}

impl Waiter {
    /// A caller of a call of this number.
    #[inline]
    pub(crate) fn caller(call: u16) -> Waiter {
        match Call::from_raw(call) {
            Some(Call::Exit | Call::BecomeMcp) => Waiter::Watched(None),
            _ => Waiter::Caller(None),
        }
    }

    /// Has a caller woken by this waker.
    pub(crate) fn wake_by(&mut self, waker: &Waker) {
        if let Waiter::Caller(kept) | Waiter::Watched(kept) = self
            && !kept.as_ref().is_some_and(|kept| kept.will_wake(waker))
        {
            *kept = Some(waker.clone());
        }
    }
}

/// An answer that the runtime gives itself. A block that the call was given never left the process.
pub(crate) fn own_answer(status: Status, result: [u64; 2]) -> Answer {
    Answer {
        status,
        result,
        block_returned: true,
    }
}

/// What ended calls set free, to be dealt with when no lock is held. Kept between batches, so that none allocates.
#[derive(Default)]
pub(crate) struct Effects {
    /// There is anything.
    pub(crate) any: bool,
    pub(crate) wakers: Vec<Waker>,
    /// Blocks of calls without a caller, and whether they were returned.
    pub(crate) lent: Vec<(Lent, bool)>,
    /// Blocks of calls that had ended early.
    pub(crate) late_blocks: Vec<u32>,
    pub(crate) events: Vec<(Expected, Answer)>,
    /// A credit may have become free.
    pub(crate) credit: bool,
    pub(crate) exited: bool,
    pub(crate) many_core: bool,
    /// How the vcore's last `YieldVcore` ended.
    pub(crate) yielded: Option<Status>,
    /// The vcore's last `SetAlarm` was answered.
    pub(crate) alarm_answered: bool,
}

impl Effects {
    /// Room for what so many completions set free.
    pub(crate) fn with_capacity(completions: usize) -> Effects {
        Effects {
            wakers: Vec::with_capacity(completions),
            lent: Vec::with_capacity(completions),
            late_blocks: Vec::with_capacity(completions),
            events: Vec::with_capacity(completions),
            ..Effects::default()
        }
    }

    /// Notes what a completion ended.
    pub(crate) fn note(&mut self, completed: Completed<Waiter>) {
        self.any = true;
        match completed {
            Completed::Ended(ended) => self.ended(ended),
            Completed::Late { block } => {
                self.late_blocks.extend(block);
                self.credit = true;
            }
            Completed::Unmatched => {}
        }
    }

    /// Notes a call that has ended for its caller.
    pub(crate) fn ended(&mut self, ended: Ended<Waiter>) {
        self.any = true;
        self.called(ended.call, ended.answer.status);
        self.deliver(ended.waiter, ended.answer);
    }

    /// Notes how a call has ended that the runtime itself has to know of: its own calls, and those with a caller that is
    /// [watched](Waiter::Watched).
    fn called(&mut self, call: Option<Call>, status: Status) {
        match call {
            Some(Call::Exit) => self.exited |= status == Status::Done,
            Some(Call::BecomeMcp) => self.many_core |= status == Status::Done,
            Some(Call::YieldVcore) => self.yielded = Some(status),
            Some(Call::SetAlarm) => self.alarm_answered = true,
            _ => {}
        }
    }

    /// Notes that what waits has its answer.
    pub(crate) fn deliver(&mut self, waiter: Waiter, answer: Answer) {
        self.any = true;
        match waiter {
            // It keeps the credit until it has fetched the answer.
            Waiter::Caller(None) | Waiter::Watched(None) => {}
            Waiter::Caller(Some(waker)) | Waiter::Watched(Some(waker)) => self.wakers.push(waker),
            Waiter::Abandoned(lent) => {
                self.lent
                    .extend(lent.map(|lent| (lent, answer.block_returned)));
                self.credit = true;
            }
            Waiter::Expected(expected) => {
                self.events.push((expected, answer));
                self.credit = true;
            }
        }
    }
}
