//! Transfers of several blocks.
#![deny(unsafe_code)]

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker, ready};

use atoll_abi::block::{BLOCK_SIZE, Transferred};
use atoll_abi::syscall::{Status, Syscall};
use atoll_call::Answer;

use crate::block::{Blocks, lend_all};
use crate::lending::Lending;
use crate::reply::{Reply, Submission};
use crate::target::Connection;

/// What a transfer's result counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Amount {
    /// Pages, of which these have to be transferred.
    Pages(usize),
    /// Bytes, of which there are at most so many.
    Bytes(usize),
}

/// How a transfer ended, for the parts of the runtime that keep several under way.
pub(crate) struct Ended {
    pub(crate) status: Status,
    /// Bytes that were transferred. Of a transfer that failed, those of which the one who served it says that it had done them.
    pub(crate) bytes: usize,
    /// Bytes that the one who served it says that its processor copied for it.
    pub(crate) copied: u64,
    /// The blocks that are the process's again.
    pub(crate) blocks: Blocks,
}

/// A transfer to come of blocks that went into a call together. Dropped before its completion, the blocks go back to the pool at
/// the completion; so do those of a transfer that fails, or later, where they are still in flight.
#[must_use = "a transfer that is dropped ends unseen"]
pub struct Transfer {
    call: Lending,
    count: usize,
    amount: Amount,
}

impl Transfer {
    /// That of a call with so many blocks.
    pub(crate) fn new(call: Lending, count: usize, amount: Amount) -> Transfer {
        Transfer {
            call,
            count,
            amount,
        }
    }

    /// Makes a call on a connection that transfers at most so many bytes between blocks and the one who serves it.
    pub(crate) fn begin(
        connection: Connection,
        syscall: Syscall,
        length: usize,
        blocks: Blocks,
    ) -> Transfer {
        let count = blocks.len();
        let Some((lent, list)) = lend_all(blocks) else {
            return Transfer::refused(Status::InvalidArgument);
        };
        let submission = Submission::new(connection.into(), list.into_call(syscall));
        let call = Lending::new(submission, Some(lent));
        Transfer::new(call, count, Amount::Bytes(length))
    }

    pub(crate) fn into_call(self) -> Lending {
        self.call
    }

    /// Nothing was given, and nothing was submitted.
    pub(crate) fn refused(status: Status) -> Transfer {
        let call = Lending::new(Submission::refused(status), None);
        Transfer::new(call, 0, Amount::Pages(0))
    }

    /// Waits for the blocks on the calling uthread. The [bytes](crate::Block::bytes) of each are what was transferred.
    ///
    /// # Errors
    /// How the transfer failed.
    ///
    /// # Panics
    /// Where the caller is not a uthread.
    pub fn wait(mut self) -> Result<Blocks, Status> {
        let answer = self.call.wait();
        self.finish(answer)
    }

    /// Cancels the transfer: see [`Reply::cancel`].
    pub fn cancel(&self) -> Reply<bool> {
        self.call.cancel()
    }

    /// Waits for the blocks on the calling uthread: those that are the process's again, also where the transfer failed. What a transfer
    /// that failed was to write is in them still.
    pub(crate) fn wait_for_all(mut self) -> (Result<(), Status>, Blocks) {
        let answer = self.call.wait();
        let mut blocks = self.call.settle(&answer);
        (self.settle(&answer, &mut blocks), blocks)
    }

    /// How it ended, where it has, and once; otherwise its caller is woken by the waker, if there is one.
    pub(crate) fn take(&mut self, waker: Option<&Waker>) -> Option<Ended> {
        let answer = self.call.take(waker)?;
        let mut blocks = self.call.settle(&answer);
        let status = match self.settle(&answer, &mut blocks) {
            Ok(()) => Status::Done,
            Err(status) => status,
        };
        let Transferred { bytes, copied } = Transferred::from_raw(answer.result);
        let bytes = match (self.amount, status) {
            (Amount::Bytes(most), _) => most.min(usize::try_from(bytes).unwrap_or(most)),
            (Amount::Pages(pages), Status::Done) => pages * BLOCK_SIZE,
            (Amount::Pages(_), _) => 0,
        };
        Some(Ended {
            status,
            bytes,
            copied,
            blocks,
        })
    }

    fn finish(&mut self, answer: Answer) -> Result<Blocks, Status> {
        let mut blocks = self.call.settle(&answer);
        self.settle(&answer, &mut blocks).map(|()| blocks)
    }

    /// Sets what each block holds, where the transfer is done.
    fn settle(&self, answer: &Answer, blocks: &mut Blocks) -> Result<(), Status> {
        let result = answer.result[0];
        let bytes = match self.amount {
            Amount::Pages(pages) if result == pages as u64 => Some(pages * BLOCK_SIZE),
            Amount::Pages(_) => None,
            Amount::Bytes(most) => usize::try_from(result).ok().filter(|it| *it <= most),
        };
        match (answer.status, bytes) {
            (Status::Done, Some(mut left)) if blocks.len() == self.count => {
                for block in blocks {
                    let length = left.min(block.size());
                    block.set_length(length);
                    left -= length;
                }
                Ok(())
            }
            (Status::Done, _) => Err(Status::Malformed),
            (status, _) => Err(status),
        }
    }
}

impl Future for Transfer {
    type Output = Result<Blocks, Status>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = ready!(self.call.poll(context));
        Poll::Ready(self.finish(answer))
    }
}
