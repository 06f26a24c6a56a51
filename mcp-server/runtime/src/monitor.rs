//! A value that uthreads look at, change, and wait for.
#![deny(unsafe_code)]

use alloc::collections::VecDeque;
use core::task::Waker;

use crate::uthread;

/// A value behind a lock, and the uthreads that wait for it to become as they want it.
///
/// Closures run with the lock held: they must neither wait nor touch the same monitor.
pub struct Monitor<T> {
    inner: spin::Mutex<Inner<T>>,
}

struct Inner<T> {
    value: T,
    tickets: u64,
    /// Who waits, the first one first. An entry is taken out by whoever wakes it, or by its owner.
    waiters: VecDeque<(u64, Waker)>,
}

impl<T> Monitor<T> {
    /// A monitor of a value.
    pub const fn new(value: T) -> Monitor<T> {
        Monitor {
            inner: spin::Mutex::new(Inner {
                value,
                tickets: 0,
                waiters: VecDeque::new(),
            }),
        }
    }

    /// Works on the value in a way that nobody waits for.
    pub fn look<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        work(&mut self.inner.lock().value)
    }

    /// As [`Monitor::look`], or `None` where the lock is taken.
    pub fn try_look<R>(&self, work: impl FnOnce(&mut T) -> R) -> Option<R> {
        Some(work(&mut self.inner.try_lock()?.value))
    }

    /// Changes the value; everyone who waits looks again.
    pub fn change<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        self.change_if(work, |_| true)
    }

    /// Changes the value where the result says so; everyone who waits then looks again.
    pub(crate) fn change_if<R>(
        &self,
        work: impl FnOnce(&mut T) -> R,
        changed: impl FnOnce(&R) -> bool,
    ) -> R {
        let (result, waiters) = {
            let mut inner = self.inner.lock();
            let result = work(&mut inner.value);
            if inner.waiters.is_empty() || !changed(&result) {
                return result;
            }
            (result, core::mem::take(&mut inner.waiters))
        };
        for (_, waker) in waiters {
            waker.wake();
        }
        result
    }

    /// Changes the value in a way that serves one who waits, and wakes the one who has waited longest.
    pub fn change_for_one<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        let (result, waiter) = {
            let mut inner = self.inner.lock();
            (work(&mut inner.value), inner.waiters.pop_front())
        };
        if let Some((_, waker)) = waiter {
            waker.wake();
        }
        result
    }

    /// Lets everyone who waits look again.
    pub fn wake_all(&self) {
        let waiters = core::mem::take(&mut self.inner.lock().waiters);
        for (_, waker) in waiters {
            waker.wake();
        }
    }

    /// Waits until `want` finds what it wants, and gives that.
    ///
    /// # Panics
    /// Where it would wait and the caller is not a uthread.
    pub fn wait_for<R>(&self, mut want: impl FnMut(&mut T) -> Option<R>) -> R {
        let mut ticket = None;
        loop {
            {
                let mut inner = self.inner.lock();
                if let Some(result) = want(&mut inner.value) {
                    if let Some(ticket) = ticket {
                        inner.waiters.retain(|waiter| waiter.0 != ticket);
                    }
                    return result;
                }
                let waiting =
                    ticket.is_some_and(|ticket| inner.waiters.iter().any(|w| w.0 == ticket));
                if !waiting {
                    inner.tickets += 1;
                    let number = inner.tickets;
                    ticket = Some(number);
                    inner.waiters.push_back((number, uthread::waker()));
                }
            }
            uthread::park();
        }
    }
}
