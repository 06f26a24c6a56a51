//! The main counter as a clock, and a comparator as its alarm.

use core::sync::atomic::{Ordering, fence};

use crate::{CAPABILITIES, COUNTER, FIRST_DISTANCE, Hpet, HpetError, Registers};

/// High half of the general capabilities, section 2.3.4: femtoseconds of one tick.
const PERIOD: usize = CAPABILITIES + 4;

/// The longest tick that the specification allows, in femtoseconds: 100 ns.
const MAX_PERIOD: u32 = 100_000_000;

/// Femtoseconds of a nanosecond.
const FEMTOSECONDS: u64 = 1_000_000;

/// Most ticks ahead of the counter at which [`Clock::set`] aims, a quarter of the way round: 11 s at 100 MHz.
pub const MAX_DISTANCE: u32 = 1 << 30;

/// Nanoseconds since the clock was made, from the low 32 bits of the main counter.
///
/// A caller that waits for a time must read the clock at least once while the counter goes round, 2^32 ticks, or the
/// clock loses a round and the time comes that much later, never earlier. [`Clock::set`] sees to that: it wakes its
/// caller four times as often. A clock by which no caller waits may lose rounds; it never goes backwards.
#[derive(Clone, Debug)]
pub struct Clock {
    /// Femtoseconds of one tick.
    period: u32,
    /// The counter when it was read last.
    last: u32,
    nanoseconds: u64,
    /// Femtoseconds beyond `nanoseconds`, less than one of them.
    femtoseconds: u64,
}

impl Clock {
    /// A clock that shows 0 now; the counter must run.
    ///
    /// # Errors
    /// Where the HPET states no period that the specification allows.
    pub fn new<R: Registers>(hpet: &Hpet<R>) -> Result<Clock, HpetError> {
        let period = hpet.registers.read(PERIOD);
        if period == 0 || period > MAX_PERIOD {
            return Err(HpetError::NoPeriod { period });
        }
        Ok(Clock {
            period,
            last: hpet.registers.read(COUNTER),
            nanoseconds: 0,
            femtoseconds: 0,
        })
    }

    /// Nanoseconds since the clock was made.
    pub fn now<R: Registers>(&mut self, hpet: &Hpet<R>) -> u64 {
        let counter = hpet.registers.read(COUNTER);
        let ticks = counter.wrapping_sub(self.last);
        self.last = counter;
        // Both factors have 32 bits, so there is room for the sum.
        let passed = u64::from(ticks) * u64::from(self.period) + self.femtoseconds;
        self.nanoseconds += passed / FEMTOSECONDS;
        self.femtoseconds = passed % FEMTOSECONDS;
        self.nanoseconds
    }

    /// Makes `comparator` interrupt when the clock shows `deadline`, or earlier where that is further away than
    /// [`MAX_DISTANCE`]: look at the clock when woken, and set the comparator again. Tells whether the interrupt is still
    /// to come; where it is not, because the time had come before or while this ran, there may be none: look at the
    /// clock again instead of waiting.
    ///
    /// This takes the place of what `comparator` was set to before, also of the ring of a sender that uses it as a
    /// doorbell ([`Hpet::ring`]), and such a sender may undo this, with an interrupt of its own that begins later. So
    /// a component that the comparator wakes sets it *before* it looks for what a sender may have published: what was
    /// published before a ring that is undone here is visible after this.
    ///
    /// # Errors
    /// Where there is no such comparator.
    pub fn set<R: Registers>(
        &mut self,
        hpet: &Hpet<R>,
        comparator: u32,
        deadline: u64,
    ) -> Result<bool, HpetError> {
        let base = hpet.comparator(comparator)?;
        let wait = deadline.saturating_sub(self.now(hpet));
        if wait == 0 {
            return Ok(false);
        }
        let ticks = wait
            .saturating_mul(FEMTOSECONDS)
            .div_ceil(u64::from(self.period));
        let distance = ticks.clamp(FIRST_DISTANCE.into(), MAX_DISTANCE.into()) as u32;
        let target = self.last.wrapping_add(distance);
        hpet.registers.write(base + 0x08, target);
        // Reading from the device also pushes the write to it. A value that the counter has reached may not interrupt.
        let ahead = target.wrapping_sub(hpet.registers.read(COUNTER));
        // The processor orders its later loads after that read; this binds the compiler.
        fence(Ordering::SeqCst);
        Ok(ahead.wrapping_sub(1) < distance)
    }
}
