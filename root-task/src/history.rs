//! How often a component was started again, whether it may be once more, and until when it has to have started.

use alloc::collections::VecDeque;

use atoll_abi::plan::Restart;

/// The starts of one component.
#[derive(Clone, Debug)]
pub struct History {
    limit: Restart,
    /// When the latest ones were, in milliseconds, the oldest one first; as many as the limit allows.
    latest: VecDeque<u64>,
    restarts: u32,
    /// When it has to have said that it has started, while that is awaited.
    due: Option<u64>,
}

impl History {
    /// That of a component that was never started again.
    pub fn new(limit: Restart) -> History {
        History {
            limit,
            latest: VecDeque::new(),
            restarts: 0,
            due: None,
        }
    }

    /// Notes a restart at a time in milliseconds, where the plan allows one; whether it does.
    pub fn start_again(&mut self, now: u64) -> bool {
        let within = u64::from(self.limit.within_ms);
        while self.latest.front().is_some_and(|at| now - at >= within) {
            self.latest.pop_front();
        }
        if self.latest.len() >= self.limit.times as usize {
            return false;
        }
        self.latest.push_back(now);
        self.restarts += 1;
        true
    }

    /// Begins a start at a time in milliseconds.
    pub fn begin(&mut self, now: u64) {
        let within = u64::from(self.limit.start_within_ms);
        self.due = (within > 0).then_some(now + within);
    }

    /// Something else than a start is awaited, which may take as long as a start and at least so many milliseconds.
    pub fn begin_within(&mut self, now: u64, least: u64) {
        let within = u64::from(self.limit.start_within_ms);
        self.due = (within > 0).then_some(now + within.max(least));
    }

    /// Nothing is awaited any more: it has started, or has ended.
    pub fn settle(&mut self) {
        self.due = None;
    }

    /// When it has to have started, in milliseconds; `None` where nothing is awaited.
    pub fn due(&self) -> Option<u64> {
        self.due
    }

    /// How often it was started again, in all.
    pub fn restarts(&self) -> u32 {
        self.restarts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn restarts_are_bounded_within_a_time() {
        let mut history = History::new(Restart {
            times: 2,
            within_ms: 100,
            ..Restart::default()
        });
        assert!(history.start_again(0) && history.start_again(50));
        assert!(!history.start_again(99), "it is started too often");
        // The first one was long ago.
        assert!(history.start_again(100));
        assert!(!history.start_again(149));
        assert!(history.start_again(150));
        assert_eq!(history.restarts(), 4);
    }

    #[test]
    fn what_the_plan_does_not_allow_never_happens() {
        let mut history = History::new(Restart {
            times: 0,
            within_ms: 1,
            ..Restart::default()
        });
        assert!(!history.start_again(0) && !history.start_again(1_000_000));
    }

    #[test]
    fn a_start_is_due_until_it_is_settled() {
        let mut history = History::new(Restart {
            start_within_ms: 50,
            ..Restart::default()
        });
        assert_eq!(history.due(), None);
        history.begin(7);
        assert_eq!(history.due(), Some(57));
        history.settle();
        assert_eq!(history.due(), None);
    }

    #[test]
    fn where_the_plan_names_no_time_a_start_may_take_any() {
        let mut history = History::new(Restart::default());
        history.begin(7);
        assert_eq!(history.due(), None);
    }
}
