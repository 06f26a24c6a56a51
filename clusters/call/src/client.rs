//! The client end: what a client keeps of the calls that it makes on one channel.

use core::mem;

use atoll_abi::layout::RING_SLOTS;
use atoll_abi::message::{Message, Payload};
use atoll_abi::syscall::{Call, Completion, NO_BLOCK, Status, Syscall};

use crate::deadlines::{Deadlines, NEVER};

const INDEX_BITS: u32 = RING_SLOTS.trailing_zeros();
const INDEX_MASK: u64 = RING_SLOTS as u64 - 1;
const _: () = assert!(RING_SLOTS.is_power_of_two() && RING_SLOTS <= 1 << u8::BITS);

/// How a call ended for its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// How it ended.
    pub status: Status,
    /// Its results; see the call's row in [`atoll_abi::interface`].
    pub result: [u64; 2],
    /// The block that it was given, if any, is the client's again. Where not, the block is in flight: it comes back with
    /// [`Completed::Late`], or never, where the service broke the protocol and may still write it.
    pub block_returned: bool,
}

/// What waits for a call's answer.
pub trait Waiter {
    /// Whether the answer stays in the table until [`ClientEnd::take`] fetches it. The call keeps its credit as long.
    fn keeps_answer(&self) -> bool;
}

/// A call whose answer is kept for its caller.
#[derive(Clone, Copy, Debug)]
pub struct Kept {
    /// The call; `None` where the client named none.
    pub call: Option<Call>,
    /// How it ended.
    pub status: Status,
    /// The time that it was staged at.
    pub since: u64,
}

/// A call that has ended for its caller.
#[derive(Debug)]
pub struct Ended<T> {
    /// Its tag.
    pub tag: u64,
    /// The call; `None` where the client named none.
    pub call: Option<Call>,
    /// What waited for the answer.
    pub waiter: T,
    /// The answer.
    pub answer: Answer,
    /// The time that it was staged at.
    pub since: u64,
}

/// What a completion ends.
#[derive(Debug)]
pub enum Completed<T> {
    /// A call whose caller waited.
    Ended(Ended<T>),
    /// A call that had ended early; its block is the client's again.
    Late {
        /// The block, where the call had one.
        block: Option<u32>,
    },
    /// No call that is in flight: the completion is counted and ignored.
    Unmatched,
}

/// Why a channel is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// The service died. Its supervisor has stopped it and its devices, so that blocks come back.
    Death,
    /// The service broke the protocol. It may still write to the blocks that it has, so that they stay in flight.
    Fault,
}

/// Why nothing was staged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// There are too few credits; wait for answers.
    NoCredit,
    /// The channel is lost.
    Lost,
}

/// One credit: a call, or none.
///
/// A credit is free when its call is neither in flight nor has a caller that waits or an answer that waits for its caller.
struct Entry<T> {
    tag: u64,
    call: Option<Call>,
    block: u32,
    since: u64,
    /// The call was staged, and the service has not answered it.
    in_flight: bool,
    caller: Caller<T>,
}

impl<T> Entry<T> {
    /// Whether a completion answers the call, which is in flight.
    #[inline]
    fn is_answered_by(&self, completion: &Completion) -> bool {
        self.tag == completion.tag && self.in_flight
    }

    /// What a completion says of the call, as far as it is to be believed.
    #[inline]
    fn answer(&self, completion: &Completion) -> Answer {
        let block_returned = completion.block == self.block;
        let status = Status::from_raw(completion.status);
        // A call that fails may leave its block behind, where the one who served it cannot say that the block is quiet.
        let kept = status != Status::Done && completion.block == NO_BLOCK;
        Answer {
            status: if block_returned || kept {
                status
            } else {
                Status::Malformed
            },
            result: completion.result,
            block_returned,
        }
    }
}

enum Caller<T> {
    /// The caller has its answer, or gave up.
    Done,
    Waits(T),
    /// The answer is kept for the caller.
    Kept(Answer),
}

