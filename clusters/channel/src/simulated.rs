//! A hook before each access to shared memory, for a simulator: it runs both sides of a channel in one thread and has the one
//! stop where the other one could go on.

extern crate std;

use core::cell::Cell;
use core::sync::atomic::{self, Ordering};

/// What is about to be done to a word of shared memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It is read.
    Load,
    /// It is written.
    Store,
}

std::thread_local! {
    static HOOK: Cell<Option<fn(Access)>> = const { Cell::new(None) };
}

/// Has every access of the calling thread call a function first; or none.
pub fn set_hook(hook: Option<fn(Access)>) {
    HOOK.set(hook);
}

fn before(access: Access) {
    if let Some(hook) = HOOK.get() {
        hook(access);
    }
}

/// An atomic word with the hook before each access.
#[repr(transparent)]
pub(crate) struct AtomicU64(atomic::AtomicU64);

impl AtomicU64 {
    #[cfg(test)]
    pub(crate) const fn new(value: u64) -> AtomicU64 {
        AtomicU64(atomic::AtomicU64::new(value))
    }

    pub(crate) fn load(&self, order: Ordering) -> u64 {
        before(Access::Load);
        self.0.load(order)
    }

    pub(crate) fn store(&self, value: u64, order: Ordering) {
        before(Access::Store);
        self.0.store(value, order);
    }

    pub(crate) fn swap(&self, value: u64, order: Ordering) -> u64 {
        before(Access::Store);
        self.0.swap(value, order)
    }

    pub(crate) fn compare_exchange(
        &self,
        current: u64,
        new: u64,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u64, u64> {
        before(Access::Store);
        self.0.compare_exchange(current, new, success, failure)
    }
}
