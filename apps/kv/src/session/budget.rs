//! What all clients together may have.

use core::sync::atomic::{AtomicUsize, Ordering};

/// What all clients together may have sent that was not answered, and what else is kept for them.
#[derive(Debug)]
pub struct Budget {
    most: usize,
    used: AtomicUsize,
}

impl Budget {
    /// So many bytes.
    pub fn new(most: usize) -> Budget {
        Budget {
            most,
            used: AtomicUsize::new(0),
        }
    }

    /// Bytes that clients have.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Whether there is less left than so many bytes.
    pub(crate) fn lacks(&self, bytes: usize) -> bool {
        self.used().saturating_add(bytes) > self.most
    }

    /// Takes so many bytes, if there are.
    pub(crate) fn take(&self, bytes: usize) -> bool {
        let taken = |used: usize| used.checked_add(bytes).filter(|it| *it <= self.most);
        let order = Ordering::Relaxed;
        self.used.fetch_update(order, order, taken).is_ok()
    }

    /// Gives so many bytes back, which were taken.
    pub(crate) fn give(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Has a number of bytes become another one, whether there is room or not.
    pub(crate) fn exchange(&self, before: usize, after: usize) {
        match after.checked_sub(before) {
            Some(more) => self.used.fetch_add(more, Ordering::Relaxed),
            None => self.used.fetch_sub(before - after, Ordering::Relaxed),
        };
    }
}
