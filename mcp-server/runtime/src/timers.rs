//! The timers of a vcore, and the alarm by which its server wakes it for the next one.
#![deny(unsafe_code)]

use alloc::collections::BTreeMap;
use core::task::Waker;

use atoll_abi::syscall::Status;
use atoll_call::NEVER;

use crate::expected::Expected;
use crate::waiter::{Effects, Waiter, own_answer};

/// Names a timer: its deadline, and a number that tells it from others with the same deadline.
pub(crate) type TimerId = (u64, u64);

/// Timers that run, in the order of their deadlines.
#[derive(Default)]
pub(crate) struct Timers {
    running: BTreeMap<TimerId, Waiter>,
    started: u64,
}

impl Timers {
    /// Starts a timer.
    pub(crate) fn start(&mut self, deadline: u64) -> TimerId {
        self.started += 1;
        let id = (deadline, self.started);
        self.running.insert(id, Waiter::Caller(None));
        id
    }

    /// The next deadline, or [`NEVER`].
    pub(crate) fn next(&self) -> u64 {
        self.running
            .first_key_value()
            .map_or(NEVER, |(&(deadline, _), _)| deadline)
    }

    /// Ends the timers whose deadline has passed.
    pub(crate) fn expire(&mut self, now: u64, effects: &mut Effects) {
        while let Some(first) = self.running.first_entry()
            && first.key().0 <= now
        {
            effects.deliver(first.remove(), own_answer(Status::Done, [0; 2]));
        }
    }

    /// Stops a timer; `None` where it does not run any more.
    pub(crate) fn stop(&mut self, id: TimerId) -> Option<Waiter> {
        self.running.remove(&id)
    }

    /// Whether a timer runs; where it does and there is a waker, its caller is woken by that.
    pub(crate) fn runs(&mut self, id: TimerId, waker: Option<&Waker>) -> bool {
        let Some(waiter) = self.running.get_mut(&id) else {
            return false;
        };
        if let Some(waker) = waker {
            waiter.wake_by(waker);
        }
        true
    }

    /// Has the end of a timer become an event. Gives it back where the timer does not run any more.
    pub(crate) fn expect(&mut self, id: TimerId, expected: Expected) -> Option<Expected> {
        match self.running.get_mut(&id) {
            Some(waiter) => {
                *waiter = Waiter::Expected(expected);
                None
            }
            None => Some(expected),
        }
    }
}

/// What a vcore knows of the alarm that its server has for it.
///
/// The server measures it by another clock, and the rate of this one was measured by the kernel when the machine started, which a
/// busy host disturbs: it was seen to be a fifth too high. So an alarm may ring long before its time on this clock. A ring
/// carries no message: the server tells by [`alarms`](atoll_abi::process::ProcInfo::alarms) which ones have not rung.
pub(crate) struct Alarm {
    /// When it rings, or [`NEVER`].
    time: u64,
    /// The server has not answered the call that set it.
    pub(crate) unanswered: bool,
}

impl Alarm {
    /// None is set.
    pub(crate) const fn new() -> Alarm {
        Alarm {
            time: NEVER,
            unanswered: false,
        }
    }

    /// Whether the alarm will wake the vcore in time for a deadline, where it has not rung. Before its server has answered the
    /// vcore is awake soon in any case.
    pub(crate) fn covers(&self, deadline: u64, has_not_rung: impl FnOnce() -> bool) -> bool {
        self.unanswered || self.time <= deadline && has_not_rung()
    }

    /// Notes that it is set for a deadline. Gives how long that is from now on, in nanoseconds, rounded up.
    pub(crate) fn set(&mut self, deadline: u64, now: u64, ticks_per_microsecond: u64) -> u64 {
        let ticks = deadline.saturating_sub(now);
        self.time = deadline;
        self.unanswered = true;
        let nanoseconds = (u128::from(ticks) * 1000).div_ceil(u128::from(ticks_per_microsecond));
        u64::try_from(nanoseconds).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_end_in_the_order_of_their_deadlines() {
        let mut timers = Timers::default();
        let mut effects = Effects::default();
        assert_eq!(timers.next(), NEVER);
        let late = timers.start(9);
        let [first, second] = [3, 3].map(|deadline| timers.start(deadline));
        assert_ne!(first, second);
        assert_eq!(timers.next(), 3);
        timers.expire(2, &mut effects);
        assert!(timers.runs(first, None));
        assert!(timers.stop(first).is_some() && timers.stop(first).is_none());
        timers.expire(3, &mut effects);
        assert!(!timers.runs(second, None) && timers.runs(late, None));
        assert_eq!(timers.next(), 9);
    }

    #[test]
    fn an_alarm_covers_what_it_rings_in_time_for() {
        let mut alarm = Alarm::new();
        assert!(!alarm.covers(u64::MAX - 1, || true));
        assert_eq!(alarm.set(6400, 0, 3), 2_133_334);
        assert!(alarm.covers(6399, || false), "the answer wakes the vcore");
        alarm.unanswered = false;
        assert!(alarm.covers(6400, || true) && alarm.covers(7000, || true));
        assert!(!alarm.covers(6399, || true), "it rings too late");
        assert!(!alarm.covers(7000, || false), "it has rung");
        assert_eq!(alarm.set(6400, 6399, 3), 334);
    }
}
