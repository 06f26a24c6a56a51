//! How often a component was started again, and whether it may be once more.

use alloc::collections::VecDeque;

use atoll_abi::plan::Restart;

/// The restarts of one component.
#[derive(Clone, Debug)]
pub struct History {
    limit: Restart,
    /// When the latest ones were, in milliseconds, the oldest one first; as many as the limit allows.
    latest: VecDeque<u64>,
    restarts: u32,
}

impl History {
    /// That of a component that was never started again.
    pub fn new(limit: Restart) -> History {
        History {
            limit,
            latest: VecDeque::new(),
            restarts: 0,
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
        });
        assert!(!history.start_again(0) && !history.start_again(1_000_000));
    }
}
