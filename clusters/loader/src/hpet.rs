//! The HPET as the loader's clock, and as what the doorbells between kernels need (IA-PC HPET specification 1.0a).

use atoll_abi::plan::HPET_BASE;

const CAPABILITIES: u64 = 0x000;
const CONFIGURATION: u64 = 0x010;
const MAIN_COUNTER: u64 = 0x0f0;
const FIRST_COMPARATOR: u64 = 0x100;
const COMPARATOR_STRIDE: u64 = 0x20;
const ENABLE: u64 = 1;
/// In a comparator's configuration: it can send message-signalled interrupts.
const MESSAGE_CAPABLE: u64 = 1 << 15;

/// Milliseconds for which another counter is measured, and readings at each end of that.
const MEASURED_MILLISECONDS: u32 = 20;
const READINGS: u32 = 16;

/// The running main counter.
pub struct Clock {
    ticks_per_millisecond: u32,
}

impl Clock {
    /// Starts the main counter; `None` where there is no HPET.
    pub fn start() -> Option<Clock> {
        let period = read(CAPABILITIES) >> 32;
        // The specification's bound on the period is 100 ns, in femtoseconds.
        if period == 0 || period > 100_000_000 {
            return None;
        }
        write(CONFIGURATION, read(CONFIGURATION) | ENABLE);
        Some(Clock {
            ticks_per_millisecond: (1_000_000_000_000 / period) as u32,
        })
    }

    /// How many comparators, from the first one on, can send message-signalled interrupts.
    pub fn message_comparators(&self) -> u32 {
        let count = (read(CAPABILITIES) >> 8 & 0x1f) + 1;
        let capable =
            |index: &u64| read(FIRST_COMPARATOR + index * COMPARATOR_STRIDE) & MESSAGE_CAPABLE != 0;
        (0..count).take_while(capable).count() as u32
    }

    /// How often another counter ticks in a microsecond.
    pub fn rate_of(&self, counter: impl Fn() -> u64) -> u64 {
        let read = || {
            // Of several, the readings between which the least time has passed: this processor may be stopped between any two.
            let reading = |_| {
                let (before, now, after) = (counter(), read(MAIN_COUNTER) as u32, counter());
                (after.wrapping_sub(before), before, now)
            };
            (0..READINGS).map(reading).min().unwrap_or_default()
        };
        let (_, first, start) = read();
        self.wait(MEASURED_MILLISECONDS, || false);
        let (_, last, end) = read();
        // The main counter may have only 32 bits.
        let passed = u64::from(end.wrapping_sub(start)).max(1);
        let ticks = u128::from(last.wrapping_sub(first));
        let per_millisecond = ticks * u128::from(self.ticks_per_millisecond) / u128::from(passed);
        ((per_millisecond + 500) / 1000) as u64
    }

    /// Spins until `done` says so or the time is over; whether it was done.
    pub fn wait(&self, milliseconds: u32, mut done: impl FnMut() -> bool) -> bool {
        let start = read(MAIN_COUNTER) as u32;
        let ticks = u64::from(milliseconds) * u64::from(self.ticks_per_millisecond);
        let mut passed = 0;
        let mut last = start;
        while passed < ticks {
            if done() {
                return true;
            }
            core::hint::spin_loop();
            // The counter may have only 32 bits.
            let now = read(MAIN_COUNTER) as u32;
            passed += u64::from(now.wrapping_sub(last));
            last = now;
        }
        done()
    }
}

fn read(register: u64) -> u64 {
    // SAFETY: the HPET's registers are mapped; reading one has no side effect.
    unsafe { ((HPET_BASE + register) as *const u64).read_volatile() }
}

fn write(register: u64, value: u64) {
    // SAFETY: the HPET's registers are mapped, and only the loader uses them before the first instance is started.
    unsafe { ((HPET_BASE + register) as *mut u64).write_volatile(value) };
}
