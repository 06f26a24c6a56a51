//! What time it is by the calendar, as far as a component was told.

use core::sync::atomic::{AtomicU64, Ordering};

use crate::ticks;

const MICROSECONDS: u64 = 1_000_000;

static TICKS_PER_MICROSECOND: AtomicU64 = AtomicU64::new(0);
/// Microseconds since 1970 at the moment at which the time stamp counter would have been 0; 0 where that is not known.
static EPOCH: AtomicU64 = AtomicU64::new(0);

/// Takes what the root task tells.
pub(crate) fn set(ticks_per_microsecond: u64, epoch: u64) {
    EPOCH.store(epoch, Ordering::Relaxed);
    // The last one, with which the time is known.
    TICKS_PER_MICROSECOND.store(ticks_per_microsecond, Ordering::Release);
}

/// Seconds since 1970, in UTC; 0 where the component does not know, as before it has started.
pub fn seconds() -> u64 {
    let rate = TICKS_PER_MICROSECOND.load(Ordering::Acquire);
    let epoch = EPOCH.load(Ordering::Relaxed);
    match (ticks().checked_div(rate), epoch) {
        (None, _) | (_, 0) => 0,
        (Some(since), epoch) => (epoch + since) / MICROSECONDS,
    }
}
