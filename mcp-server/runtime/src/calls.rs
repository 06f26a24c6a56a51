//! The syscalls that a vcore has outstanding: tags, credits, completions.
#![deny(unsafe_code)]

use alloc::vec::Vec;
use core::mem;
use core::task::Waker;

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::layout::RING_SLOTS;
use atoll_abi::message::{MESSAGE_WORDS, Message, Payload};
use atoll_abi::syscall::{ANSWER, Call, Completion, NO_BLOCK, Route, Status, Syscall};
use atoll_channel::{Sender, Wake};

use crate::block::Block;
use crate::events::Expected;

const INDEX_BITS: u32 = RING_SLOTS.trailing_zeros();
const INDEX_MASK: u64 = RING_SLOTS as u64 - 1;
const _: () = assert!(RING_SLOTS.is_power_of_two() && RING_SLOTS <= 1 << u8::BITS);

/// How a syscall ended, checked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    pub(crate) status: Status,
    pub(crate) result: [u64; 2],
    /// The block that the syscall was given is the caller's again.
    pub(crate) block_returned: bool,
    /// Who served it, as the server says.
    pub(crate) route: u32,
}

impl Answer {
    /// The answer to a call that nobody but the runtime has seen.
    pub(crate) fn own(status: Status, result: [u64; 2]) -> Answer {
        Answer {
            status,
            result,
            block_returned: true,
            route: Route::Runtime as u32,
        }
    }

    /// The answer to a call that has no server any more. Its block stays away: where another cluster reads into it, that
    /// cluster's device may not be done.
    fn lost() -> Answer {
        Answer {
            block_returned: false,
            ..Answer::own(Status::PeerLost, [0; 2])
        }
    }
}

/// Why a vcore has no server any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// It broke the protocol of the vcore's rings.
    Fault,
    /// It died.
    Death,
}

/// Calls that were submitted together, of which the rest is waited for, the first one first.
#[derive(Clone, Copy)]
pub(crate) struct Group {
    /// Tag of the first one.
    tag: u64,
    length: usize,
}

/// One credit: room for one completion.
struct Credit {
    tag: u64,
    call: Call,
    /// The credit of the next call of the same group.
    next: u8,
    block: u32,
    /// When it was submitted, on the world's clock.
    since: u64,
    state: State,
}

enum State {
    Free,
    Submitted(Option<Waker>),
    /// Nobody waits; the block goes back to its pool at the completion.
    Abandoned(Option<Block>),
    /// The completion becomes an event.
    Expected(Expected),
    Done(Answer),
}

/// What completions set free, to be dealt with when the lock is released. Kept between batches, so that none allocates.
#[derive(Default)]
pub(crate) struct Effects {
    pub(crate) wakers: Vec<Waker>,
    /// Blocks of calls that nobody waits for, and whether they are the process's again.
    pub(crate) blocks: Vec<(Block, bool)>,
    /// Blocks of earlier calls.
    pub(crate) returned: Vec<u32>,
    pub(crate) events: Vec<(Expected, Answer)>,
    /// Ticks that the calls took.
    pub(crate) latencies: Vec<u64>,
    pub(crate) credit: bool,
    pub(crate) ended: bool,
    pub(crate) many_core: bool,
    pub(crate) returned_vcore: bool,
    /// The server did not take the vcore, because it had completions that were not taken yet.
    pub(crate) refused_vcore: bool,
}

impl Effects {
    /// Room for what so many completions set free.
    pub(crate) fn with_capacity(completions: usize) -> Effects {
        Effects {
            wakers: Vec::with_capacity(completions),
            blocks: Vec::with_capacity(completions),
            returned: Vec::with_capacity(completions),
            events: Vec::with_capacity(completions),
            latencies: Vec::with_capacity(completions),
            ..Effects::default()
        }
    }
}

