//! Which vcores sleep, and how one of them is woken for a uthread that is ready.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering};

use super::Runtime;
use crate::uthread::Uthread;
use crate::{context, tls};

/// The vcores that sleep, or are about to, and that no other vcore has begun to wake.
#[derive(Default)]
pub(super) struct Sleepers(AtomicU64);

impl Sleepers {
    pub(super) fn add(&self, vcore: usize) {
        self.0.fetch_or(1 << vcore, Ordering::SeqCst);
    }

    pub(super) fn remove(&self, vcore: usize) {
        self.0.fetch_and(!(1 << vcore), Ordering::SeqCst);
    }

    /// Takes one vcore out, to be woken.
    fn take(&self) -> Option<usize> {
        loop {
            let sleepers = self.0.load(Ordering::SeqCst);
            if sleepers == 0 {
                return None;
            }
            let vcore = sleepers.trailing_zeros();
            if self.0.fetch_and(!(1 << vcore), Ordering::SeqCst) & 1 << vcore != 0 {
                return Some(vcore as usize);
            }
        }
    }
}

impl Runtime {
    /// Takes a uthread that has become ready.
    pub(crate) fn ready(&'static self, uthread: Arc<Uthread>) {
        self.scheduler.ready(uthread);
        // A vcore's own loop, or the uthread that takes completions in for it, looks for ready uthreads next, and wakes another
        // vcore where it leaves some.
        let own_loop = tls::current().is_some_and(|(runtime, vcore)| {
            let own = &self.vcores[vcore];
            core::ptr::eq(runtime, self)
                && (!context::in_fiber() || own.uthread_looks())
                && own.stays()
        });
        if !own_loop {
            self.wake_sleeper();
        }
    }

    /// Wakes one vcore that sleeps. With `sleep` of the vcore's loop: either that vcore sees the uthread that was made ready
    /// before, or this sees that it sleeps.
    pub(super) fn wake_sleeper(&self) {
        if let Some(vcore) = self.sleepers.take() {
            self.enter_kernel().wake_vcore(vcore);
        }
    }

    /// Wakes one vcore that sleeps, where uthreads are ready that `vcore` does not run itself.
    #[inline]
    pub(super) fn wake_sleeper_for_ready(&self, vcore: usize) {
        if self.vcores.len() > 1 && !self.scheduler.is_idle(vcore) {
            self.wake_sleeper();
        }
    }
}
