//! What time it is.

use atoll_abi::process::ProcInfo;
use atoll_runtime::guest::timestamp;

/// Tells the time in milliseconds: since 1970, where the machine knows that.
#[derive(Clone, Copy)]
pub struct Clock {
    ticks_per_microsecond: u64,
    epoch: u64,
}

impl Clock {
    /// The clock of the machine.
    pub fn new(facts: &ProcInfo) -> Clock {
        Clock {
            ticks_per_microsecond: facts.ticks_per_microsecond.max(1),
            epoch: facts.epoch,
        }
    }

    /// Whether it tells the time since 1970.
    pub fn has_calendar(self) -> bool {
        self.epoch != 0
    }

    /// What time it is.
    pub fn milliseconds(self) -> u64 {
        (self.epoch + timestamp() / self.ticks_per_microsecond) / 1000
    }
}
