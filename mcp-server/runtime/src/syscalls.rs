//! The syscalls, typed. Each is asynchronous: it gives a [`Reply`], a future, whose [`Reply::wait`] is the synchronous call.
#![deny(unsafe_code)]

use core::future::Future;
use core::iter::once;
use core::mem;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::handle::Handle;
use atoll_abi::name::Name;
use atoll_abi::syscall::{Call, Status, Syscall};

use crate::batch::Request;
use crate::block::Block;
use crate::calls::{Answer, Pending, Waited};
use crate::runtime::{EMPTY, Runtime};
use crate::uthread;

/// The answer to come of a syscall. Dropping it does not take the syscall back.
#[must_use = "a syscall whose reply is dropped completes unseen"]
pub struct Reply<T> {
    pending: Result<Pending, Status>,
    decode: fn(Answer) -> Result<T, Status>,
}

impl<T> Reply<T> {
    pub(crate) fn submit(
        call: Call,
        syscall: Syscall,
        decode: fn(Answer) -> Result<T, Status>,
    ) -> Reply<T> {
        Reply {
            pending: Runtime::submit(once((call, syscall)), Waited::Last),
            decode,
        }
    }

    /// Waits for the answer on the calling uthread.
    ///
    /// # Errors
    /// The status that the syscall ended with, where it is not [`Status::Done`].
    ///
    /// # Panics
    /// Where the caller is not a uthread.
    pub fn wait(self) -> Result<T, Status> {
        uthread::block_on(self)
    }
}

impl<T> Future for Reply<T> {
    type Output = Result<T, Status>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = match &mut self.pending {
            Ok(pending) => ready!(Pin::new(pending).poll(context)),
            Err(status) => return Poll::Ready(Err(*status)),
        };
        Poll::Ready(match answer.status {
            Status::Done => (self.decode)(answer),
            status => Err(status),
        })
    }
}

/// An open file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct File {
    handle: Handle,
    length: u64,
}

impl File {
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
        let syscall = Syscall {
            handle: self.handle.to_raw(),
            ..EMPTY
        };
        Request::new(Call::Stat, syscall, |answer| Ok(answer.result[0]))
    }

    /// Reads `length` bytes, at most one block, from `offset`, a multiple of the block size, into a block.
    pub fn read(&self, offset: u64, length: usize, block: Block) -> Reading {
        let syscall = Syscall {
            handle: self.handle.to_raw(),
            arguments: [offset, length.min(BLOCK_SIZE) as u64, 0, 0],
            block: block.index(),
            ..EMPTY
        };
        Reading {
            pending: Runtime::submit(once((Call::Read, syscall)), Waited::Last),
            block: Some(block),
            length: length.min(BLOCK_SIZE),
        }
    }

    /// Closes it.
    pub fn close(self) -> Reply<()> {
        let syscall = Syscall {
            handle: self.handle.to_raw(),
            ..EMPTY
        };
        Reply::submit(Call::Close, syscall, |_| Ok(()))
    }
}

/// Opens a file. A name that is none is [`Status::InvalidArgument`].
pub fn open(name: &str) -> Reply<File> {
    let Some(name) = Name::new(name) else {
        return Reply {
            pending: Err(Status::InvalidArgument),
            decode: |_| Err(Status::InvalidArgument),
        };
    };
    let syscall = Syscall {
        arguments: name.to_words(),
        ..EMPTY
    };
    Reply::submit(Call::Open, syscall, |answer| {
        let raw = u32::try_from(answer.result[0]).ok();
        let handle = raw.and_then(Handle::from_raw).ok_or(Status::Malformed)?;
        Ok(File {
            handle,
            length: answer.result[1],
        })
    })
}

/// Why a read failed, and the block that it was given where that is safe to use again.
#[derive(Debug)]
pub struct ReadError {
    /// How the read ended.
    pub status: Status,
    /// The block; `None` where the server did not give it back.
    pub block: Option<Block>,
}

/// A read to come. Dropped before its completion, its block goes back to the pool at the completion.
#[must_use = "a read that is dropped was in vain"]
pub struct Reading {
    pending: Result<Pending, Status>,
    block: Option<Block>,
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
    pub fn wait(self) -> Result<Block, ReadError> {
        uthread::block_on(self)
    }
}

impl Future for Reading {
    type Output = Result<Block, ReadError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = match &mut self.pending {
            Ok(pending) => ready!(Pin::new(pending).poll(context)),
            Err(status) => {
                let status = *status;
                // Nothing was submitted: the block never left.
                let block = self.block.take();
                return Poll::Ready(Err(ReadError { status, block }));
            }
        };
        let mut block = self.block.take();
        if !answer.block_returned {
            // Somebody may still write it: it never goes back to the pool.
            mem::forget(block.take());
        }
        let read = answer.result[0] as usize;
        Poll::Ready(match (answer.status, block) {
            (Status::Done, Some(mut block)) if read <= self.length => {
                block.set_length(read);
                Ok(block)
            }
            (Status::Done, block) => Err(ReadError {
                status: Status::Malformed,
                block,
            }),
            (status, block) => Err(ReadError { status, block }),
        })
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        if let Ok(pending) = &mut self.pending {
            pending.abandon(self.block.take());
        }
    }
}

/// Turns the process into a many-core process.
pub fn become_mcp() -> Reply<()> {
    Reply::submit(Call::BecomeMcp, EMPTY, |_| Ok(()))
}

/// Asks for vcores, `count` in all. The answer is how many are granted now.
pub fn request_vcores(count: usize) -> Reply<usize> {
    vcores_request(count).submit()
}

/// [`request_vcores`], not submitted yet.
pub fn vcores_request(count: usize) -> Request<usize> {
    let syscall = Syscall {
        arguments: [count as u64, 0, 0, 0],
        ..EMPTY
    };
    Request::new(Call::RequestVcores, syscall, |answer| {
        Ok(answer.result[0] as usize)
    })
}

/// Gives the calling vcore back; the calling uthread goes on on another one. Vcore 0 stays, and so does a vcore that has
/// no credit for the syscall.
///
/// The server answers the syscall when it grants the vcore again, not before.
///
/// # Errors
/// [`Status::NotAllowed`] on vcore 0.
pub fn yield_vcore() -> Result<(), Status> {
    Runtime::leave_vcore()?;
    uthread::yield_now();
    Ok(())
}

/// Ends the process.
///
/// # Panics
/// Where the caller is not a uthread.
pub fn exit(status: u64) -> ! {
    let syscall = Syscall {
        arguments: [status, 0, 0, 0],
        ..EMPTY
    };
    let _ = Reply::submit(Call::Exit, syscall, |_| Ok(())).wait();
    // The process has ended, or there is no server that could end it.
    loop {
        uthread::park();
    }
}

/// The vcore that runs the caller now. A uthread may be on another one after it has waited.
///
/// # Panics
/// Where the calling thread is no vcore.
pub fn current_vcore() -> usize {
    Runtime::current_vcore().1
}

/// How often the process has entered the kernel so far; see [`Runtime::kernel_entries`].
///
/// # Panics
/// Where the calling thread is no vcore.
pub fn kernel_entries() -> u64 {
    Runtime::current().kernel_entries()
}

/// Vcores that the process may ever have.
///
/// # Panics
/// Where the calling thread is no vcore.
pub fn max_vcores() -> usize {
    Runtime::current().max_vcores()
}
