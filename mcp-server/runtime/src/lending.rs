//! Calls with the blocks that went into them.
#![deny(unsafe_code)]

use core::mem;
use core::task::{Context, Poll, Waker};

use atoll_abi::syscall::Status;
use atoll_call::Answer;

use crate::block::{Blocks, Lent};
use crate::reply::{Reply, Submission, was_cancelled};
use crate::uthread;

/// A call, and the blocks that went into it. Dropped before its completion, these go back to the pool at the completion.
pub(crate) struct Lending {
    submission: Submission,
    lent: Option<Lent>,
}

impl Lending {
    pub(crate) fn new(submission: Submission, lent: Option<Lent>) -> Lending {
        Lending { submission, lent }
    }

    pub(crate) fn submission(&self) -> &Submission {
        &self.submission
    }

    /// Waits for the answer on the calling uthread.
    pub(crate) fn wait(&mut self) -> Answer {
        uthread::wait_for(|waker| self.submission.take(waker))
    }

    /// The answer, where it has come, once; otherwise its caller is woken by the waker, if there is one.
    pub(crate) fn take(&mut self, waker: Option<&Waker>) -> Option<Answer> {
        self.submission.take(waker)
    }

    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Answer> {
        self.submission.poll(context)
    }

    /// The call has ended: its blocks, where it had any. `None` also where it was polled after its end.
    pub(crate) fn take_lent(&mut self) -> Option<Lent> {
        self.lent.take()
    }

    /// The call has ended: its blocks that are the process's again.
    pub(crate) fn settle(&mut self, answer: &Answer) -> Blocks {
        let lent = self.lent.take();
        lent.map_or(Blocks::new(), |lent| lent.settle_all(answer.block_returned))
    }

    /// Cancels the call: see [`Reply::cancel`].
    pub(crate) fn cancel(&self) -> Reply<bool> {
        Reply::new(self.submission.cancel(), was_cancelled)
    }

    pub(crate) fn into_parts(mut self) -> (Submission, Option<Lent>) {
        let gone = Submission::refused(Status::Cancelled);
        let submission = mem::replace(&mut self.submission, gone);
        (submission, self.lent.take())
    }
}

impl Drop for Lending {
    fn drop(&mut self) {
        let Some(lent) = self.lent.take() else {
            return;
        };
        match &mut self.submission {
            Submission::Pending(pending) => pending.abandon(Some(lent)),
            // It never left the process.
            Submission::Timer(_) | Submission::Answered(_) => drop(lent.settle_all(true)),
        }
    }
}
