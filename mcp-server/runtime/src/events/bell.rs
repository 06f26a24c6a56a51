//! Events of the program itself.
#![deny(unsafe_code)]

use alloc::sync::Arc;

use atoll_abi::syscall::Status;

use super::{Event, EventQueue};
use crate::expected::Queue;
use crate::monitor::Monitor;
use crate::target::Connection;

/// Has an event arrive in a queue, by any uthread: that there is something of which no call tells. As long as there is one, whoever waits for
/// an event of the queue goes on waiting.
pub struct Bell {
    queue: Arc<Monitor<Queue>>,
    token: u64,
}

impl EventQueue {
    /// A bell of this queue, whose events have this token.
    pub fn bell(&self, token: u64) -> Bell {
        self.queue.with(|queue| queue.outstanding += 1);
        Bell {
            queue: self.queue.clone(),
            token,
        }
    }
}

impl Bell {
    /// Has an event arrive, each time that it is rung.
    pub fn ring(&self) {
        let event = Event {
            token: self.token,
            status: Status::Done,
            result: [0; 2],
            block: None,
            connection: Connection::NONE,
        };
        self.queue.with_notify(|queue| {
            // Nothing is allocated when a completion arrives.
            queue.arrived.reserve(queue.outstanding + 1);
            queue.arrived.push_back(event);
        });
    }
}

/// Whoever waits may have nothing to wait for any more.
impl Drop for Bell {
    fn drop(&mut self) {
        self.queue.with_notify(|queue| queue.outstanding -= 1);
    }
}
