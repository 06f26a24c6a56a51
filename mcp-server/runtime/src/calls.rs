//! The syscalls that a vcore has outstanding: tags, credits, completions.
#![deny(unsafe_code)]

use core::future::Future;
use core::mem;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::layout::RING_SLOTS;
use atoll_abi::message::{MESSAGE_WORDS, Message, Payload};
use atoll_abi::syscall::{ANSWER, Call, Completion, Status, Syscall};
use atoll_channel::{SendError, Sender, Wake};

use crate::block::Block;
use crate::runtime::Runtime;

const INDEX_BITS: u32 = RING_SLOTS.trailing_zeros();
const INDEX_MASK: u64 = RING_SLOTS as u64 - 1;
const _: () = assert!(RING_SLOTS.is_power_of_two());

/// How a syscall ended, checked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    pub(crate) status: Status,
    pub(crate) result: [u64; 2],
    /// The block that the syscall was given is the caller's again.
    pub(crate) block_returned: bool,
}

impl Answer {
    /// The answer to a call that the server did not get, or will never answer.
    const LOST: Answer = Answer {
        status: Status::PeerLost,
        result: [0; 2],
        block_returned: false,
    };
}

/// One credit: room for one completion.
struct Credit {
    tag: u64,
    call: Call,
    /// The credit after this one: of those that are free, or of the calls that were submitted together.
    next: u8,
    block: u32,
    state: State,
}

/// Calls that were submitted together, of which the rest is waited for, the first one first.
#[derive(Clone, Copy)]
pub(crate) struct Chain {
    /// Tag of the first one.
    tag: u64,
    length: usize,
}

/// Which calls of one publication are waited for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waited {
    Last,
    All,
}

enum State {
    Free,
    Submitted(Option<Waker>),
    /// Nobody waits; the block goes back to its pool at the completion.
    Abandoned(Option<Block>),
    Done(Answer),
}

/// What a completion sets free, to be dealt with when the lock is released.
#[derive(Default)]
pub(crate) struct Completed {
    pub(crate) waker: Option<Waker>,
    pub(crate) block: Option<Block>,
    pub(crate) credit: bool,
    pub(crate) ended: bool,
    pub(crate) returned_vcore: bool,
    /// The server did not take the vcore, because it had completions that were not taken yet.
    pub(crate) refused_vcore: bool,
}

impl Completed {
    /// Whether there is anything to do beside giving the credit back.
    pub(crate) fn matters(&self) -> bool {
        self.waker.is_some() || self.block.is_some() || self.ended || self.returned_vcore
    }
}

/// The syscalls of one vcore, and the ring that carries them.
pub(crate) struct Calls {
    sender: Sender,
    credits: [Credit; RING_SLOTS],
    free: usize,
    /// The first free credit, where there is one.
    first_free: u8,
    /// Where messages are put together: kept, because to clear as many costs more than to send a few.
    messages: [Message; RING_SLOTS],
    serial: u64,
    closed: bool,
    strays: u64,
}

/// Why nothing was submitted.
pub(crate) enum Refused {
    /// Too few credits; wait for completions.
    NoCredit,
    /// The server broke the protocol of this vcore's rings.
    Closed,
}

impl Calls {
    pub(crate) fn new(sender: Sender) -> Calls {
        Calls {
            sender,
            credits: core::array::from_fn(|index| Credit {
                tag: 0,
                call: Call::Stat,
                next: index as u8 + 1,
                block: 0,
                state: State::Free,
            }),
            free: RING_SLOTS,
            first_free: 0,
            messages: [[0; MESSAGE_WORDS]; RING_SLOTS],
            serial: 0,
            closed: false,
            strays: 0,
        }
    }

    pub(crate) fn free(&self) -> usize {
        self.free
    }

    pub(crate) fn closed(&self) -> bool {
        self.closed
    }

    pub(crate) fn strays(&self) -> u64 {
        self.strays
    }