/// The syscalls of one vcore, and the ring that carries them.
pub(crate) struct Calls {
    sender: Sender,
    credits: [Credit; RING_SLOTS],
    /// Which credits are free: the first `free` entries.
    free_list: [u8; RING_SLOTS],
    free: usize,
    /// Calls that are written and not published yet.
    staged: [Message; RING_SLOTS],
    staged_count: usize,
    /// Calls are kept back until the batch that they belong to is whole.
    holding: bool,
    serial: u64,
    lost: Option<Loss>,
    strays: u64,
    routes: [u64; 3],
}

/// Why nothing was submitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Too few credits; wait for completions.
    NoCredit,
    /// The vcore has no server any more.
    Closed,
}

impl Calls {
    pub(crate) fn new(sender: Sender) -> Calls {
        Calls {
            sender,
            credits: core::array::from_fn(|_| Credit {
                tag: 0,
                call: Call::Stat,
                next: 0,
                block: NO_BLOCK,
                since: 0,
                state: State::Free,
            }),
            free_list: core::array::from_fn(|index| index as u8),
            free: RING_SLOTS,
            staged: [[0; MESSAGE_WORDS]; RING_SLOTS],
            staged_count: 0,
            holding: false,
            serial: 0,
            lost: None,
            strays: 0,
            routes: [0; 3],
        }
    }

    pub(crate) fn free(&self) -> usize {
        self.free
    }

    pub(crate) fn closed(&self) -> bool {
        self.lost.is_some()
    }

    pub(crate) fn strays(&self) -> u64 {
        self.strays
    }

    /// Completions by who served the call.
    pub(crate) fn routes(&self) -> [u64; 3] {
        self.routes
    }

    pub(crate) fn doorbells(&self) -> u64 {
        self.sender.doorbells()
    }

    /// Calls that were submitted and have no completion yet.
    pub(crate) fn outstanding(&self) -> usize {
        let waits = |credit: &&Credit| !matches!(credit.state, State::Free | State::Done(_));
        self.credits.iter().filter(waits).count()
    }

    /// Keeps the calls to come back, or no longer. Tells what it was before.
    pub(crate) fn hold(&mut self, holding: bool) -> bool {
        mem::replace(&mut self.holding, holding)
    }

    /// Whether there are credits for calls, and a server.
    #[inline]
    pub(crate) fn room(&self, count: usize) -> Result<(), Refused> {
        if self.lost.is_some() {
            return Err(Refused::Closed);
        }
        if count > self.free {
            return Err(Refused::NoCredit);
        }
        Ok(())
    }

    /// Writes a call, with its credit, for which there must be [room](Calls::room). Gives its tag.
    #[inline]
    pub(crate) fn stage(
        &mut self,
        call: Call,
        mut syscall: Syscall,
        awaited: bool,
        now: u64,
    ) -> u64 {
        self.free -= 1;
        let index = self.free_list[self.free];
        self.serial += 1;
        let tag = (self.serial << INDEX_BITS | u64::from(index)) & !ANSWER;
        syscall.tag = tag;
        // Only one that is written out by hand says it itself, and may say what is no call.
        if syscall.call == 0 {
            syscall.call = call as u16;
        }
        let credit = &mut self.credits[usize::from(index)];
        credit.tag = tag;
        credit.call = call;
        credit.block = syscall.block;
        credit.since = now;
        credit.state = if awaited {
            State::Submitted(None)
        } else {
            State::Abandoned(None)
        };
        // Each of them has a credit, so there are never more than there is room for.
        self.staged[self.staged_count] = syscall.to_message();
        self.staged_count += 1;
        tag
    }

    /// Writes calls that are waited for together, at least one: see [`Calls::stage`].
    pub(crate) fn stage_group(
        &mut self,
        calls: impl Iterator<Item = (Call, Syscall)>,
        now: u64,
    ) -> Group {
        let mut group = Group { tag: 0, length: 0 };
        let mut before = None;
        for (call, syscall) in calls {
            let tag = self.stage(call, syscall, true, now);
            match before.replace((tag & INDEX_MASK) as usize) {
                Some(before) => self.credits[before].next = (tag & INDEX_MASK) as u8,
                None => group.tag = tag,
            }
            group.length += 1;
        }
        group
    }

