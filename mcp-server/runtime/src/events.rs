//! Events: the way to use syscalls in which completions come to one place, in the order in which they are taken in.
#![deny(unsafe_code)]

use alloc::collections::VecDeque;
use alloc::sync::Arc;

use atoll_abi::syscall::Status;

use crate::block::Block;
use crate::calls::Answer;
use crate::monitor::Monitor;
use crate::syscalls::{File, Reading, Reply, Submission, opened, read_done};

/// How a syscall ended that was added to an [`EventQueue`].
#[derive(Debug)]
pub struct Event {
    /// What the call was added with.
    pub token: u64,
    /// How it ended.
    pub status: Status,
    /// Its results: see [`atoll_abi::syscall::Call`].
    pub result: [u64; 2],
    /// The block of a read, where it came back.
    pub block: Option<Block>,
}

impl Event {
    /// The file that the call opened.
    ///
    /// # Errors
    /// The status that it ended with, where it is not [`Status::Done`]; [`Status::Malformed`] where it opened none.
    pub fn file(&self) -> Result<File, Status> {
        match self.status {
            Status::Done => opened(self.result),
            status => Err(status),
        }
    }
}

struct Queue {
    arrived: VecDeque<Event>,
    outstanding: usize,
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
            block,
            length,
        } = call.into();
        self.queue.look(|queue| {
            queue.outstanding += 1;
            // Nothing is allocated when a completion arrives.
            queue.arrived.reserve(queue.outstanding);
        });
        let expected = Expected {
            queue: self.queue.clone(),
            token,
            block,
            length,
        };
        match submission {
            Submission::Pending(pending) => pending.expect(expected),
            Submission::Answered(answer) => expected.arrive(answer),
        }
    }

    /// The next event that has arrived.
    pub fn poll(&self) -> Option<Event> {
        self.queue.look(|queue| queue.arrived.pop_front())
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
        self.queue.look(|queue| queue.outstanding)
    }
}

/// A call that can be added to an [`EventQueue`]: a [`Reply`] or a [`Reading`].
pub struct Awaited {
    submission: Submission,
    block: Option<Block>,
    length: usize,
}

impl<T> From<Reply<T>> for Awaited {
    fn from(reply: Reply<T>) -> Awaited {
        Awaited {
            submission: reply.into_submission(),
            block: None,
            length: 0,
        }
    }
}

impl From<Reading> for Awaited {
    fn from(reading: Reading) -> Awaited {
        let (submission, block, length) = reading.into_parts();
        Awaited {
            submission,
            block,
            length,
        }
    }
}

/// An event to come.
pub(crate) struct Expected {
    queue: Arc<Monitor<Queue>>,
    token: u64,
    block: Option<Block>,
    length: usize,
}

impl Expected {
    pub(crate) fn arrive(self, answer: Answer) {
        let (status, block) = match self.block {
            Some(block) => read_done(answer, block, self.length),
            None => (answer.status, None),
        };
        let event = Event {
            token: self.token,
            status,
            result: answer.result,
            block,
        };
        // Whoever waits may wait for there being none: each of them looks.
        self.queue.change(|queue| {
            queue.outstanding -= 1;
            queue.arrived.push_back(event);
        });
    }
}