    pub(crate) fn doorbells(&self) -> u64 {
        self.sender.doorbells()
    }

    /// Submits calls with one publication, each with its credit. Gives those that are waited for, and whether the server
    /// has to be woken.
    pub(crate) fn submit(
        &mut self,
        calls: impl ExactSizeIterator<Item = (Call, Syscall)>,
        waited: Waited,
    ) -> Result<(Chain, Wake), Refused> {
        let count = calls.len();
        if self.closed {
            return Err(Refused::Closed);
        }
        if count > self.free {
            return Err(Refused::NoCredit);
        }
        // A server that has completed a call has read it: the ring has a slot for every credit.
        if !self.sender.free().is_ok_and(|free| free >= count) {
            return Err(Refused::Closed);
        }
        let (mut first, mut last) = (0, 0);
        for (number, (message, (call, mut syscall))) in
            self.messages.iter_mut().zip(calls).enumerate()
        {
            let index = self.first_free;
            let credit = &mut self.credits[usize::from(index)];
            self.first_free = credit.next;
            self.serial += 1;
            last = (self.serial << INDEX_BITS | u64::from(index)) & !ANSWER;
            if number == 0 {
                first = last;
            }
            syscall.tag = last;
            syscall.call = call as u16;
            credit.tag = last;
            credit.call = call;
            credit.block = syscall.block;
            credit.state = if waited == Waited::All || number + 1 == count {
                State::Submitted(None)
            } else {
                State::Abandoned(None)
            };
            *message = syscall.to_message();
        }
        self.free -= count;
        let chain = match waited {
            Waited::All => Chain {
                tag: first,
                length: count,
            },
            Waited::Last => Chain {
                tag: last,
                length: 1,
            },
        };
        match self.sender.send_batch(&self.messages[..count]) {
            Ok((_, wake)) => Ok((chain, wake)),
            Err(SendError::Full | SendError::Peer(_)) => Err(Refused::Closed),
        }
    }

    /// Takes a credit back.
    fn release(&mut self, tag: u64) {
        let index = (tag & INDEX_MASK) as usize;
        self.credits[index].state = State::Free;
        self.credits[index].next = self.first_free;
        self.first_free = index as u8;
        self.free += 1;
    }

    pub(crate) fn note_doorbell(&mut self) {
        self.sender.note_doorbell();
    }

    fn credit(&mut self, tag: u64) -> Option<&mut Credit> {
        let credit = &mut self.credits[(tag & INDEX_MASK) as usize];
        (credit.tag == tag && !matches!(credit.state, State::Free)).then_some(credit)
    }

    /// Takes a completion in. One that answers no outstanding call is counted and otherwise ignored.
    pub(crate) fn complete(&mut self, completion: &Completion) -> Completed {
        let Some(credit) = self.credit(completion.tag) else {
            self.strays += 1;
            return Completed::default();
        };
        let mut answer = Answer {
            status: Status::from_raw(completion.status),
            result: completion.result,
            block_returned: completion.block == credit.block,
        };
        let too_long = credit.call == Call::Read && answer.result[0] > BLOCK_SIZE as u64;
        if answer.status == Status::Done && (too_long || !answer.block_returned) {
            answer.status = Status::Malformed;
        }
        let done = answer.status == Status::Done;
        let mut completed = Completed {
            ended: done && credit.call == Call::Exit,
            returned_vcore: credit.call == Call::YieldVcore,
            refused_vcore: credit.call == Call::YieldVcore && answer.status == Status::Busy,
            ..Completed::default()
        };
        match mem::replace(&mut credit.state, State::Free) {
            State::Submitted(waker) => {
                credit.state = State::Done(answer);
                completed.waker = waker;
            }
            State::Abandoned(block) => {
                completed.credit = true;
                if answer.block_returned {
                    completed.block = block;
                } else {
                    // Somebody else may still write it.
                    mem::forget(block);
                }
                self.release(completion.tag);
            }
            done @ (State::Done(_) | State::Free) => {
                credit.state = done;
                self.strays += 1;
                return Completed::default();
            }
        }
        completed
    }

