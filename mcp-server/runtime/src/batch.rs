//! Syscalls that are submitted together: one publication, at most one doorbell, and one wait for all answers.
#![deny(unsafe_code)]

use core::task::Waker;

use atoll_abi::layout::RING_SLOTS;
use atoll_abi::syscall::{Call, Status, Syscall};

use crate::calls::{Answer, Group};
use crate::runtime::Runtime;
use crate::syscalls::Reply;
use crate::uthread;

/// A syscall that is not submitted yet. It can be submitted any number of times, and always goes to the server.
#[derive(Clone, Copy)]
pub struct Request<T> {
    call: Call,
    syscall: Syscall,
    decode: fn(Answer) -> Result<T, Status>,
}

impl<T> Request<T> {
    pub(crate) fn new(
        call: Call,
        syscall: Syscall,
        decode: fn(Answer) -> Result<T, Status>,
    ) -> Request<T> {
        Request {
            call,
            syscall,
            decode,
        }
    }

    /// Submits it alone.
    pub fn submit(self) -> Reply<T> {
        Reply::submit(self.call, self.syscall, self.decode)
    }
}

/// Submits requests with one publication, in their order. Waits for credits where there are too few.
///
/// # Panics
/// Where there are more requests than a vcore has credits, [`RING_SLOTS`], or the caller is not a uthread and has to wait.
pub fn submit_all<'r, T>(requests: &'r [Request<T>]) -> Replies<'r, T> {
    assert!(
        requests.len() <= RING_SLOTS,
        "{} requests, and {RING_SLOTS} credits",
        requests.len()
    );
    let timeout = Runtime::timeout();
    let calls = requests.iter().map(|request| {
        let syscall = Syscall {
            pool: timeout,
            ..request.syscall
        };
        (request.call, syscall)
    });
    Replies {
        requests,
        source: match requests {
            [] => Source::Refused(Status::Done),
            _ => match Runtime::submit_group(calls) {
                Ok((runtime, vcore, group)) => Source::Submitted(runtime, vcore, group),
                Err(status) => Source::Refused(status),
            },
        },
    }
}

enum Source {
    /// On a vcore of a runtime.
    Submitted(&'static Runtime, usize, Group),
    Refused(Status),
}

/// The answers to come of requests that were submitted together. Dropping it does not take the syscalls back.
#[must_use = "syscalls whose replies are dropped complete unseen"]
pub struct Replies<'r, T> {
    /// Those whose answers have not been taken.
    requests: &'r [Request<T>],
    source: Source,
}

impl<T> Replies<'_, T> {
    /// Waits on the calling uthread for the answers, and hands each over in the order of the requests.
    ///
    /// # Panics
    /// Where the caller is not a uthread.
    pub fn wait(mut self, mut each: impl FnMut(Result<T, Status>)) {
        let mut waker = None;
        while let Some((request, rest)) = self.requests.split_first() {
            let Some(answer) = self.source.take(waker.as_ref()) else {
                match waker {
                    Some(_) => uthread::park(),
                    None => waker = Some(uthread::waker()),
                }
                continue;
            };
            self.requests = rest;
            each(match answer.status {
                Status::Done => (request.decode)(answer),
                status => Err(status),
            });
        }
    }
}

impl Source {
    /// The next answer; where it has not come, the waker is kept, if there is one.
    fn take(&mut self, waker: Option<&Waker>) -> Option<Answer> {
        match self {
            Source::Submitted(runtime, vcore, group) => runtime.vcores[*vcore].calls.change_if(
                |calls| calls.poll_group(group, waker),
                |answer| answer.is_some(),
            ),
            Source::Refused(status) => Some(Answer::own(*status, [0; 2])),
        }
    }
}

impl<T> Drop for Replies<'_, T> {
    fn drop(&mut self) {
        if let Source::Submitted(runtime, vcore, group) = &self.source {
            let calls = &runtime.vcores[*vcore].calls;
            calls.change(|calls| calls.abandon_group(*group));
        }
    }
}
