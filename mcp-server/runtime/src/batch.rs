//! Syscalls that are submitted together: one publication on each channel, at most one doorbell, and one wait for all
//! answers.
#![deny(unsafe_code)]

use alloc::vec::{IntoIter, Vec};
use core::task::Waker;

use atoll_abi::syscall::{Status, Syscall};
use atoll_call::Answer;

use crate::calls::Refused;
use crate::reply::{Decode, Reply, Submission};
use crate::runtime::{Runtime, SubmittedGroup};
use crate::target::{Connection, Target};
use crate::uthread;
use crate::waiter::{Waiter, own_answer};

/// A syscall that is not submitted yet. It can be submitted any number of times, and always leaves the process.
#[derive(Clone, Copy)]
pub struct Request<T> {
    target: Target,
    syscall: Syscall,
    decode: Decode<T>,
}

impl<T> Request<T> {
    pub(crate) fn new(target: Target, syscall: Syscall, decode: Decode<T>) -> Request<T> {
        let generation = Runtime::current().generation();
        Request {
            target,
            // Written once, and not each time that it is submitted.
            syscall: Syscall {
                generation,
                ..syscall
            },
            decode,
        }
    }

    /// Submits it alone.
    pub fn submit(self) -> Reply<T> {
        Reply::new(Submission::new(self.target, self.syscall), self.decode)
    }
}

/// Submits requests in their order, with one publication where all go to one server or service. Waits for credits where
/// there are too few.
///
/// # Panics
/// Where more requests go to one server or service than a vcore can have under way there, or the caller is not a uthread
/// and has to wait. A vcore can have [`atoll_abi::layout::RING_SLOTS`] calls under way at a service, and two less at its
/// server.
pub fn submit_all<T>(requests: &[Request<T>]) -> Replies<'_, T> {
    let timeout = Runtime::timeout();
    if let [first, others @ ..] = requests
        && others.iter().all(|other| other.target == first.target)
    {
        return Replies {
            requests,
            part: submit_to_one(requests, timeout),
            later: Vec::new().into_iter(),
        };
    }
    let (runtime, vcore) = have_room(requests);
    let mut parts = runs(requests).map(|run| match submit_run(runtime, vcore, run, timeout) {
        Ok(submitted) => Part::Submitted(submitted),
        Err(Refused::Stale) => Part::Refused(run.len(), Status::BadHandle),
        Err(_) => Part::Refused(run.len(), Status::PeerLost),
    });
    Replies {
        requests,
        part: parts.next().unwrap_or(Part::Refused(0, Status::Done)),
        later: parts.collect::<Vec<_>>().into_iter(),
    }
}

/// Requests that follow each other and have the same target.
fn runs<T>(requests: &[Request<T>]) -> impl Iterator<Item = &[Request<T>]> {
    requests.chunk_by(|one, next| one.target == next.target)
}

/// Requests that go to a channel.
fn count_for<T>(requests: &[Request<T>], channel: usize) -> usize {
    let there = |request: &&Request<T>| request.target.channel() == channel;
    requests.iter().filter(there).count()
}

/// Submits requests, at least one, of one target. Waits for credits.
fn submit_to_one<T>(run: &[Request<T>], timeout: u64) -> Part {
    let (target, count) = (run[0].target, run.len());
    loop {
        let (runtime, vcore) = Runtime::current_vcore();
        let refused = match submit_run(runtime, vcore, run, timeout) {
            Ok(submitted) => return Part::Submitted(submitted),
            Err(refused) => refused,
        };
        check_count(runtime, target, count);
        if let Err(status) = runtime.prepare_retry(vcore, target, count, refused) {
            return Part::Refused(count, status);
        }
    }
}

/// Submits requests of one target, at least one.
fn submit_run<T>(
    runtime: &'static Runtime,
    vcore: usize,
    run: &[Request<T>],
    timeout: u64,
) -> Result<SubmittedGroup, Refused> {
    let calls = run.iter().map(|request| &request.syscall);
    // None of the requests that there are is one that the runtime itself has to watch.
    let waiter = |_, _| Waiter::Caller(None);
    runtime.submit_group(vcore, run[0].target, calls, waiter, timeout)
}

