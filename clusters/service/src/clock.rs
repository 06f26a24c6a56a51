//! The time of a service that has a clock, and the wakes that it asks for.

/// Nanoseconds of a microsecond.
const MICROSECOND: u64 = 1000;
/// Nanoseconds of a millisecond.
const MILLISECOND: u64 = 1_000_000;

/// A clock that counts nanoseconds from the moment at which it was made, by the time stamp counter.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: u64,
    ticks_per_microsecond: u64,
}

impl Clock {
    /// A clock that shows 0 at a reading of the counter, which ticks so often in a microsecond.
    pub fn new(start: u64, ticks_per_microsecond: u64) -> Clock {
        Clock {
            start,
            ticks_per_microsecond: ticks_per_microsecond.max(1),
        }
    }

    /// What it shows at a reading of the counter. It never goes back behind 0.
    pub fn time(self, ticks: u64) -> u64 {
        let passed = ticks.saturating_sub(self.start);
        let rate = self.ticks_per_microsecond;
        // The whole at once would be too large after some weeks.
        (passed / rate).saturating_mul(MICROSECOND) + passed % rate * MICROSECOND / rate
    }
}

/// The wake that a service has asked for and that has not come: one at most, because the last one counts.
#[derive(Debug, Default)]
pub struct Alarm {
    pending: Option<u64>,
}

impl Alarm {
    /// Milliseconds after which to be woken, where that is to be asked for before a service sleeps that wants to act at `due`; `None`
    /// where it waits for no time, or a wake will come that is early enough. One that comes too early does no harm: the service
    /// asks again.
    pub fn ask(&mut self, now: u64, due: Option<u64>) -> Option<u64> {
        let due = due?;
        if self.pending.is_some_and(|pending| pending <= due) {
            return None;
        }
        self.pending = Some(due);
        Some(due.saturating_sub(now).div_ceil(MILLISECOND))
    }

    /// The wake has come.
    pub fn rung(&mut self) {
        self.pending = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_shows_nanoseconds_since_its_start() {
        let clock = Clock::new(1_000_000, 2400);
        assert_eq!(clock.time(1_000_000), 0);
        assert_eq!(clock.time(1_000_012), 5);
        assert_eq!(clock.time(1_002_400), 1000);
        // Counters of two cores may differ by a little.
        assert_eq!(clock.time(999_000), 0);
        let year = 365 * 24 * 3600 * 1_000_000_000;
        assert_eq!(clock.time(1_000_000 + year / 5 * 12), year);
        assert_eq!(Clock::new(0, 0).time(3), 3000);
    }

    #[test]
    fn a_wake_that_is_early_enough_is_asked_for_once() {
        let mut alarm = Alarm::default();
        assert_eq!(alarm.ask(0, None), None);
        assert_eq!(alarm.ask(0, Some(2_500_000)), Some(3));
        // It sleeps again before that, for the same time, for none and for a later one.
        assert_eq!(alarm.ask(1, Some(2_500_000)), None);
        assert_eq!(alarm.ask(2, None), None);
        assert_eq!(alarm.ask(3, Some(9_000_000)), None);
        // An earlier one takes its place, and is early enough for the one before.
        assert_eq!(alarm.ask(1_000_000, Some(1_000_001)), Some(1));
        assert_eq!(alarm.ask(1_000_000, Some(2_500_000)), None);
        alarm.rung();
        assert_eq!(alarm.ask(2_000_000, Some(9_000_000)), Some(7));
    }

    #[test]
    fn a_time_that_has_come_is_asked_for_at_once() {
        assert_eq!(Alarm::default().ask(5, Some(3)), Some(0));
    }
}
