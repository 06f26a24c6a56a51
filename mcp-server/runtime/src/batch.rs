//! Syscalls that are submitted together: one publication, at most one doorbell, and one wait for all answers.
#![deny(unsafe_code)]

use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::{Poll, ready};

use atoll_abi::layout::RING_SLOTS;
use atoll_abi::syscall::{Call, Status, Syscall};

use crate::calls::{Answer, Pending, Waited};
use crate::runtime::Runtime;
use crate::syscalls::Reply;
use crate::uthread;

/// A syscall that is not submitted yet. It can be submitted any number of times.
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
    let calls = requests.iter().map(|it| (it.call, it.syscall));
    Replies {
        requests,
        pending: (!requests.is_empty()).then(|| Runtime::submit(calls, Waited::All)),
    }
}

/// The answers to come of requests that were submitted together. Dropping it does not take the syscalls back.
#[must_use = "syscalls whose replies are dropped complete unseen"]
pub struct Replies<'r, T> {
    requests: &'r [Request<T>],
    /// `None` where there was nothing to submit.
    pending: Option<Result<Pending, Status>>,
}

impl<T> Replies<'_, T> {
    /// Waits on the calling uthread for the answers, and hands each over in the order of the requests.
    ///
    /// # Panics
    /// Where the caller is not a uthread.
    pub fn wait(self, mut each: impl FnMut(Result<T, Status>)) {
        let mut pending = match self.pending {
            None => return,
            Some(Err(status)) => return self.requests.iter().for_each(|_| each(Err(status))),
            Some(Ok(pending)) => pending,
        };
        let mut requests = self.requests;
        uthread::block_on(poll_fn(|context| {
            while let Some((request, rest)) = requests.split_first() {
                let answer = ready!(Pin::new(&mut pending).poll(context));
                requests = rest;
                each(match answer.status {
                    Status::Done => (request.decode)(answer),
                    status => Err(status),
                });
            }
            Poll::Ready(())
        }));
    }
}