/// The calls of one client on one channel.
pub struct ClientEnd<T> {
    entries: [Entry<T>; RING_SLOTS],
    /// Free credits: the first `free_count` entries.
    free: [u8; RING_SLOTS],
    free_count: usize,
    deadlines: Deadlines<RING_SLOTS>,
    /// Calls that are staged and not sent.
    staged: [Syscall; RING_SLOTS],
    staged_count: usize,
    serial: u64,
    /// The serial number of the last call that was sent.
    sent: u64,
    /// The client's generation, which each call carries.
    generation: u32,
    loss: Option<Loss>,
    completed: u64,
    unmatched: u64,
}

impl<T: Waiter> ClientEnd<T> {
    /// A client end without calls, of a client of a generation.
    pub fn new(generation: u32) -> ClientEnd<T> {
        ClientEnd {
            entries: core::array::from_fn(|_| Entry {
                tag: 0,
                call: None,
                block: NO_BLOCK,
                since: 0,
                in_flight: false,
                caller: Caller::Done,
            }),
            free: core::array::from_fn(|index| index as u8),
            free_count: RING_SLOTS,
            deadlines: Deadlines::new(),
            staged: [Syscall::EMPTY; RING_SLOTS],
            staged_count: 0,
            serial: 0,
            sent: 0,
            generation,
            loss: None,
            completed: 0,
            unmatched: 0,
        }
    }

    /// Free credits.
    #[inline]
    pub fn credits(&self) -> usize {
        self.free_count
    }

    /// Why the channel is lost, if it is.
    #[inline]
    pub fn loss(&self) -> Option<Loss> {
        self.loss
    }

    /// Calls that were answered by the service so far.
    pub fn completed(&self) -> u64 {
        self.completed
    }

    /// Completions so far that answered no call in flight.
    pub fn unmatched(&self) -> u64 {
        self.unmatched
    }

    /// Calls whose caller waits.
    pub fn waiting(&self) -> usize {
        let waits = |entry: &&Entry<T>| matches!(entry.caller, Caller::Waits(_));
        self.entries.iter().filter(waits).count()
    }

    /// Calls that the service has not answered, those that ended early included.
    pub fn in_flight(&self) -> usize {
        self.entries.iter().filter(|entry| entry.in_flight).count()
    }

    /// Blocks that calls in flight have.
    pub fn blocks_in_flight(&self) -> usize {
        let has = |entry: &&Entry<T>| entry.in_flight && entry.block != NO_BLOCK;
        self.entries.iter().filter(has).count()
    }

    /// Whether so many calls can be staged.
    ///
    /// # Errors
    /// Why they cannot.
    #[inline]
    pub fn room(&self, count: usize) -> Result<(), Refused> {
        if self.loss.is_some() {
            return Err(Refused::Lost);
        }
        if count > self.free_count {
            return Err(Refused::NoCredit);
        }
        Ok(())
    }

    /// Writes a call, which takes a credit, for which there must be [room](ClientEnd::room). Gives its tag. The call is sent
    /// when the owner of this end sends [what is staged](ClientEnd::staged). `deadline` is a time on the clock of
    /// [`ClientEnd::expire`], or [`NEVER`].
    ///
    /// Always inlined: a caller that stages many of one kind then makes each waiter in its place.
    #[inline(always)]
    pub fn stage(&mut self, syscall: Syscall, waiter: T, deadline: u64, now: u64) -> u64 {
        debug_assert!(self.room(1).is_ok(), "a call without a credit");
        self.free_count = self.free_count.saturating_sub(1);
        let index = self.free.get(self.free_count).copied().unwrap_or(0);
        // Masked, so that the compiler sees that there is such an entry.
        let index = usize::from(index) & INDEX_MASK as usize;
        self.serial = self.serial.wrapping_add(1);
        let tag = self.serial << INDEX_BITS | index as u64;
        let (call, block) = (Call::from_raw(syscall.call), syscall.block);
        // Each has a credit, so there are never more than there is room for.
        if let Some(place) = self.staged.get_mut(self.staged_count) {
            *place = Syscall {
                tag,
                generation: self.generation,
                ..syscall
            };
            self.staged_count += 1;
        }
        if let Some(entry) = self.entries.get_mut(index) {
            *entry = Entry {
                tag,
                call,
                block,
                since: now,
                in_flight: true,
                caller: Caller::Waits(waiter),
            };
        }
        if deadline != NEVER {
            self.deadlines.set(index, deadline);
        }
        tag
    }