/// # Panics
/// Where a vcore can never have so many calls under way at a target.
fn check_count(runtime: &Runtime, target: Target, count: usize) {
    let most = runtime.most_calls(target.channel());
    assert!(count <= most, "{count} requests, and {most} credits");
}

/// Waits until the calling vcore has credits for all requests: a uthread that waited with some of them submitted could wait
/// for another one that does the same. Gives the vcore. A target that is lost needs none.
fn have_room<T>(requests: &[Request<T>]) -> (&'static Runtime, usize) {
    'again: loop {
        let (runtime, vcore) = Runtime::current_vcore();
        for run in runs(requests) {
            let target = run[0].target;
            let count = count_for(requests, target.channel());
            let Err(refused) = runtime.room(vcore, target, count) else {
                continue;
            };
            check_count(runtime, target, count);
            let retry = runtime.prepare_retry(vcore, target, count, refused);
            if retry.is_ok() {
                continue 'again;
            }
        }
        return (runtime, vcore);
    }
}

/// Answers that are taken together: each time costs a lock.
type Answers = heapless::Vec<Answer, 16>;

/// Requests that have the same target.
enum Part {
    Submitted(SubmittedGroup),
    /// With how many are left.
    Refused(usize, Status),
}

impl Part {
    fn is_empty(&self) -> bool {
        match self {
            Part::Submitted(submitted) => submitted.group.is_empty(),
            Part::Refused(left, _) => *left == 0,
        }
    }

    fn connection(&self) -> Connection {
        match self {
            Part::Submitted(submitted) => submitted.connection,
            Part::Refused(..) => Connection::NONE,
        }
    }

    /// Takes the next answers, as many as have come and fit. There must be one left; where it has not come, the caller is
    /// woken by the waker, if there is one. Tells whether any has come.
    fn take(&mut self, waker: Option<&Waker>, answers: &mut Answers) -> bool {
        match self {
            Part::Submitted(submitted) => {
                let group = &mut submitted.group;
                submitted.calls.with_freed(
                    |calls| {
                        calls.take_first(group, waker, answers);
                        !answers.is_empty()
                    },
                    |any| *any,
                )
            }
            Part::Refused(left, status) => {
                while *left > 0 && answers.push(own_answer(*status, [0; 2])).is_ok() {
                    *left -= 1;
                }
                true
            }
        }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if let Part::Submitted(submitted) = self
            && !submitted.group.is_empty()
        {
            let group = submitted.group;
            let calls = submitted.calls;
            calls.with_freed(|calls| calls.abandon_group(group), |()| true);
        }
    }
}

/// The answers to come of requests that were submitted together. Dropping it does not cancel the syscalls.
#[must_use = "syscalls whose replies are dropped complete unseen"]
pub struct Replies<'r, T> {
    /// Those whose answers have not been taken.
    requests: &'r [Request<T>],
    part: Part,
    later: IntoIter<Part>,
}

impl<T> Replies<'_, T> {
    /// Waits on the calling uthread for the answers, and hands each over in the order of the requests.
    ///
    /// # Panics
    /// Where the caller is not a uthread.
    pub fn wait(mut self, mut each: impl FnMut(Result<T, Status>)) {
        if self.requests.is_empty() {
            return;
        }
        let mut answers = Answers::new();
        loop {
            if self.part.is_empty() {
                match self.later.next() {
                    Some(next) => self.part = next,
                    None => return,
                }
            }
            let part = &mut self.part;
            uthread::wait_for(|waker| part.take(waker, &mut answers).then_some(()));
            let connection = self.part.connection();
            let (taken, rest) = self.requests.split_at(answers.len());
            self.requests = rest;
            for (request, answer) in taken.iter().zip(&answers) {
                each(match answer.status {
                    Status::Done => (request.decode)(answer, connection),
                    status => Err(status),
                });
            }
            answers.clear();
        }
    }
}
