//! Transfers of several blocks.
#![deny(unsafe_code)]

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::syscall::Status;
use atoll_call::Answer;

use crate::block::{Blocks, Lent};
use crate::reply::{Reply, Submission, was_cancelled};
use crate::uthread;

/// A transfer to come of blocks that went into a call together. Dropped before its completion, the blocks go back to the pool at
/// the completion; so do those of a transfer that fails, or later, where they are still in flight.
#[must_use = "a transfer that is dropped ends unseen"]
pub struct Transfer {
    submission: Submission,
    lent: Option<Lent>,
    count: usize,
}

impl Transfer {
    pub(crate) fn new(submission: Submission, lent: Lent, count: usize) -> Transfer {
        Transfer {
            submission,
            lent: Some(lent),
            count,
        }
    }

    /// Nothing was given, and nothing was submitted.
    pub(crate) fn refused(status: Status) -> Transfer {
        Transfer {
            submission: Submission::refused(status),
            lent: None,
            count: 0,
        }
    }

    /// Waits for the blocks on the calling uthread.
    ///
    /// # Errors
    /// How the transfer failed.
    ///
    /// # Panics
    /// Where the caller is not a uthread.
    pub fn wait(mut self) -> Result<Blocks, Status> {
        let answer = uthread::wait_for(|waker| self.submission.take(waker));
        self.finish(answer)
    }

    /// Cancels the transfer: see [`Reply::cancel`].
    pub fn cancel(&self) -> Reply<bool> {
        Reply::new(self.submission.cancel(), was_cancelled)
    }

    fn finish(&mut self, answer: Answer) -> Result<Blocks, Status> {
        let lent = self.lent.take();
        let mut blocks = lent.map_or(Blocks::new(), |lent| lent.settle_all(answer.block_returned));
        let whole = answer.result[0] == self.count as u64 && blocks.len() == self.count;
        match answer.status {
            Status::Done if whole => {
                blocks
                    .iter_mut()
                    .for_each(|block| block.set_length(BLOCK_SIZE));
                Ok(blocks)
            }
            Status::Done => Err(Status::Malformed),
            status => Err(status),
        }
    }
}

impl Future for Transfer {
    type Output = Result<Blocks, Status>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = ready!(self.submission.poll(context));
        Poll::Ready(self.finish(answer))
    }
}

impl Drop for Transfer {
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
