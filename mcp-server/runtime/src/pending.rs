//! Syscalls that were submitted, and timers that run, with a caller.
#![deny(unsafe_code)]

use core::sync::atomic::{AtomicBool, Ordering};
use core::task::Waker;

use atoll_abi::syscall::Status;
use atoll_call::Answer;

use crate::block::Lent;
use crate::expected::Expected;
use crate::runtime::{Runtime, Submitted};
use crate::target::Connection;
use crate::timers::TimerId;
use crate::waiter::{Effects, own_answer};

/// A syscall of which the answer has not been fetched. Dropped before its completion, it completes unseen.
pub(crate) struct Pending {
    call: Submitted,
    /// The answer has been fetched, or nothing waits for it.
    left: bool,
}

impl Pending {
    pub(crate) fn new(call: Submitted) -> Pending {
        Pending { call, left: false }
    }

    /// The connection that the call was made on.
    pub(crate) fn connection(&self) -> Connection {
        self.call.connection
    }

    /// The answer, where it has come; otherwise its caller is woken by the waker, if there is one.
    pub(crate) fn take(&mut self, waker: Option<&Waker>) -> Option<Answer> {
        if self.left {
            return Some(own_answer(Status::PeerLost, [0; 2]));
        }
        let answer = self.call.calls.with_freed(
            |calls| calls.take(self.call.tag, waker),
            |answer: &Option<Answer>| answer.is_some(),
        )?;
        self.left = true;
        Some(answer)
    }

    /// Has nothing wait for the call; its block goes back to its pool when the call has ended.
    pub(crate) fn abandon(&mut self, lent: Option<Lent>) {
        if core::mem::replace(&mut self.left, true) {
            return;
        }
        // The block is dropped when the lock is released.
        let calls = self.call.calls;
        let ended = calls.with_freed(|calls| calls.abandon(self.call.tag, lent), |_| true);
        ended.map(|(lent, returned)| lent.settle(returned));
    }

    /// Has the completion become an event.
    pub(crate) fn expect(mut self, expected: Expected) {
        self.left = true;
        let calls = self.call.calls;
        let ended = calls.with_freed(
            |calls| calls.expect(self.call.tag, expected),
            Option::is_some,
        );
        if let Some((expected, answer)) = ended {
            expected.arrive(answer);
        }
    }

    /// Cancels the call: it ends for its caller at once, if it has not. Tells whether that ended it.
    pub(crate) fn cancel(&self) -> bool {
        if self.left {
            return false;
        }
        let mut effects = Effects::default();
        let calls = self.call.calls;
        let ended = calls.with(|calls| calls.cancel(self.call.tag, &mut effects));
        // It has a caller, which is the only thing that its end sets free.
        effects.wakers.into_iter().for_each(Waker::wake);
        ended
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.abandon(None);
    }
}

/// A timer that runs on a vcore, or has ended. Dropped, it is stopped.
pub(crate) struct Timer {
    runtime: &'static Runtime,
    vcore: usize,
    id: TimerId,
    cancelled: AtomicBool,
}

impl Timer {
    /// Starts a timer on the calling vcore.
    pub(crate) fn start(ticks: u64) -> Timer {
        let (runtime, vcore) = Runtime::current_vcore();
        Timer {
            runtime,
            vcore,
            id: runtime.start_timer(vcore, ticks),
            cancelled: AtomicBool::new(false),
        }
    }

    fn ended(&self) -> Answer {
        let status = match self.cancelled.load(Ordering::Relaxed) {
            true => Status::Cancelled,
            false => Status::Done,
        };
        own_answer(status, [0; 2])
    }

    /// How it ended, where it has; otherwise its caller is woken by the waker, if there is one.
    pub(crate) fn take(&self, waker: Option<&Waker>) -> Option<Answer> {
        let timers = self.runtime.timers(self.vcore);
        timers.with(|timers| (!timers.runs(self.id, waker)).then(|| self.ended()))
    }

    /// Has its end become an event.
    pub(crate) fn expect(self, expected: Expected) {
        let timers = self.runtime.timers(self.vcore);
        let ended = timers.with(|timers| timers.expect(self.id, expected));
        if let Some(expected) = ended {
            expected.arrive(self.ended());
        }
        // It runs on.
        core::mem::forget(self);
    }

    /// Stops it. Tells whether it ran.
    pub(crate) fn cancel(&self) -> bool {
        let timers = self.runtime.timers(self.vcore);
        let stopped = timers.with(|timers| {
            let stopped = timers.stop(self.id)?;
            // Seen by its caller with the lock.
            self.cancelled.store(true, Ordering::Relaxed);
            Some(stopped)
        });
        let Some(waiter) = stopped else { return false };
        let mut effects = Effects::default();
        effects.deliver(waiter, self.ended());
        effects.wakers.into_iter().for_each(Waker::wake);
        true
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        let timers = self.runtime.timers(self.vcore);
        drop(timers.with(|timers| timers.stop(self.id)));
    }
}