    /// Goes on to the next call of a group. What is waited for keeps its credit, so its tag is still there.
    #[inline]
    fn advance(&self, group: &mut Group) {
        let next = self.credits[(group.tag & INDEX_MASK) as usize].next;
        group.tag = self.credits[usize::from(next)].tag;
        group.length -= 1;
    }

    /// The answer to the first call of a group, which is then no more of it; else the waker is kept, if there is one.
    #[inline]
    pub(crate) fn poll_group(
        &mut self,
        group: &mut Group,
        waker: Option<&Waker>,
    ) -> Option<Answer> {
        let answer = match waker {
            Some(waker) => self.poll(group.tag, waker),
            None => self.take(group.tag),
        };
        if answer.is_some() {
            self.advance(group);
        }
        answer
    }

    /// Gives up waiting for a group.
    pub(crate) fn abandon_group(&mut self, mut group: Group) {
        while group.length > 0 {
            // Before its credit is free.
            let tag = group.tag;
            self.advance(&mut group);
            let block = self.abandon(tag, None);
            debug_assert!(block.is_none());
        }
    }

    /// Submits what is staged with one publication, unless it is kept back. Tells whether the server has to be woken.
    ///
    /// # Errors
    /// [`Refused::Closed`] where the server broke the ring: the calls have to be ended.
    #[inline]
    pub(crate) fn publish(&mut self) -> Result<Wake, Refused> {
        if self.holding || self.staged_count == 0 {
            return Ok(Wake::NOT_NEEDED);
        }
        let count = mem::take(&mut self.staged_count);
        // A server that has completed a call has read it: the ring has a slot for every credit.
        match self.sender.send_batch(&self.staged[..count]) {
            Ok((sent, wake)) if sent == count => {
                if wake.needed() {
                    self.sender.note_doorbell();
                }
                Ok(wake)
            }
            _ => Err(Refused::Closed),
        }
    }

    fn credit(&mut self, tag: u64) -> Option<&mut Credit> {
        let credit = &mut self.credits[(tag & INDEX_MASK) as usize];
        (credit.tag == tag && !matches!(credit.state, State::Free)).then_some(credit)
    }

    fn release(&mut self, tag: u64) {
        self.free_list[self.free] = (tag & INDEX_MASK) as u8;
        self.free += 1;
    }

    /// Takes a completion in. One that answers no outstanding call is counted and otherwise ignored, but for a block that
    /// comes back with it.
    pub(crate) fn complete(&mut self, completion: &Completion, now: u64, effects: &mut Effects) {
        if completion.returned != NO_BLOCK {
            effects.returned.push(completion.returned);
        }
        let credit = &mut self.credits[(completion.tag & INDEX_MASK) as usize];
        if credit.tag != completion.tag || matches!(credit.state, State::Free | State::Done(_)) {
            self.strays += 1;
            return;
        }
        let mut answer = Answer {
            status: Status::from_raw(completion.status),
            result: completion.result,
            // Only a read is given a block; what is in that field of another call is something else.
            block_returned: credit.call != Call::Read || completion.block == credit.block,
            route: completion.route,
        };
        let too_long = credit.call == Call::Read && answer.result[0] > BLOCK_SIZE as u64;
        // A call that ends early may leave its block behind; no other may, and none gives another block back.
        let early = answer.status != Status::Done && completion.block == NO_BLOCK;
        if answer.status == Status::Done && too_long || !answer.block_returned && !early {
            answer.status = Status::Malformed;
        }
        if let Some(route) = Route::from_raw(completion.route) {
            self.routes[route as usize] += 1;
        }
        effects.latencies.push(now.wrapping_sub(credit.since));
        match credit.call {
            Call::Exit => effects.ended |= answer.status == Status::Done,
            Call::BecomeMcp => effects.many_core |= answer.status == Status::Done,
            Call::YieldVcore => {
                effects.returned_vcore = true;
                effects.refused_vcore = answer.status == Status::Busy;
            }
            _ => {}
        }
        match mem::replace(&mut credit.state, State::Free) {
            State::Submitted(waker) => {
                credit.state = State::Done(answer);
                effects.wakers.extend(waker);
                return;
            }
            State::Abandoned(block) => {
                let block = block.map(|block| (block, answer.block_returned));
                effects.blocks.extend(block);
            }
            State::Expected(expected) => effects.events.push((expected, answer)),
            State::Done(_) | State::Free => return,
        }
        effects.credit = true;
        self.release(completion.tag);
    }

