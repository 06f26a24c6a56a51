//! The root task's clock.

/// Milliseconds since the processor was reset, by its time stamp counter.
#[derive(Clone, Copy)]
pub struct Clock {
    ticks_per_microsecond: u64,
}

impl Clock {
    /// A clock of which the counter runs at a rate.
    pub fn new(ticks_per_microsecond: u64) -> Clock {
        Clock {
            ticks_per_microsecond: ticks_per_microsecond.max(1),
        }
    }

    /// What time it is.
    pub fn milliseconds(self) -> u64 {
        // SAFETY: reads a counter; every user program may.
        let ticks = unsafe { core::arch::x86_64::_rdtsc() };
        ticks / self.ticks_per_microsecond / 1000
    }
}
