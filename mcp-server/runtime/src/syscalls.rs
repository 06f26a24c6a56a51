//! The syscalls, typed. Each is asynchronous: it gives a [`Reply`], a future, whose [`Reply::wait`] is the synchronous call.
#![deny(unsafe_code)]

use core::future::Future;
use core::iter::once;
use core::mem;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::handle::Handle;
use atoll_abi::name::Name;
use atoll_abi::syscall::{Call, Status, Syscall};
use atoll_abi::time::Timeout;

use crate::batch::Request;
use crate::block::Block;
use crate::calls::Answer;
use crate::pending::Pending;
use crate::runtime::{EMPTY, Runtime};
use crate::uthread;

/// A syscall on its way, or the answer that the runtime had itself.
pub(crate) enum Submission {
    Pending(Pending),
    Answered(Answer),
}

impl Submission {
    pub(crate) fn new(call: Call, mut syscall: Syscall) -> Submission {
        if syscall.pool == 0 && call != Call::Exit {
            syscall.pool = Runtime::timeout();
        }
        match Runtime::submit(once((call, syscall))) {
            Ok(pending) => Submission::Pending(pending),
            Err(status) => Submission::refused(status),
        }
    }

    /// Nothing was submitted; a block that it was given never left.
    fn refused(status: Status) -> Submission {
        Submission::Answered(Answer::own(status, [0; 2]))
    }

    /// The runtime serves the call itself.
    fn own(result: [u64; 2]) -> Submission {
        Runtime::current().note_own_answer();
        Submission::Answered(Answer::own(Status::Done, result))
    }

    fn cancel(&self) -> Submission {
        let cancelled = match self {
            Submission::Pending(pending) => pending.cancel(),
            Submission::Answered(_) => Ok(None),
        };
        match cancelled {
            Ok(Some(pending)) => Submission::Pending(pending),
            // It is done: nothing is left to be taken back.
            Ok(None) => Submission::own([0; 2]),
            Err(status) => Submission::refused(status),
        }
    }

    /// The answer, where it has come.
    fn take(&mut self) -> Option<Answer> {
        match self {
            Submission::Pending(pending) => pending.take(),
            Submission::Answered(answer) => Some(*answer),
        }
    }

    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Answer> {
        match self {
            Submission::Pending(pending) => Pin::new(pending).poll(context),
            Submission::Answered(answer) => Poll::Ready(*answer),
        }
    }
}

/// The answer to come of a syscall. Dropping it does not take the syscall back: it completes unseen.
#[must_use = "a syscall whose reply is dropped completes unseen"]
pub struct Reply<T> {
    submission: Submission,
    /// The status with which it has done what it says.
    done: Status,
    decode: fn(Answer) -> Result<T, Status>,
}

impl<T> Reply<T> {
    pub(crate) fn submit(
        call: Call,
        syscall: Syscall,
        decode: fn(Answer) -> Result<T, Status>,
    ) -> Reply<T> {
        Reply {
            submission: Submission::new(call, syscall),
            done: Status::Done,
            decode,
        }
    }

    fn finish(&self, answer: Answer) -> Result<T, Status> {
        if answer.status == self.done {
            (self.decode)(answer)
        } else if answer.status == Status::Done {
            // It ended as it never does.
            Err(Status::Malformed)
        } else {
            Err(answer.status)
        }
    }

    /// Waits for the answer on the calling uthread.
    ///
    /// # Errors
    /// The status that the syscall ended with, where it is not [`Status::Done`].
    ///
    /// # Panics
    /// Where the caller is not a uthread.
    pub fn wait(mut self) -> Result<T, Status> {
        match self.submission.take() {
            Some(answer) => self.finish(answer),
            None => uthread::block_on(self),
        }
    }

    /// Asks for the syscall to be taken back. It still ends exactly once, with [`Status::Cancelled`] or as if it had not
    /// been asked; the answer to this is whether it ended because of it.
    pub fn cancel(&self) -> Reply<bool> {
        Reply {
            submission: self.submission.cancel(),
            done: Status::Done,
            decode: was_cancelled,
        }
    }

    pub(crate) fn into_submission(self) -> Submission {
        self.submission
    }
}

fn was_cancelled(answer: Answer) -> Result<bool, Status> {
    Ok(answer.result[0] == 1)
}

impl<T> Future for Reply<T> {
    type Output = Result<T, Status>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = ready!(self.submission.poll(context));
        Poll::Ready(self.finish(answer))
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
        block.lend();
        Reading {
            submission: Submission::new(Call::Read, syscall),
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
            submission: Submission::refused(Status::InvalidArgument),
            done: Status::Done,
            decode: |_| Err(Status::InvalidArgument),
        };
    };
    let syscall = Syscall {
        arguments: name.to_words(),
        ..EMPTY
    };
    Reply::submit(Call::Open, syscall, |answer| opened(answer.result))
}

/// The file that an open gave.
pub(crate) fn opened(result: [u64; 2]) -> Result<File, Status> {
    let raw = u32::try_from(result[0]).ok();
    let handle = raw.and_then(Handle::from_raw).ok_or(Status::Malformed)?;
    Ok(File {
        handle,
        length: result[1],
    })
}

/// Why a read failed, and the block that it was given where that is safe to use again.
#[derive(Debug)]
pub struct ReadError {
    /// How the read ended.
    pub status: Status,
    /// The block; `None` where it is still away, because the read ended early, say: it comes back to the pool by itself.
    pub block: Option<Block>,
}

/// A read to come. Dropped before its completion, its block goes back to the pool at the completion.
#[must_use = "a read that is dropped was in vain"]
pub struct Reading {
    submission: Submission,
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
    pub fn wait(mut self) -> Result<Block, ReadError> {
        match self.submission.take() {
            Some(answer) => self.finish(answer),
            None => uthread::block_on(self),
        }
    }