    /// Ends every outstanding call: the server broke the protocol of this vcore's rings.
    pub(crate) fn close(&mut self, mut wake: impl FnMut(Waker)) {
        if mem::replace(&mut self.closed, true) {
            return;
        }
        for index in 0..self.credits.len() {
            let credit = &mut self.credits[index];
            let tag = credit.tag;
            match mem::replace(&mut credit.state, State::Free) {
                State::Submitted(waker) => {
                    credit.state = State::Done(Answer::LOST);
                    waker.into_iter().for_each(&mut wake);
                }
                State::Abandoned(block) => {
                    mem::forget(block);
                    self.release(tag);
                }
                other => credit.state = other,
            }
        }
    }

    /// The answer to the first call of a chain, which gives its credit back; else the waker is kept.
    fn poll(&mut self, chain: &mut Chain, waker: &Waker) -> Option<Answer> {
        let tag = chain.tag;
        let Some(credit) = self.credit(tag) else {
            return Some(Answer::LOST);
        };
        let (next, answer) = match &mut credit.state {
            State::Submitted(kept) => {
                *kept = Some(waker.clone());
                return None;
            }
            State::Done(answer) => (credit.next, *answer),
            State::Abandoned(_) | State::Free => return Some(Answer::LOST),
        };
        chain.length -= 1;
        if chain.length > 0 {
            // What was submitted with it and is waited for keeps its credit until it is answered here.
            chain.tag = self.credits[usize::from(next)].tag;
        }
        self.release(tag);
        Some(answer)
    }

    /// Gives up waiting for a chain whose first call was given a block. Gives the block back where that call is done.
    fn abandon_all(&mut self, mut chain: Chain, mut block: Option<Block>) -> Option<Block> {
        let mut returned = None;
        while chain.length > 0 {
            let next = self.credits[(chain.tag & INDEX_MASK) as usize].next;
            returned = self.abandon(chain.tag, block.take()).or(returned);
            chain.length -= 1;
            if chain.length > 0 {
                chain.tag = self.credits[usize::from(next)].tag;
            }
        }
        returned
    }

    /// Gives up waiting. Gives the block back where the call is done.
    fn abandon(&mut self, tag: u64, block: Option<Block>) -> Option<Block> {
        let credit = self.credit(tag)?;
        match &credit.state {
            State::Done(answer) => {
                let returned = answer.block_returned;
                self.release(tag);
                if returned {
                    return block;
                }
                mem::forget(block);
            }
            _ => credit.state = State::Abandoned(block),
        }
        None
    }
}

/// Outstanding syscalls that were submitted together. Dropped before their completion, they complete unseen.
pub(crate) struct Pending {
    runtime: &'static Runtime,
    vcore: usize,
    chain: Chain,
}

impl Pending {
    pub(crate) fn new(runtime: &'static Runtime, vcore: usize, chain: Chain) -> Pending {
        Pending {
            runtime,
            vcore,
            chain,
        }
    }

    /// Gives up waiting; the block goes back to its pool when the call has completed.
    pub(crate) fn abandon(&mut self, block: Option<Block>) {
        let chain = self.chain;
        self.chain.length = 0;
        if chain.length == 0 {
            return;
        }
        let calls = &self.runtime.vcores[self.vcore].calls;
        // The block is dropped when the lock is released.
        let _block = calls.change(|calls| calls.abandon_all(chain, block));
    }
}

/// Gives the answer to the first call; to the next one when it is polled again.
impl Future for Pending {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answer> {
        if self.chain.length == 0 {
            return Poll::Ready(Answer::LOST);
        }
        let calls = &self.runtime.vcores[self.vcore].calls;
        let chain = &mut self.chain;
        match calls.change(|calls| calls.poll(chain, context.waker())) {
            Some(answer) => Poll::Ready(answer),
            None => Poll::Pending,
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.abandon(None);
    }
}
