//! Values that uthreads share and wait for.
#![deny(unsafe_code)]

use alloc::collections::VecDeque;
use core::task::Waker;

use crate::sync::Mutex;
use crate::uthread;

/// A value behind a lock, and the uthreads that wait for it to become as they want it.
///
/// Closures run with the lock held: they must neither wait nor touch the same monitor.
pub struct Monitor<T> {
    inner: Mutex<Inner<T>>,
}

struct Inner<T> {
    value: T,
    tickets: u64,
    /// The uthreads that wait, the first one first. An entry is taken out when its uthread is woken, or by that uthread.
    waiters: VecDeque<(u64, Waker)>,
}

impl<T> Inner<T> {
    /// Where the uthread with a ticket waits; `None` where it was woken. Tickets grow from the first one to the last.
    fn place(&self, ticket: u64) -> Option<usize> {
        let found = self
            .waiters
            .binary_search_by_key(&ticket, |waiter| waiter.0);
        found.ok()
    }
}

impl<T> Monitor<T> {
    /// A monitor of a value.
    pub const fn new(value: T) -> Monitor<T> {
        Monitor {
            inner: Mutex::new(Inner {
                value,
                tickets: 0,
                waiters: VecDeque::new(),
            }),
        }
    }

    /// Works on the value, and wakes no uthread that waits for a change.
    #[inline]
    pub fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        work(&mut self.inner.lock().value)
    }

    /// As [`Monitor::with`], or `None` where the lock is taken.
    pub fn try_with<R>(&self, work: impl FnOnce(&mut T) -> R) -> Option<R> {
        Some(work(&mut self.inner.try_lock()?.value))
    }

    /// Works on the value, and has every uthread that waits check it again.
    pub fn with_notify<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        let (result, waiters) = {
            let mut inner = self.inner.lock();
            let result = work(&mut inner.value);
            (result, core::mem::take(&mut inner.waiters))
        };
        for (_, waker) in waiters {
            waker.wake();
        }
        result
    }

    /// Works on the value in a way that serves one uthread, and wakes the one that has waited longest.
    #[inline]
    pub fn with_notify_one<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        let (result, waiter) = {
            let mut inner = self.inner.lock();
            (work(&mut inner.value), inner.waiters.pop_front())
        };
        if let Some((_, waker)) = waiter {
            waker.wake();
        }
        result
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
                let result = want(&mut inner.value);
                let place = ticket.and_then(|ticket| inner.place(ticket));
                if let Some(result) = result {
                    if let Some(place) = place {
                        inner.waiters.remove(place);
                    }
                    return result;
                }
                if place.is_none() {
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
