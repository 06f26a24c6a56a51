//! What the loader and the root tasks tell each other, in one page of low memory.

use core::mem::size_of;

use crate::layout::PAGE_SIZE;
use crate::plan::MAX_DEVICES;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Physical address of the page of ready words: one `u32` for each kernel instance. It lies between the kernels' own
/// start-up code (0x1000 to 0x7bff) and the loader's (0x8000), and the firmware's data at the end of low memory.
pub const READY_PAGE: u64 = 0x9000;

/// What a root task writes into its instance's ready word once its kernel has booted and nothing of the boot-time
/// machinery (MADT, PIT, start-up code) is needed any more.
pub const READY: u32 = 0x5944_4552;

/// Where on that page the loader writes what time it is, behind the ready words: see [`Calendar`].
pub const CALENDAR: usize = 0x800;

/// Where on that page the loader writes the [`DeviceMemory`] of each device of the plan, in the plan's order, behind the calendar.
pub const DEVICES: usize = 0x900;

/// Base address registers of a device.
pub const BARS: usize = 6;

/// Where a device answers in memory, by the number of its base address register.
///
/// To learn a size is to make the device answer nowhere for a moment, which changes the memory of the whole machine: the loader does it
/// while nothing else runs. Beyond that, QEMU 7.2 was seen to crash where another processor used a register of a device at that moment.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct DeviceMemory {
    /// The first byte of each region.
    pub addresses: [u64; BARS],
    /// Its bytes; 0 where the register is not one of memory.
    pub sizes: [u64; BARS],
}

const _: () = assert!(DEVICES >= CALENDAR + size_of::<Calendar>());
const _: () = assert!(DEVICES + MAX_DEVICES * size_of::<DeviceMemory>() <= PAGE_SIZE);

/// What time it was by the calendar, as the machine's clock told the loader, at a reading of the time stamp counter. The reading is precise
/// to a second, which is what the clock counts in; what is told from it later drifts as far as the counter's rate is no whole number of MHz.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Calendar {
    /// Seconds since 1970, in UTC; 0 where the clock made no sense.
    pub seconds: u64,
    /// The counter.
    pub ticks: u64,
    /// How often it ticks in a microsecond, as the loader measured it by the HPET.
    ///
    /// A kernel measures it too, by a timer whose end it may see late where the machine's processors share those of a host; then all its
    /// times are wrong by as much.
    pub ticks_per_microsecond: u64,
}

impl Calendar {
    /// Microseconds since 1970 at the moment at which the counter would have been 0; 0 where that is not known.
    pub const fn epoch(self) -> u64 {
        if self.seconds == 0 || self.ticks_per_microsecond == 0 {
            return 0;
        }
        let now = self.seconds.saturating_mul(1_000_000);
        now.saturating_sub(self.ticks / self.ticks_per_microsecond)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_epoch_is_when_the_counter_was_zero() {
        let calendar = Calendar {
            seconds: 1_000,
            ticks: 6_000_000,
            ticks_per_microsecond: 2,
        };
        assert_eq!(calendar.epoch(), 997_000_000);
        let with = |seconds, ticks_per_microsecond| Calendar {
            seconds,
            ticks_per_microsecond,
            ..calendar
        };
        assert_eq!(with(1_000, 0).epoch(), 0);
        assert_eq!(with(0, 2).epoch(), 0);
    }
}
