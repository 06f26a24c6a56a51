//! Poll budgets: the one that follows from what blocking costs here, compared with constants.

use std::hint::{black_box, spin_loop};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::bursts::{Cost, bursts};
use crate::candidate::{Atoll, Candidate, Receiver as _};
use crate::floor::chunk_times;
use crate::pin::Cores;
use crate::statistics::{Spread, median};

/// Time that the comparison of budgets may take; it is less on a machine that has little else to do.
const LIMIT: Duration = Duration::from_secs(10);

/// How long a consumer polls before it blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Budget {
    /// Polls.
    pub polls: u64,
    /// Whether the number was calibrated rather than chosen.
    pub calibrated: bool,
}

impl Budget {
    /// The constants that the calibrated budget is compared with; the last one never blocks.
    pub const CONSTANTS: [u64; 5] = [0, 100, 1_000, 10_000, u64::MAX];
}

/// Lengths of the gaps before bursts, in what blocking costs: a budget has to do well whatever its process waits for, and
/// each constant is worst at the length that is just beyond it, so they lie close where that can be.
pub const GAPS: [f64; 14] = [
    0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0, 1.5, 2.0, 4.0, 8.0,
];

/// What polling and blocking cost here, and the budget that follows.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Calibration {
    /// Nanoseconds that a block and its wake cost: CPU time of both sides and latency.
    pub blocking: f64,
    /// Nanoseconds of one empty poll.
    pub poll: f64,
    /// Polls that cost as much as blocking: who polls so long before it blocks never pays more than twice what the best
    /// choice would have cost.
    pub polls: u64,
}

/// Measures what blocking costs and derives the budget.
pub fn calibrate(cores: Cores, bursts_of_run: u64, repeats: usize) -> Calibration {
    // Long enough for the consumer to sleep each time.
    let gaps = vec![100_000; bursts_of_run as usize];
    let runs = (0..repeats).map(|_| bursts(cores, &gaps, 0));
    // The lower quartile: what else runs on the machine can only make it more.
    let blocking = Spread::of(runs.flatten().map(|cost| cost.total())).map_or(0.0, |it| it.lower);
    let (_sender, mut receiver) = Atoll::ring();
    let poll = median(chunk_times(64, 256, || {
        for _ in 0..256 {
            assert!(black_box(receiver.receive()).is_none());
            spin_loop();
        }
    }));
    Calibration {
        blocking,
        poll,
        polls: (blocking / poll) as u64,
    }
}

/// What one budget cost.
#[derive(Clone, Debug, Serialize)]
pub struct BudgetResult {
    /// The budget.
    pub budget: Budget,
    /// For each of [`GAPS`], CPU time and latency of a burst, over what blocking costs: the median over all runs.
    pub costs: Vec<f64>,
    /// The most that it pays over the budget that is best for one of the gaps.
    pub regret: f64,
    /// Part of the bursts before which the consumer blocked.
    pub sleeps: f64,
}

/// Compares the calibrated budget with constants, on the same gaps; the calibrated one comes first.
pub fn compare_budgets(
    cores: Cores,
    calibration: &Calibration,
    bursts_of_run: u64,
    repeats: usize,
) -> Vec<BudgetResult> {
    let calibrated = Budget {
        polls: calibration.polls,
        calibrated: true,
    };
    let constants = Budget::CONSTANTS.map(|polls| Budget {
        polls,
        calibrated: false,
    });
    let budgets: Vec<_> = std::iter::once(calibrated).chain(constants).collect();
    // By budget, then by gap.
    let mut runs = vec![vec![Vec::new(); GAPS.len()]; budgets.len()];
    let end = Instant::now() + LIMIT;
    for round in (0..repeats).take_while(|round| *round == 0 || Instant::now() < end) {
        for (at, gap) in GAPS.iter().enumerate() {
            let gaps = vec![(gap * calibration.blocking) as u64; bursts_of_run as usize];
            for place in 0..budgets.len() {
                let place = (place + round) % budgets.len();
                runs[place][at].extend(bursts(cores, &gaps, budgets[place].polls));
            }
        }
    }
    let mut results: Vec<_> = budgets
        .into_iter()
        .zip(runs)
        .map(|(budget, runs)| summarize(budget, &runs, calibration.blocking))
        .collect();
    let best: Vec<f64> = (0..GAPS.len())
        .map(|at| {
            results
                .iter()
                .map(|result| result.costs[at])
                .fold(f64::INFINITY, f64::min)
        })
        .collect();
    for result in &mut results {
        let ratios = result
            .costs
            .iter()
            .zip(&best)
            .map(|(cost, best)| cost / best);
        result.regret = ratios.fold(0.0, f64::max);
    }
    results
}

fn summarize(budget: Budget, runs: &[Vec<Cost>], blocking: f64) -> BudgetResult {
    let costs = runs.iter().map(|run| {
        let spread = Spread::of(run.iter().map(|cost| cost.total() / blocking));
        spread.map_or(f64::NAN, |spread| spread.median)
    });
    let all = runs.iter().flatten().count();
    let slept = runs.iter().flatten().filter(|cost| cost.slept).count();
    BudgetResult {
        budget,
        costs: costs.collect(),
        regret: f64::NAN,
        sleeps: slept as f64 / all as f64,
    }
}
