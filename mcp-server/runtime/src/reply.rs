//! Replies: answers to come.
#![deny(unsafe_code)]

use core::future::Future;
use core::iter::once;
use core::pin::Pin;
use core::task::{Context, Poll, Waker, ready};

use atoll_abi::syscall::{Status, Syscall};
use atoll_call::Answer;

use crate::lending::Lending;
use crate::pending::{Pending, Timer};
use crate::runtime::Runtime;
use crate::target::{Connection, Target};
use crate::waiter::own_answer;

/// What answers a syscall.
pub(crate) enum Submission {
    /// A server or a service.
    Pending(Pending),
    /// A timer of the runtime.
    Timer(Timer),
    /// The runtime has answered it.
    Answered(Answer),
}

/// What makes a result of an answer with status [`Status::Done`], which came on a connection.
pub(crate) type Decode<T> = fn(&Answer, Connection) -> Result<T, Status>;

impl Submission {
    /// Submits a call, with the time-out of the calling uthread.
    pub(crate) fn new(target: Target, syscall: Syscall) -> Submission {
        Submission::with_timeout(target, syscall, Runtime::timeout())
    }

    /// Submits a call. `timeout` is in ticks, or [`atoll_call::NEVER`].
    pub(crate) fn with_timeout(target: Target, syscall: Syscall, timeout: u64) -> Submission {
        match Runtime::submit(target, once(syscall), timeout) {
            Ok(submitted) => Submission::Pending(Pending::new(submitted)),
            Err(status) => Submission::refused(status),
        }
    }

    /// Nothing was submitted; a block that it was given never left the process.
    pub(crate) fn refused(status: Status) -> Submission {
        Submission::Answered(own_answer(status, [0; 2]))
    }

    /// The runtime serves the call itself.
    pub(crate) fn own(result: [u64; 2]) -> Submission {
        Runtime::current().note_own_answer();
        Submission::Answered(own_answer(Status::Done, result))
    }

    /// The connection that the call was made on.
    pub(crate) fn connection(&self) -> Connection {
        match self {
            Submission::Pending(pending) => pending.connection(),
            Submission::Timer(_) | Submission::Answered(_) => Connection::NONE,
        }
    }

    /// Cancels the call. The answer is 1 where that ended it.
    pub(crate) fn cancel(&self) -> Submission {
        let ended = match self {
            Submission::Pending(pending) => pending.cancel(),
            Submission::Timer(timer) => timer.cancel(),
            Submission::Answered(_) => false,
        };
        Submission::own([u64::from(ended), 0])
    }

    /// The answer, where it has come; otherwise the caller is woken by the waker, if there is one.
    pub(crate) fn take(&mut self, waker: Option<&Waker>) -> Option<Answer> {
        match self {
            Submission::Pending(pending) => pending.take(waker),
            Submission::Timer(timer) => timer.take(waker),
            Submission::Answered(answer) => Some(*answer),
        }
    }

    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Answer> {
        match self.take(Some(context.waker())) {
            Some(answer) => Poll::Ready(answer),
            None => Poll::Pending,
        }
    }
}

/// The answer to come of a syscall. Dropping it does not cancel the syscall: it completes unseen.
#[must_use = "a syscall whose reply is dropped completes unseen"]
pub struct Reply<T> {
    call: Lending,
    decode: Decode<T>,
}

impl<T> Reply<T> {
    pub(crate) fn new(submission: Submission, decode: Decode<T>) -> Reply<T> {
        Reply::of(Lending::new(submission, None), decode)
    }

    /// That of a call whose blocks go back to the pool when it has ended.
    pub(crate) fn of(call: Lending, decode: Decode<T>) -> Reply<T> {
        Reply { call, decode }
    }

    fn finish(&mut self, answer: Answer) -> Result<T, Status> {
        drop(self.call.settle(&answer));
        match answer.status {
            Status::Done => (self.decode)(&answer, self.call.submission().connection()),
            status => Err(status),
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
        let answer = self.call.wait();
        self.finish(answer)
    }

    /// Cancels the syscall: where it has not ended, it ends at once, with [`Status::Cancelled`]. The answer to this, which is
    /// there at once, is whether it ended because of it.
    ///
    /// The one who serves the syscall is not told, and may still do what was asked. A block that the syscall was given comes
    /// back to the pool when that is over.
    pub fn cancel(&self) -> Reply<bool> {
        self.call.cancel()
    }

    pub(crate) fn into_call(self) -> Lending {
        self.call
    }
}

/// The answer to a cancellation.
pub(crate) fn was_cancelled(answer: &Answer, _: Connection) -> Result<bool, Status> {
    Ok(answer.result[0] == 1)
}

impl<T> Future for Reply<T> {
    type Output = Result<T, Status>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = ready!(self.call.poll(context));
        Poll::Ready(self.finish(answer))
    }
}