    /// The calls that are staged and not sent, in order. The ring has room for them: a call that was answered was read, and
    /// the others have their credits.
    #[inline]
    pub fn staged(&self) -> &[Message] {
        let all = Syscall::as_messages(&self.staged);
        all.get(..self.staged_count).unwrap_or_default()
    }

    /// What was staged has been sent, all of it.
    #[inline]
    pub fn sent(&mut self) {
        self.staged_count = 0;
        self.sent = self.serial;
    }

    /// Whether a tag is one of a call that was sent. A service may guess the tag of one that is not.
    #[inline]
    fn was_sent(&self, tag: u64) -> bool {
        tag >> INDEX_BITS <= self.sent
    }

    /// Takes a completion in, where keeping the answer is all that is to be done, as `only_keep` says of what waits for it:
    /// the way of most calls, on which nothing is moved but the answer. `None` where [`ClientEnd::complete`] has to take it.
    #[inline(always)]
    pub fn keep(
        &mut self,
        completion: &Completion,
        only_keep: impl FnOnce(&mut T) -> bool,
    ) -> Option<Kept> {
        let index = (completion.tag & INDEX_MASK) as usize;
        let sent = self.was_sent(completion.tag);
        let entry = self.entries.get_mut(index)?;
        if !sent || !entry.is_answered_by(completion) {
            return None;
        }
        let Caller::Waits(waiter) = &mut entry.caller else {
            return None;
        };
        if !only_keep(waiter) {
            return None;
        }
        entry.in_flight = false;
        let answer = entry.answer(completion);
        entry.caller = Caller::Kept(answer);
        let kept = Kept {
            call: entry.call,
            status: answer.status,
            since: entry.since,
        };
        self.completed += 1;
        self.deadlines.remove(index);
        Some(kept)
    }

    /// Takes a completion in.
    #[inline]
    pub fn complete(&mut self, completion: &Completion) -> Completed<T> {
        let index = (completion.tag & INDEX_MASK) as usize;
        let sent = self.was_sent(completion.tag);
        let Some(entry) = self
            .entries
            .get_mut(index)
            .filter(|entry| sent && entry.is_answered_by(completion))
        else {
            self.unmatched += 1;
            return Completed::Unmatched;
        };
        entry.in_flight = false;
        self.completed += 1;
        let answer = entry.answer(completion);
        match self.end(index, answer) {
            Some(ended) => Completed::Ended(ended),
            None => self.late(index, answer.block_returned),
        }
    }

    /// The service has answered a call that had ended early.
    #[cold]
    fn late(&mut self, index: usize, block_returned: bool) -> Completed<T> {
        let block = self.block(index).filter(|_| block_returned);
        self.release_if_free(index);
        Completed::Late { block }
    }

    fn block(&self, index: usize) -> Option<u32> {
        let block = self.entries.get(index)?.block;
        (block != NO_BLOCK).then_some(block)
    }

    /// Ends a call for its caller, where that waits.
    #[inline]
    fn end(&mut self, index: usize, answer: Answer) -> Option<Ended<T>> {
        let entry = self.entries.get_mut(index)?;
        if !matches!(entry.caller, Caller::Waits(_)) {
            return None;
        }
        let Caller::Waits(waiter) = mem::replace(&mut entry.caller, Caller::Done) else {
            return None;
        };
        let keeps = waiter.keeps_answer();
        let ended = Ended {
            tag: entry.tag,
            call: entry.call,
            waiter,
            answer,
            since: entry.since,
        };
        if keeps {
            entry.caller = Caller::Kept(answer);
        } else {
            self.release_if_free(index);
        }
        self.deadlines.remove(index);
        Some(ended)
    }