    fn finish(&mut self, answer: Answer) -> Result<Block, ReadError> {
        let Some(block) = self.block.take() else {
            // It was polled after its end.
            let status = Status::Malformed;
            return Err(ReadError {
                status,
                block: None,
            });
        };
        match read_done(answer, block, self.length) {
            (Status::Done, Some(block)) => Ok(block),
            (status, block) => Err(ReadError { status, block }),
        }
    }

    /// Asks for the read to be taken back: see [`Reply::cancel`].
    pub fn cancel(&self) -> Reply<bool> {
        Reply {
            submission: self.submission.cancel(),
            done: Status::Done,
            decode: was_cancelled,
        }
    }

    pub(crate) fn into_parts(mut self) -> (Submission, Option<Block>, usize) {
        let gone = Submission::refused(Status::Cancelled);
        let submission = mem::replace(&mut self.submission, gone);
        (submission, self.block.take(), self.length)
    }
}

/// How a read has ended, and its block where that is safe to use again.
pub(crate) fn read_done(answer: Answer, block: Block, length: usize) -> (Status, Option<Block>) {
    let read = answer.result[0] as usize;
    match (answer.status, block.settle(answer.block_returned)) {
        (Status::Done, Some(mut block)) if read <= length => {
            block.set_length(read);
            (Status::Done, Some(block))
        }
        (Status::Done, block) => (Status::Malformed, block),
        failed => failed,
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
        let block = self.block.take();
        match &mut self.submission {
            Submission::Pending(pending) => pending.abandon(block),
            Submission::Answered(answer) => {
                let returned = answer.block_returned;
                block.map(|block| block.settle(returned));
            }
        }
    }
}

/// Ends with nothing when a time is up; [`Reply::cancel`] ends it before, with [`Status::Cancelled`].
pub fn sleep(time: Duration) -> Reply<()> {
    let syscall = Syscall {
        pool: timeout_of(time).to_raw(),
        ..EMPTY
    };
    let mut reply = Reply::submit(Call::Sleep, syscall, |_| Ok(()));
    reply.done = Status::TimedOut;
    reply
}

/// Gives every syscall that the calling uthread makes in `work` a time-out: one that takes longer ends with
/// [`Status::TimedOut`]. What is submitted counts, not what is waited for. The innermost time-out counts; [`sleep`] has its
/// own.
///
/// ```no_run
/// use core::time::Duration;
/// use atoll_runtime::{open, with_timeout};
///
/// let opened = with_timeout(Duration::from_millis(5), || open("input")).wait();
/// ```
///
/// # Panics
/// Where the caller is not a uthread.
pub fn with_timeout<R>(time: Duration, work: impl FnOnce() -> R) -> R {
    let before = Runtime::set_timeout(timeout_of(time));
    let result = work();
    Runtime::set_timeout(before);
    result
}

fn timeout_of(time: Duration) -> Timeout {
    let microseconds = time.as_nanos().div_ceil(1000);
    Timeout::from_microseconds(u64::try_from(microseconds).unwrap_or(u64::MAX))
}

/// Submits the syscalls that the calling uthread makes in `work` together, with one publication and at most one doorbell.
/// Waiting in `work` submits what was made before.
///
/// ```no_run
/// use atoll_runtime::{batch, open};
///
/// let (first, second) = batch(|| (open("first"), open("second")));
/// let (first, second) = (first.wait(), second.wait());
/// ```
///
/// # Panics
/// Where the caller is not a uthread.
pub fn batch<R>(work: impl FnOnce() -> R) -> R {
    let outermost = Runtime::begin_hold();
    let result = work();
    if outermost {
        Runtime::end_hold();
    }
    result
}

/// Turns the process into a many-core process. Nothing happens, and nobody is asked, where it is one already.
pub fn become_mcp() -> Reply<()> {
    let submission = if Runtime::current().many_core() {
        Submission::own([0; 2])
    } else {
        Submission::new(Call::BecomeMcp, EMPTY)
    };
    Reply {
        submission,
        done: Status::Done,
        decode: |_| Ok(()),
    }
}

/// Asks for vcores, `count` in all. The answer is how many are granted now. The server is not asked where so many are
/// granted already.
pub fn request_vcores(count: usize) -> Reply<usize> {
    let runtime = Runtime::current();
    let granted = if runtime.many_core() {
        runtime.staying()
    } else {
        0
    };
    if (1..=granted).contains(&count) {
        Reply {
            submission: Submission::own([granted as u64, 0]),
            done: Status::Done,
            decode: granted_vcores,
        }
    } else {
        vcores_request(count).submit()
    }
}

/// [`request_vcores`], not submitted yet.
pub fn vcores_request(count: usize) -> Request<usize> {
    let syscall = Syscall {
        arguments: [count as u64, 0, 0, 0],
        ..EMPTY
    };
    Request::new(Call::RequestVcores, syscall, granted_vcores)
}

fn granted_vcores(answer: Answer) -> Result<usize, Status> {
    Ok(answer.result[0] as usize)
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

/// Ends the process. Where its server is gone, whoever supervises both ends it.
///
/// # Panics
/// Where the caller is not a uthread.
pub fn exit(status: u64) -> ! {
    let syscall = Syscall {
        arguments: [status, 0, 0, 0],
        ..EMPTY
    };
    let ended = Reply::submit(Call::Exit, syscall, |_| Ok(())).wait();
    if ended == Err(Status::PeerLost) {
        Runtime::end_without_server(status);
    }
    // The process has ended, or there is nobody who could end it.
    loop {
        uthread::park();
    }
}
