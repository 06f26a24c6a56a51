//! One credit of a client end: a call, or none.

use core::mem;

use atoll_abi::syscall::{Call, Completion, NO_BLOCK, Status, Syscall};

use super::{Answer, Ended};

/// The call was staged, and the service has not answered it.
const IN_FLIGHT: u8 = 1;
/// Its caller waits.
const WAITS: u8 = 2;
/// Its answer is kept for its caller.
const KEPT: u8 = 4;

/// The tag of a credit without a call: none that a call ever has.
const FREE: u64 = !0;

/// A credit.
///
/// It is free when its call is neither in flight nor has a caller that waits or an answer that is kept.
pub(super) struct Entry<T> {
    tag: u64,
    /// The tag as long as the call is in flight and its caller waits, otherwise [`FREE`]: what most completions are
    /// matched by.
    awaited: u64,
    /// The time that the call was staged at.
    since: u64,
    /// Of an answer that is kept.
    result: [u64; 2],
    status: Status,
    block: u32,
    /// A [`Call`], as the client named it.
    call: u16,
    /// [`IN_FLIGHT`], [`WAITS`], [`KEPT`]: which of them hold.
    state: u8,
    /// Of an answer that is kept.
    block_returned: bool,
    /// What waits, where the caller waits; what waited last where an answer is kept, and a new call takes its place.
    waiter: Option<T>,
}

impl<T> Entry<T> {
    /// A credit that no call has had.
    pub(super) fn new() -> Entry<T> {
        Entry {
            tag: FREE,
            awaited: FREE,
            since: 0,
            result: [0; 2],
            status: Status::Done,
            block: NO_BLOCK,
            call: 0,
            state: 0,
            block_returned: true,
            waiter: None,
        }
    }

    /// Takes a call, whose caller waits.
    #[inline(always)]
    pub(super) fn begin(&mut self, tag: u64, syscall: &Syscall, waiter: T, now: u64) {
        self.tag = tag;
        self.awaited = tag;
        self.since = now;
        self.block = syscall.block;
        self.call = syscall.call;
        self.state = IN_FLIGHT | WAITS;
        // Nothing is left to be dropped of what waited last: see `keep`.
        mem::forget(self.waiter.replace(waiter));
    }

    #[inline]
    pub(super) fn tag(&self) -> u64 {
        self.tag
    }

    pub(super) fn in_flight(&self) -> bool {
        self.state & IN_FLIGHT != 0
    }

    pub(super) fn waits(&self) -> bool {
        self.state & WAITS != 0
    }

    /// The block that the call was given, if any.
    pub(super) fn block(&self) -> Option<u32> {
        (self.block != NO_BLOCK).then_some(self.block)
    }

    /// What waits for the call, to be changed.
    pub(super) fn waiter(&mut self) -> Option<&mut T> {
        let waits = self.waits();
        self.waiter.as_mut().filter(|_| waits)
    }

    /// Whether a completion answers the call, which is in flight.
    #[inline]
    pub(super) fn is_answered_by(&self, completion: &Completion) -> bool {
        self.tag == completion.tag && self.in_flight()
    }

    /// What a completion says of the call, as far as it is to be believed.
    #[inline]
    pub(super) fn answer(&self, completion: &Completion) -> Answer {
        let (status, block_returned) = self.judge(completion.status, completion.block);
        Answer {
            status,
            result: completion.result,
            block_returned,
        }
    }

    /// How the call ended, and whether its block came back, by what a completion says of both.
    #[inline]
    fn judge(&self, status: u32, block: u32) -> (Status, bool) {
        let (status, returned) = (Status::from_raw(status), block == self.block);
        // A call that fails may leave its block behind, where the one who served it cannot say that the block is quiet.
        let left_behind = status != Status::Done && block == NO_BLOCK;
        match returned || left_behind {
            true => (status, returned),
            false => (Status::Malformed, false),
        }
    }

    /// Keeps the answer that a completion gives, where that is all that is to be done: the call's caller waits, and
    /// `only_keep` says so of what waits, of which nothing is left then that would have to be dropped. Tells since when the
    /// call was under way; `None` where nothing was done.
    #[inline(always)]
    pub(super) fn keep(
        &mut self,
        completion: &Completion,
        only_keep: impl FnOnce(&mut T) -> bool,
    ) -> Option<u64> {
        if self.awaited != completion.tag {
            return seldom();
        }
        if !self.waiter.as_mut().is_some_and(only_keep) {
            return None;
        }
        // Most calls succeed and give their block back; a call without a block gives none.
        if completion.status == Status::Done as u32 && completion.block == self.block {
            self.status = Status::Done;
            self.block_returned = true;
        } else {
            self.keep_other(completion.status, completion.block);
        }
        self.result = completion.result;
        self.awaited = FREE;
        self.state = KEPT;
        Some(self.since)
    }

    /// Keeps how a call ended that failed, or whose block did not come back.
    #[cold]
    fn keep_other(&mut self, status: u32, block: u32) {
        (self.status, self.block_returned) = self.judge(status, block);
    }

    fn set_answer(&mut self, answer: Answer) {
        self.status = answer.status;
        self.result = answer.result;
        self.block_returned = answer.block_returned;
    }

    /// The service will not touch the call any more.
    #[inline]
    pub(super) fn land(&mut self) {
        self.awaited = FREE;
        self.state &= !IN_FLIGHT;
    }

    /// Ends the call for its caller, where that waits; the answer is kept where `keeps` says so of what waits.
    #[inline]
    pub(super) fn end(
        &mut self,
        answer: Answer,
        keeps: impl FnOnce(&T) -> bool,
    ) -> Option<Ended<T>> {
        if !self.waits() {
            return None;
        }
        let waiter = self.waiter.take()?;
        self.awaited = FREE;
        self.state &= !WAITS;
        if keeps(&waiter) {
            self.set_answer(answer);
            self.state |= KEPT;
        }
        Some(Ended {
            tag: self.tag,
            call: Call::from_raw(self.call),
            waiter,
            answer,
            since: self.since,
        })
    }

    /// Whether all that is left of the call is an answer that is kept; the credit is then freed, and the answer is
    /// [the last one](Entry::last_answer) until the next call begins.
    #[inline]
    pub(super) fn free_answered(&mut self) -> bool {
        let answered = self.state == KEPT;
        if answered {
            self.state = 0;
            self.tag = FREE;
        }
        answered
    }

    /// Whether an answer is kept of a call that is still in flight; it is kept no longer.
    #[cold]
    pub(super) fn give_up_answer(&mut self) -> bool {
        let kept = self.state & KEPT != 0;
        self.state &= !KEPT;
        kept
    }

    /// The answer that was kept last.
    #[inline]
    pub(super) fn last_answer(&self) -> Answer {
        Answer {
            status: self.status,
            result: self.result,
            block_returned: self.block_returned,
        }
    }

    /// Whether the call is over for the service and for the caller. A caller that still holds its tag, or a second completion
    /// with it, then does not find the next call.
    #[inline]
    pub(super) fn release_if_over(&mut self) -> bool {
        let over = self.state == 0;
        if over {
            self.tag = FREE;
        }
        over
    }

    /// Whether a call's caller waits or has an answer to fetch.
    pub(super) fn has_caller(&self) -> bool {
        self.state & (WAITS | KEPT) != 0
    }
}

/// What seldom happens: where a function is called that is cold, the compiler does not merge the test with those that follow.
#[cold]
#[inline(never)]
fn seldom() -> Option<u64> {
    None
}
