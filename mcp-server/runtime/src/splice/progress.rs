//! How far a splice is, for other uthreads.

use core::fmt;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::task::Waker;

use crate::sync::Mutex;

/// How far a splice is. Other uthreads may look at it while the splice goes on, and ask it to stop. It is for one splice at a time; the
/// next one begins with no bytes.
#[derive(Default)]
pub struct Progress {
    moved: AtomicU64,
    copied: AtomicU64,
    stops: AtomicBool,
    /// What wakes the uthread of the splice, while that waits.
    waker: Mutex<Option<Waker>>,
}

impl Progress {
    /// That of no splice yet.
    pub const fn new() -> Progress {
        Progress {
            moved: AtomicU64::new(0),
            copied: AtomicU64::new(0),
            stops: AtomicBool::new(false),
            waker: Mutex::new(None),
        }
    }

    /// As [`Moved::bytes`](super::Moved::bytes), so far.
    pub fn moved(&self) -> u64 {
        self.moved.load(Ordering::Relaxed)
    }

    /// As [`Moved::copied`](super::Moved::copied), so far.
    pub fn copied(&self) -> u64 {
        self.copied.load(Ordering::Relaxed)
    }

    /// Has the splice end: with [`End::Stopped`](super::End::Stopped), where it has not ended otherwise by then. It waits for no peer any
    /// more; what a device writes it waits for. One that has not begun yet ends when it has its first block. It is asked for once and for good.
    pub fn stop(&self) {
        self.stops.store(true, Ordering::SeqCst);
        let waker = self.waker.lock().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Whether the splice is to end.
    pub(super) fn stops(&self) -> bool {
        self.stops.load(Ordering::SeqCst)
    }

    /// As [`Progress::stops`]; a later [`Progress::stop`] wakes by the waker.
    pub(super) fn stops_or_wakes(&self, waker: &Waker) -> bool {
        let mut kept = self.waker.lock();
        if !kept.as_ref().is_some_and(|kept| kept.will_wake(waker)) {
            *kept = Some(waker.clone());
        }
        drop(kept);
        // Looked at last: who stops it looks for the waker last.
        self.stops()
    }

    pub(super) fn tell(&self, moved: u64, copied: u64) {
        self.moved.store(moved, Ordering::Relaxed);
        self.copied.store(copied, Ordering::Relaxed);
    }

    /// The splice has ended.
    pub(super) fn end(&self) {
        let waker = self.waker.lock().take();
        drop(waker);
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Progress")
            .field("moved", &self.moved())
            .field("copied", &self.copied())
            .field("stops", &self.stops())
            .finish_non_exhaustive()
    }
}
