//! A measurement between two measurements of the floor.

use std::thread;

use serde::{Deserialize, Serialize};

use crate::floor::Floor;
use crate::pin::{Cores, pin};
use crate::statistics::median;

/// By how much the two floors of a pair may differ: more, and something else ran on the machine.
pub const TOLERANCE: f64 = 0.12;

/// What one measurement and the floors around it gave: nanoseconds, each the median of its chunks.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Pair {
    /// The floor before.
    pub before: f64,
    /// One unit of what was measured.
    pub cost: f64,
    /// The floor after.
    pub after: f64,
}

impl Pair {
    /// Whether the floors agree.
    pub fn accepted(&self) -> bool {
        (self.before - self.after).abs() <= TOLERANCE * self.before.min(self.after)
    }

    /// The floor of this pair.
    pub fn floor(&self) -> f64 {
        (self.before + self.after) / 2.0
    }

    /// What was measured, in floors.
    pub fn ratio(&self) -> f64 {
        self.cost / self.floor()
    }
}

/// Measures one pair: this thread is timed on the first core, its peer runs on the second one.
pub fn measure(
    cores: Cores,
    chunks: usize,
    timed: impl FnOnce() -> Vec<f64>,
    peer: impl FnOnce() + Send,
) -> Pair {
    let floor = Floor::new();
    pin(cores[0]);
    thread::scope(|scope| {
        scope.spawn(|| {
            pin(cores[1]);
            floor.answer(chunks);
            peer();
            floor.answer(chunks);
        });
        Pair {
            before: median(floor.ask(chunks)),
            cost: median(timed()),
            after: median(floor.ask(chunks)),
        }
    })
}

/// Measures until the floors agree, at most so often; tells how many pairs were rejected.
pub fn until_accepted(attempts: usize, mut measure: impl FnMut() -> Pair) -> (Option<Pair>, usize) {
    for rejected in 0..attempts {
        let pair = measure();
        if pair.accepted() {
            return (Some(pair), rejected);
        }
    }
    (None, attempts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(before: f64, after: f64) -> Pair {
        Pair {
            before,
            cost: 150.0,
            after,
        }
    }

    #[test]
    fn floors_that_differ_are_rejected() {
        assert!(pair(100.0, 112.0).accepted() && pair(112.0, 100.0).accepted());
        assert!(!pair(100.0, 113.0).accepted() && !pair(113.0, 100.0).accepted());
        assert_eq!(pair(90.0, 110.0).ratio(), 1.5);
    }

    #[test]
    fn a_rejected_pair_is_repeated_so_often_and_no_more() {
        let mut floors = [130.0, 120.0, 105.0].into_iter();
        let (accepted, rejected) = until_accepted(5, || pair(100.0, floors.next().unwrap()));
        assert_eq!((accepted.unwrap().after, rejected), (105.0, 2));
        let (none, rejected) = until_accepted(3, || pair(100.0, 200.0));
        assert!(none.is_none() && rejected == 3);
    }
}
