//! Files, and the services that have them.
#![deny(unsafe_code)]

use core::future::Future;
use core::mem;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::handle::Handle;
use atoll_abi::interface::{Request as _, request};
use atoll_abi::name::Name;
use atoll_abi::plan::ServiceKind;
use atoll_abi::syscall::{Status, Syscall};
use atoll_call::Answer;

use crate::batch::Request;
use crate::block::{Block, Lent};
use crate::reply::{Reply, Submission, was_cancelled};
use crate::runtime::Runtime;
use crate::target::{Connection, Target};
use crate::uthread;

/// Opens a file of the first service with files that the process may use; [`Status::NoService`] where there is none. A name
/// that is none is [`Status::InvalidArgument`].
pub fn open(name: &str) -> Reply<File> {
    open_at(Runtime::current().port_of_kind(ServiceKind::Files), name)
}

pub(crate) fn open_at(port: Option<usize>, name: &str) -> Reply<File> {
    let submission = match (Name::new(name), port) {
        (None, _) => Submission::refused(Status::InvalidArgument),
        (_, None) => Submission::refused(Status::NoService),
        (Some(name), Some(port)) => {
            Submission::new(Target::port(port), request::Open { name }.encode())
        }
    };
    Reply::new(submission, |answer, connection| {
        File::opened(answer.result, connection)
    })
}

/// An open file.
///
/// It is good for as long as the service that opened it lives: after a restart of the service its calls end with
/// [`Status::BadHandle`], without asking the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct File {
    handle: Handle,
    length: u64,
    /// Where it was opened.
    connection: Connection,
}

impl File {
    /// The file that an open gave on a connection.
    pub(crate) fn opened(result: [u64; 2], connection: Connection) -> Result<File, Status> {
        let raw = u32::try_from(result[0]).ok();
        let handle = raw.and_then(Handle::from_raw).ok_or(Status::Malformed)?;
        Ok(File {
            handle,
            length: result[1],
            connection,
        })
    }

    /// Its length in bytes when it was opened.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Asks for its length in bytes.
    pub fn stat(&self) -> Reply<u64> {
        self.stat_request().submit()
    }

    /// [`File::stat`], not submitted yet.
    pub fn stat_request(&self) -> Request<u64> {
        let file = self.handle;
        let syscall = request::Stat { file }.encode();
        Request::new(self.connection.into(), syscall, |answer, _| {
            Ok(answer.result[0])
        })
    }

    /// Reads `length` bytes, at most one block, from `offset`, a multiple of the block size, into a block.
    pub fn read(&self, offset: u64, length: usize, block: Block) -> Reading {
        let length = length.min(BLOCK_SIZE);
        let lent = block.lend();
        let read = request::Read {
            file: self.handle,
            offset,
            length: length as u64,
        };
        let syscall = Syscall {
            block: lent.index(),
            ..read.encode()
        };
        Reading {
            submission: Submission::new(self.connection.into(), syscall),
            lent: Some(lent),
            length,
        }
    }

    /// Closes it.
    pub fn close(self) -> Reply<()> {
        let file = self.handle;
        let syscall = request::Close { file }.encode();
        let submission = Submission::new(self.connection.into(), syscall);
        Reply::new(submission, |_, _| Ok(()))
    }
}

/// Why a read failed, and the block that it was given where that is safe to use again.
#[derive(Debug)]
pub struct ReadError {
    /// How the read ended.
    pub status: Status,
    /// The block; `None` where it is still in flight, because the read ended early, say: it comes back to the pool by itself.
    pub block: Option<Block>,
}

/// A read to come. Dropped before its completion, its block goes back to the pool at the completion.
#[must_use = "a read that is dropped was in vain"]
pub struct Reading {
    submission: Submission,
    lent: Option<Lent>,
    length: usize,
}

impl Reading {
    /// Waits for the block on the calling uthread; [`Block::bytes`] is what was read, nothing at the end of the file.
    ///
    /// # Errors
    /// Where the read failed.
    ///
    /// # Panics
    /// Where the caller is not a uthread.
    pub fn wait(mut self) -> Result<Block, ReadError> {
        let answer = uthread::wait_for(|waker| self.submission.take(waker));
        self.finish(answer)
    }

    fn finish(&mut self, answer: Answer) -> Result<Block, ReadError> {
        let (status, block) = match self.lent.take() {
            Some(lent) => lent.read_done(answer, self.length),
            // It was polled after its end.
            None => (Status::Malformed, None),
        };
        match (status, block) {
            (Status::Done, Some(block)) => Ok(block),
            (status, block) => Err(ReadError { status, block }),
        }
    }

    /// Cancels the read: see [`Reply::cancel`].
    pub fn cancel(&self) -> Reply<bool> {
        Reply::new(self.submission.cancel(), was_cancelled)
    }

    pub(crate) fn into_parts(mut self) -> (Submission, Option<Lent>, usize) {
        let gone = Submission::refused(Status::Cancelled);
        let submission = mem::replace(&mut self.submission, gone);
        (submission, self.lent.take(), self.length)
    }
}

impl Future for Reading {
    type Output = Result<Block, ReadError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = ready!(self.submission.poll(context));
        Poll::Ready(self.finish(answer))
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        let Some(lent) = self.lent.take() else {
            return;
        };
        match &mut self.submission {
            Submission::Pending(pending) => pending.abandon(Some(lent)),
            // It never left the process.
            Submission::Timer(_) | Submission::Answered(_) => drop(lent.settle(true)),
        }
    }
}

impl Block {
    /// A block of the pool. Waits until there is one: for ever, where all that are not owned stay in flight because their
    /// service broke the protocol.
    ///
    /// # Panics
    /// Where the caller is not a uthread.
    pub fn acquire() -> Block {
        Runtime::current().pool().acquire()
    }

    /// A block of the pool, or `None` where none is free.
    ///
    /// # Panics
    /// Where the caller runs on no vcore.
    pub fn try_acquire() -> Option<Block> {
        Runtime::current().pool().try_acquire()
    }
}
