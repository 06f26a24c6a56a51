//! Second-level schedulers: which ready uthread a vcore runs next.
#![deny(unsafe_code)]

use alloc::collections::VecDeque;
use alloc::sync::Arc;

use crate::sync::Mutex;
use crate::uthread::Uthread;

/// A second-level scheduler. It holds the ready uthreads; the runtime wakes vcores.
pub trait Scheduler: Send + Sync {
    /// Takes a uthread that has become ready.
    fn ready(&self, uthread: Arc<Uthread>);

    /// The uthread that `vcore` runs next, or `None` where none is ready for it.
    fn next(&self, vcore: usize) -> Option<Arc<Uthread>>;

    /// Whether `next` has nothing for `vcore`. Sees every uthread whose `ready` returned before.
    fn is_idle(&self, vcore: usize) -> bool;
}

/// First come, first served, over all vcores.
#[derive(Default)]
pub struct Fifo {
    queue: Mutex<VecDeque<Arc<Uthread>>>,
}

impl Fifo {
    /// A scheduler without uthreads.
    pub const fn new() -> Fifo {
        Fifo {
            queue: Mutex::new(VecDeque::new()),
        }
    }
}

impl Scheduler for Fifo {
    fn ready(&self, uthread: Arc<Uthread>) {
        self.queue.lock().push_back(uthread);
    }

    fn next(&self, _vcore: usize) -> Option<Arc<Uthread>> {
        self.queue.lock().pop_front()
    }

    fn is_idle(&self, _vcore: usize) -> bool {
        self.queue.lock().is_empty()
    }
}
