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
    block: u32,
    state: State,
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

/// The syscalls of one vcore, and the ring that carries them.
pub(crate) struct Calls {
    sender: Sender,
    credits: [Credit; RING_SLOTS],
    free: usize,
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
            credits: core::array::from_fn(|_| Credit {
                tag: 0,
                call: Call::Stat,
                block: 0,
                state: State::Free,
            }),
            free: RING_SLOTS,
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

    /// Submits calls with one publication, each with its credit. Gives the tag of the last one, which alone is waited
    /// for, and whether the server has to be woken.
    pub(crate) fn submit(
        &mut self,
        calls: impl ExactSizeIterator<Item = (Call, Syscall)>,
    ) -> Result<(u64, Wake), Refused> {
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
        let mut messages: [Message; RING_SLOTS] = [[0; MESSAGE_WORDS]; RING_SLOTS];
        let mut tag = 0;
        let mut index = 0;
        for (number, (call, mut syscall)) in calls.enumerate() {
            while !matches!(self.credits[index].state, State::Free) {
                index += 1;
            }
            self.serial += 1;
            tag = (self.serial << INDEX_BITS | index as u64) & !ANSWER;
            syscall.tag = tag;
            syscall.call = call as u16;
            self.credits[index] = Credit {
                tag,
                call,
                block: syscall.block,
                state: if number + 1 == count {
                    State::Submitted(None)
                } else {
                    State::Abandoned(None)
                },
            };
            messages[number] = syscall.to_message();
        }
        self.free -= count;
        match self.sender.send_batch(&messages[..count]) {
            Ok((_, wake)) => Ok((tag, wake)),
            Err(SendError::Full | SendError::Peer(_)) => Err(Refused::Closed),
        }
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
                self.free += 1;
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
        for credit in &mut self.credits {
            match mem::replace(&mut credit.state, State::Free) {
                State::Submitted(waker) => {
                    credit.state = State::Done(Answer::LOST);
                    waker.into_iter().for_each(&mut wake);
                }
                State::Abandoned(block) => {
                    mem::forget(block);
                    self.free += 1;
                }
                other => credit.state = other,
            }
        }
    }

    /// The answer to a call, which gives its credit back; else the waker is kept.
    fn poll(&mut self, tag: u64, waker: &Waker) -> Option<Answer> {
        let Some(credit) = self.credit(tag) else {
            return Some(Answer::LOST);
        };
        match &mut credit.state {
            State::Submitted(kept) => {
                *kept = Some(waker.clone());
                None
            }
            State::Done(answer) => {
                let answer = *answer;
                credit.state = State::Free;
                self.free += 1;
                Some(answer)
            }
            State::Abandoned(_) | State::Free => Some(Answer::LOST),
        }
    }

    /// Gives up waiting. Gives the block back where the call is done.
    fn abandon(&mut self, tag: u64, block: Option<Block>) -> Option<Block> {
        let credit = self.credit(tag)?;
        match &credit.state {
            State::Done(answer) => {
                let returned = answer.block_returned;
                credit.state = State::Free;
                self.free += 1;
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

/// An outstanding syscall. Dropped before its completion, it completes unseen.
pub(crate) struct Pending {
    runtime: &'static Runtime,
    vcore: usize,
    tag: Option<u64>,
}

impl Pending {
    pub(crate) fn new(runtime: &'static Runtime, vcore: usize, tag: u64) -> Pending {
        Pending {
            runtime,
            vcore,
            tag: Some(tag),
        }
    }

    /// Gives up waiting; the block goes back to its pool when the call has completed.
    pub(crate) fn abandon(&mut self, block: Option<Block>) {
        let Some(tag) = self.tag.take() else { return };
        let calls = &self.runtime.vcores[self.vcore].calls;
        // The block is dropped when the lock is released.
        let _block = calls.change(|calls| calls.abandon(tag, block));
    }
}

impl Future for Pending {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answer> {
        let Some(tag) = self.tag else {
            return Poll::Ready(Answer::LOST);
        };
        let calls = &self.runtime.vcores[self.vcore].calls;
        match calls.look(|calls| calls.poll(tag, context.waker())) {
            Some(answer) => {
                calls.wake_all();
                self.tag = None;
                Poll::Ready(answer)
            }
            None => Poll::Pending,
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.abandon(None);
    }
}