    #[inline]
    fn release_if_free(&mut self, index: usize) {
        if let Some(entry) = self.entries.get_mut(index)
            && !entry.in_flight
            && matches!(entry.caller, Caller::Done)
            && let Some(place) = self.free.get_mut(self.free_count)
        {
            *place = index as u8;
            self.free_count += 1;
            // A caller that still holds the tag, or a second completion with it, must not find the next call.
            entry.tag = !0;
        }
    }

    fn find(&mut self, tag: u64) -> Option<(usize, &mut Entry<T>)> {
        let index = (tag & INDEX_MASK) as usize;
        let entry = self.entries.get_mut(index)?;
        (entry.tag == tag).then_some((index, entry))
    }

    /// What waits for a call, to be changed; `None` where the call has ended for its caller.
    #[inline]
    pub fn waiter(&mut self, tag: u64) -> Option<&mut T> {
        match self.find(tag)? {
            (
                _,
                Entry {
                    caller: Caller::Waits(waiter),
                    ..
                },
            ) => Some(waiter),
            _ => None,
        }
    }

    /// The answer that is kept for a caller, which then has it.
    #[inline]
    pub fn take(&mut self, tag: u64) -> Option<Answer> {
        let (index, entry) = self.find(tag)?;
        let Caller::Kept(answer) = entry.caller else {
            return None;
        };
        entry.caller = Caller::Done;
        self.release_if_free(index);
        Some(answer)
    }

    /// Whether a tag names a call that waits, or an answer that is kept.
    pub fn knows(&mut self, tag: u64) -> bool {
        self.find(tag)
            .is_some_and(|(_, entry)| !matches!(entry.caller, Caller::Done))
    }

    /// Ends a call early for its caller: cancels it, say. The service still answers it. `None` where it has ended.
    pub fn end_early(&mut self, tag: u64, status: Status) -> Option<Ended<T>> {
        let (index, entry) = self.find(tag)?;
        let answer = Answer {
            status,
            result: [0; 2],
            block_returned: entry.block == NO_BLOCK || cfg!(feature = "planted-block-reuse"),
        };
        self.end(index, answer)
    }

    /// Ends the next call whose deadline has passed with [`Status::TimedOut`].
    pub fn expire(&mut self, now: u64) -> Option<Ended<T>> {
        let (index, deadline) = self.deadlines.first()?;
        if deadline > now {
            return None;
        }
        let tag = self.entries.get(index)?.tag;
        self.end_early(tag, Status::TimedOut)
    }

    /// The next deadline of a call, or [`NEVER`].
    #[inline]
    pub fn next_deadline(&self) -> u64 {
        self.deadlines.next()
    }

    /// The channel is lost: ends every call, with [`Status::PeerLost`], and tells of each call that ended, and of each
    /// block of a call that had ended early and is the client's again. Nothing happens where it was lost before.
    pub fn lose(&mut self, loss: Loss, mut each: impl FnMut(Completed<T>)) {
        if self.loss.replace(loss).is_some() {
            return;
        }
        self.staged_count = 0;
        for index in 0..RING_SLOTS {
            let Some(entry) = self.entries.get_mut(index).filter(|entry| entry.in_flight) else {
                continue;
            };
            entry.in_flight = false;
            let returned = loss == Loss::Death || entry.block == NO_BLOCK;
            let answer = Answer {
                status: Status::PeerLost,
                result: [0; 2],
                block_returned: returned,
            };
            match self.end(index, answer) {
                Some(ended) => each(Completed::Ended(ended)),
                None => each(self.late(index, returned)),
            }
        }
    }

    /// The channel has begun anew, in another generation: calls can be made again.
    pub fn reconnect(&mut self) {
        self.loss = None;
    }
}

#[cfg(test)]
#[path = "client/tests.rs"]
mod tests;