    /// Ends every outstanding call: the vcore has no server any more. Tells whether that is new.
    pub(crate) fn close(&mut self, loss: Loss, effects: &mut Effects) -> bool {
        if self.lost.is_some() {
            return false;
        }
        self.lost = Some(loss);
        self.staged_count = 0;
        let answer = Answer::lost();
        for index in 0..RING_SLOTS {
            let credit = &mut self.credits[index];
            match mem::replace(&mut credit.state, State::Free) {
                State::Submitted(waker) => {
                    credit.state = State::Done(answer);
                    effects.wakers.extend(waker);
                    continue;
                }
                State::Abandoned(block) => {
                    let block = block.map(|block| (block, answer.block_returned));
                    effects.blocks.extend(block);
                }
                State::Expected(expected) => effects.events.push((expected, answer)),
                other => {
                    credit.state = other;
                    continue;
                }
            }
            self.release(index as u64);
        }
        true
    }

    /// What a call that nobody knows any more ended with.
    fn unknown() -> Answer {
        Answer::lost()
    }

    /// The answer to a call that is done, which gives its credit back.
    #[inline]
    pub(crate) fn take(&mut self, tag: u64) -> Option<Answer> {
        let Some(credit) = self.credit(tag) else {
            return Some(Calls::unknown());
        };
        let State::Done(answer) = credit.state else {
            return None;
        };
        credit.state = State::Free;
        self.release(tag);
        Some(answer)
    }

    /// Whether a call has its completion.
    pub(crate) fn is_done(&mut self, tag: u64) -> bool {
        self.credit(tag)
            .is_none_or(|credit| matches!(credit.state, State::Done(_)))
    }

    /// The answer to a call, which gives its credit back; else the waker is kept.
    pub(crate) fn poll(&mut self, tag: u64, waker: &Waker) -> Option<Answer> {
        let answer = self.take(tag);
        if answer.is_none()
            && let Some(credit) = self.credit(tag)
            && let State::Submitted(kept) = &mut credit.state
            && !kept.as_ref().is_some_and(|kept| kept.will_wake(waker))
        {
            *kept = Some(waker.clone());
        }
        answer
    }

    /// Gives up waiting. Gives the block back, and whether it is the process's again, where the call is done.
    pub(crate) fn abandon(&mut self, tag: u64, block: Option<Block>) -> Option<(Block, bool)> {
        if let Some(answer) = self.take(tag) {
            return block.map(|block| (block, answer.block_returned));
        }
        if let Some(credit) = self.credit(tag) {
            credit.state = State::Abandoned(block);
        }
        None
    }

    /// Has the completion become an event. Gives it back where the call is done.
    pub(crate) fn expect(&mut self, tag: u64, expected: Expected) -> Option<(Expected, Answer)> {
        if let Some(answer) = self.take(tag) {
            return Some((expected, answer));
        }
        if let Some(credit) = self.credit(tag) {
            credit.state = State::Expected(expected);
        }
        None
    }
}
