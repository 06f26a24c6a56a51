//! What becomes of the answers to calls: they are taken, or nothing waits for them any more.

use core::task::Waker;

use atoll_abi::syscall::Status;
use atoll_call::{Answer, Group};
use heapless::Vec;

use super::Calls;
use crate::block::Lent;
use crate::expected::Expected;
use crate::waiter::{Waiter, own_answer};

impl Calls {
    /// The answer to a call, which gives its credit back; otherwise its caller is woken by the waker, if there is one.
    #[inline]
    pub(crate) fn take(&mut self, tag: u64, waker: Option<&Waker>) -> Option<Answer> {
        let answer = self.end.take(tag);
        if answer.is_some() {
            return answer;
        }
        self.wait_for(tag, waker)
    }

    /// What [`Calls::take`] does about a call whose answer is not kept.
    fn wait_for(&mut self, tag: u64, waker: Option<&Waker>) -> Option<Answer> {
        match (self.end.waiter(tag), waker) {
            (Some(waiter), Some(waker)) => waiter.wake_by(waker),
            (Some(_), None) => {}
            // No such call: it gives no block back.
            (None, _) => {
                return Some(Answer {
                    block_returned: false,
                    ..own_answer(Status::PeerLost, [0; 2])
                });
            }
        }
        None
    }

    /// The answers to the first calls of a group that have come, in order, which are then no more of it.
    /// Where there is none, the caller is woken by the waker, if there is one: see [`Calls::take`].
    #[inline]
    pub(crate) fn take_first<const N: usize>(
        &mut self,
        group: &mut Group,
        waker: Option<&Waker>,
        answers: &mut Vec<Answer, N>,
    ) {
        let mut rest = *group;
        while let Some(tag) = rest.first()
            && answers.len() < N
            && let Some(answer) = self.end.take(tag)
        {
            // There is room.
            let _ = answers.push(answer);
            // The credit may be free, but no other call has it while the lock is held.
            rest.advance();
        }
        *group = rest;
        if answers.is_empty()
            && let Some(tag) = group.first()
            && let Some(answer) = self.wait_for(tag, waker)
        {
            let _ = answers.push(answer);
            group.advance();
        }
    }

    /// Has nothing wait for the rest of a group.
    pub(crate) fn abandon_group(&mut self, mut group: Group) {
        while let Some(tag) = group.first() {
            group.advance();
            self.abandon(tag, None);
        }
    }

    /// Has nothing wait for a call. Gives its block, and whether it was returned, where the call has ended.
    pub(crate) fn abandon(&mut self, tag: u64, lent: Option<Lent>) -> Option<(Lent, bool)> {
        match self.take(tag, None) {
            Some(answer) => lent.map(|lent| (lent, answer.block_returned)),
            None => {
                if let Some(waiter) = self.end.waiter(tag) {
                    *waiter = Waiter::Abandoned(lent);
                }
                None
            }
        }
    }

    /// Has the answer to a call become an event. Gives it back where the call has ended.
    pub(crate) fn expect(&mut self, tag: u64, expected: Expected) -> Option<(Expected, Answer)> {
        match self.take(tag, None) {
            Some(answer) => Some((expected, answer)),
            None => {
                if let Some(waiter) = self.end.waiter(tag) {
                    *waiter = Waiter::Expected(expected);
                }
                None
            }
        }
    }
}
