//! Events to come: what becomes of a call that was added to an event queue.
#![deny(unsafe_code)]

use alloc::collections::VecDeque;
use alloc::sync::Arc;

use atoll_abi::syscall::Status;
use atoll_call::Answer;

use crate::block::{Block, Lent};
use crate::monitor::Monitor;
use crate::target::Connection;

/// How a syscall ended that was added to an [`EventQueue`](crate::EventQueue).
#[derive(Debug)]
pub struct Event {
    /// What the call was added with.
    pub token: u64,
    /// How it ended. A [`sleep`](crate::sleep) whose time is up is [`Status::Done`].
    pub status: Status,
    /// Its results: see the call's row in [`atoll_abi::interface`].
    pub result: [u64; 2],
    /// The block of a read, where it came back.
    pub block: Option<Block>,
    /// The connection that the call was made on.
    pub(crate) connection: Connection,
}

/// The state of an event queue.
pub(crate) struct Queue {
    pub(crate) arrived: VecDeque<Event>,
    pub(crate) outstanding: usize,
}

/// An event to come.
pub(crate) struct Expected {
    pub(crate) queue: Arc<Monitor<Queue>>,
    pub(crate) token: u64,
    pub(crate) lent: Option<Lent>,
    /// Bytes that were to be read into what was lent; `None` where the event has no block.
    pub(crate) read: Option<usize>,
    pub(crate) connection: Connection,
}

impl Expected {
    pub(crate) fn arrive(self, answer: Answer) {
        let (status, block) = match (self.lent, self.read) {
            (Some(lent), Some(length)) => lent.read_done(answer, length),
            (Some(lent), None) => {
                // It goes back to the pool.
                drop(lent.settle_all(answer.block_returned));
                (answer.status, None)
            }
            (None, _) => (answer.status, None),
        };
        let event = Event {
            token: self.token,
            status,
            result: answer.result,
            block,
            connection: self.connection,
        };
        // A uthread may also wait for the last event to have arrived, so all of them check.
        self.queue.with_notify(|queue| {
            queue.outstanding -= 1;
            queue.arrived.push_back(event);
        });
    }
}
