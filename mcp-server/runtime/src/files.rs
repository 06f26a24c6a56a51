//! Open files.
#![deny(unsafe_code)]

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::file::Attributes;
use atoll_abi::handle::Handle;
use atoll_abi::interface::{Request as _, request};
use atoll_abi::syscall::{Status, Syscall};
use atoll_call::Answer;

use crate::batch::Request;
use crate::block::{Block, Blocks, Source, size_of};
use crate::lending::Lending;
use crate::reply::{Reply, Submission};
use crate::target::Connection;
use crate::transfer::Transfer;

/// An open file or folder.
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

    /// Asks for what is known of it.
    pub fn attributes(&self) -> Reply<Attributes> {
        let file = self.handle;
        Reply::new(self.submit(request::Stat { file }.encode()), |answer, _| {
            Attributes::from_raw(answer.result)
        })
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

    /// Reads `length` bytes, at most what the block holds, from `offset`, a multiple of the block size, into a block.
    pub fn read(&self, offset: u64, length: usize, block: Block) -> Reading {
        let length = length.min(block.size());
        let read = request::Read {
            file: self.handle,
            offset,
            length: length as u64,
        };
        self.reading(read.encode(), length, block)
    }

    fn reading(&self, syscall: Syscall, length: usize, block: Block) -> Reading {
        let syscall = block.list().into_call(syscall);
        let lent = block.lend();
        Reading::new(Lending::new(self.submit(syscall), Some(lent)), length)
    }

    fn submit(&self, syscall: Syscall) -> Submission {
        Submission::new(self.connection.into(), syscall)
    }

    /// Reads `length` bytes, at most what the blocks hold, from `offset`, a multiple of the block size, into blocks: at least one, at
    /// most [`MAX_CALL_BLOCKS`](atoll_abi::block::MAX_CALL_BLOCKS), all of one order. Into large ones it may read less than there is,
    /// whole pages and at least one, where the file is in many pieces.
    pub fn read_blocks(&self, offset: u64, length: usize, into: Blocks) -> Transfer {
        let length = length.min(size_of(&into));
        let read = request::Read {
            file: self.handle,
            offset,
            length: length as u64,
        };
        Transfer::begin(self.connection, read.encode(), length, into)
    }

    /// Writes `length` bytes, at most what the blocks hold, from blocks to `offset`. Where the file is shorter, it ends with them
    /// then. No processor copies data that begins and ends with a block of the file, or ends it. Where it goes over data that a call
    /// reads or writes at the same time, either may come first.
    ///
    /// They are on stable storage when a [`sync`](crate::Volume::sync) has been answered that was asked for after the write had been
    /// answered.
    pub fn write(&self, offset: u64, length: usize, from: Blocks) -> Transfer {
        let length = length.min(size_of(&from));
        let write = request::Write {
            file: self.handle,
            offset,
            length: length as u64,
        };
        Transfer::begin(self.connection, write.encode(), length, from)
    }

    /// Sets its length: what is behind is gone, and what it gets reads as zeroes.
    pub fn truncate(&self, length: u64) -> Reply<()> {
        let file = self.handle;
        let truncate = request::Truncate { file, length };
        Reply::new(self.submit(truncate.encode()), |_, _| Ok(()))
    }

    /// Lists entries of a folder into a block, from where the listing before said on: see [`list`](crate::list()).
    pub(crate) fn list(&self, [place, kind]: [u64; 2], block: Block) -> Reading {
        let list = request::List {
            folder: self.handle,
            place,
            kind,
        };
        self.reading(list.encode(), BLOCK_SIZE, block)
    }

    /// Closes it.
    pub fn close(self) -> Reply<()> {
        let file = self.handle;
        let submission = self.submit(request::Close { file }.encode());
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
    call: Lending,
    length: usize,
}

impl Reading {
    /// That of a call which was given a block, into which at most so many bytes are read.
    pub(crate) fn new(call: Lending, length: usize) -> Reading {
        Reading { call, length }
    }

    /// Waits for the block on the calling uthread; [`Block::bytes`] is what was read, nothing at the end of the file.
    ///
    /// # Errors
    /// Where the read failed.
    ///
    /// # Panics
    /// Where the caller is not a uthread.
    pub fn wait(mut self) -> Result<Block, ReadError> {
        let answer = self.call.wait();
        self.finish(answer)
    }

    fn finish(&mut self, answer: Answer) -> Result<Block, ReadError> {
        let (status, block) = match self.call.take_lent() {
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
        self.call.cancel()
    }

    pub(crate) fn into_call(self) -> (Lending, usize) {
        (self.call, self.length)
    }
}

impl Future for Reading {
    type Output = Result<Block, ReadError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = ready!(self.call.poll(context));
        Poll::Ready(self.finish(answer))
    }
}

impl Block {
    /// A block of the process's common pool. Waits until there is one: for ever, where all that are not owned stay in flight because
    /// their service broke the protocol.
    ///
    /// # Panics
    /// Where the caller is not a uthread.
    pub fn acquire() -> Block {
        Source::common().acquire()
    }

    /// A block of an order, 2^order times [`BLOCK_SIZE`] bytes in one piece; `None` where the common pool has not as many free ones of
    /// order 0 one behind another. A program takes large blocks when it begins and keeps them, or has a [`Pool`](crate::Pool) for them, or it finds the common
    /// pool in pieces.
    ///
    /// # Panics
    /// Where the caller runs on no vcore.
    pub fn try_acquire_large(order: u32) -> Option<Block> {
        Source::common().try_acquire_large(order)
    }

    /// A block of the common pool, or `None` where none is free.
    ///
    /// # Panics
    /// Where the caller runs on no vcore.
    pub fn try_acquire() -> Option<Block> {
        Source::common().try_acquire()
    }
}
