//! Events: the way to use syscalls in which completions come to one place, in the order in which they are taken in.
#![deny(unsafe_code)]

mod bell;

use alloc::collections::VecDeque;
use alloc::sync::Arc;

use atoll_abi::syscall::Status;

use crate::block::Lent;
use crate::expected::{Expected, Queue};
use crate::files::{File, Reading};
use crate::monitor::Monitor;
use crate::reply::{Reply, Submission};
use crate::sockets::Stream;
use crate::transfer::Transfer;

pub use crate::expected::Event;
pub use bell::Bell;

impl Event {
    /// The file that the call opened.
    ///
    /// # Errors
    /// The status that it ended with, where it is not [`Status::Done`]; [`Status::Malformed`] where it opened none.
    pub fn file(&self) -> Result<File, Status> {
        match self.status {
            Status::Done => File::opened(self.result, self.connection),
            status => Err(status),
        }
    }
}

impl Event {
    /// The connection that the call accepted or made.
    ///
    /// # Errors
    /// The status that it ended with, where it is not [`Status::Done`]; [`Status::Malformed`] where there is none.
    pub fn stream(&self) -> Result<Stream, Status> {
        match self.status {
            Status::Done => Stream::opened(self.result, self.connection),
            status => Err(status),
        }
    }
}

/// Where completions of any calls arrive as [events](Event). Any number of uthreads may add calls and take events.
///
/// Dropped, its calls complete unseen, and their blocks go back to the pool.
///
/// ```no_run
/// use atoll_runtime::{EventQueue, File, Status};
///
/// fn lengths(files: &[File]) -> u64 {
///     let queue = EventQueue::new();
///     for (token, file) in (0..).zip(files) {
///         queue.add(token, file.stat());
///     }
///     let mut sum = 0;
///     while let Some(event) = queue.wait() {
///         if event.status == Status::Done {
///             sum += event.result[0];
///         }
///     }
///     sum
/// }
/// ```
pub struct EventQueue {
    queue: Arc<Monitor<Queue>>,
}

impl Default for EventQueue {
    fn default() -> EventQueue {
        EventQueue::new()
    }
}

impl EventQueue {
    /// A queue without calls.
    pub fn new() -> EventQueue {
        EventQueue {
            queue: Arc::new(Monitor::new(Queue {
                arrived: VecDeque::new(),
                outstanding: 0,
            })),
        }
    }

    /// Has the completion of a call arrive here, with a token of the caller's choice.
    pub fn add(&self, token: u64, call: impl Into<Awaited>) {
        let Awaited {
            submission,
            lent,
            read,
        } = call.into();
        self.queue.with(|queue| {
            queue.outstanding += 1;
            // Nothing is allocated when a completion arrives.
            queue.arrived.reserve(queue.outstanding);
        });
        let expected = Expected {
            queue: self.queue.clone(),
            token,
            lent,
            read,
            connection: submission.connection(),
        };
        match submission {
            Submission::Pending(pending) => pending.expect(expected),
            Submission::Timer(timer) => timer.expect(expected),
            Submission::Answered(answer) => expected.arrive(answer),
        }
    }

    /// The next event that has arrived.
    pub fn poll(&self) -> Option<Event> {
        self.queue.with(|queue| queue.arrived.pop_front())
    }

    /// Waits for the next event; `None` where no call is left of which one could come.
    ///
    /// # Panics
    /// Where it has to wait and the caller is not a uthread.
    pub fn wait(&self) -> Option<Event> {
        self.queue
            .wait_for(|queue| match queue.arrived.pop_front() {
                Some(event) => Some(Some(event)),
                None => (queue.outstanding == 0).then_some(None),
            })
    }

    /// Calls of which no event has arrived yet.
    pub fn outstanding(&self) -> usize {
        self.queue.with(|queue| queue.outstanding)
    }
}

/// A call that can be added to an [`EventQueue`]: a [`Reply`], a [`Reading`], or a [`Transfer`], whose blocks go back to the pool.
pub struct Awaited {
    submission: Submission,
    lent: Option<Lent>,
    /// Bytes that it reads into what was lent; `None` where what was lent is no block of the caller.
    read: Option<usize>,
}

impl<T> From<Reply<T>> for Awaited {
    fn from(reply: Reply<T>) -> Awaited {
        let (submission, lent) = reply.into_call().into_parts();
        Awaited {
            submission,
            lent,
            read: None,
        }
    }
}

impl From<Transfer> for Awaited {
    fn from(transfer: Transfer) -> Awaited {
        let (submission, lent) = transfer.into_call().into_parts();
        Awaited {
            submission,
            lent,
            read: None,
        }
    }
}

impl From<Reading> for Awaited {
    fn from(reading: Reading) -> Awaited {
        let (call, length) = reading.into_call();
        let (submission, lent) = call.into_parts();
        Awaited {
            submission,
            lent,
            read: Some(length),
        }
    }
}
