//! The report: a table for people, all figures for programs.

mod rows;
mod table;

use anyhow::Result;
use serde::Serialize;

use crate::Effort;
use crate::blocking::{self, BudgetResult, Calibration};
use crate::compare::{self, Measured, Series};
use crate::doorbells;
use crate::instructions;
use crate::pair::{self, Pair};
use crate::pin::Cores;
use crate::statistics::Spread;
use rows::{budget_row, comparison_rows};

pub use rows::{Row, Target, Verdict};
pub use table::table;

/// Attempts at each pair of what does not compare candidates.
const ATTEMPTS: usize = 6;

/// What the benchmark found.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// How it was measured.
    pub method: Vec<&'static str>,
    /// The cores.
    pub cores: Cores,
    /// Nanoseconds of the floor, for scale.
    pub floor_nanoseconds: Option<Spread>,
    /// The table.
    pub rows: Vec<Row>,
    /// All candidates.
    pub candidates: Vec<Measured>,
    /// The bare stream.
    pub bare: Series,
    /// Pairs of the round trip by eventfd.
    pub event_pairs: Vec<Pair>,
    /// Pairs of the round trip by eventfd and epoll.
    pub epoll_pairs: Vec<Pair>,
    /// What a block costs, and the poll budget that follows.
    pub calibration: Calibration,
    /// The calibrated budget and constants on the same bursts.
    pub budgets: Vec<BudgetResult>,
    /// Why instructions were not counted.
    pub instructions_missing: Option<String>,
}

const METHOD: [&str; 7] = [
    "Each figure is a median over accepted pairs, with the quartiles around it. A pair is the median chunk of a \
     measurement, with the median chunk of a ping-pong on two cache lines (the floor) before and after it; pairs whose \
     floors differ by more than 12 % are rejected and repeated. The pairs come from several processes.",
    "Every ring has 64 slots of one cache line. A message is 64 bytes; of Atoll's and of the epoch control's, 8 are the \
     ring's own and 56 payload. Received messages lie in the consumer's memory.",
    "A stream is sent in batches of 32, or singly, and timed at the consumer.",
    "The bare stream is what the machine allows: one core writes the lines of a buffer as long as a ring, another one reads \
     them, without stamps or checks. Each side says by one store for 16 lines how far it is, so that each line has to move.",
    "Request and reply in batches: 32 requests are sent as one batch, 32 replies as one batch when all requests have \
     arrived; the time until the last reply has arrived, over 32, in floors.",
    "Instructions are those of sender and receiver together, counted by single-stepping one thread that sends and then \
     receives, less those of the same loop with a 64-byte copy in and a 64-byte copy out.",
    "Poll budgets: one message after each gap, in runs of gaps of one length, from 0.05 to 8 times what blocking costs. \
     Cost: CPU time of the consumer and of ringing, and latency, weighed the same. Regret: the most that a budget pays at \
     one of the lengths over the budget that is best there.",
];

/// Measures everything.
///
/// # Errors
/// Where a process that measures candidates cannot be started, or fails.
///
/// # Panics
/// Where an end of Atoll's channel accuses the other one.
pub fn run(cores: Cores, effort: &Effort) -> Result<Report> {
    let (mut candidates, bare) = compare::run(effort)?;
    eprintln!("instructions");
    let names: Vec<_> = candidates.iter().map(|candidate| candidate.name).collect();
    let instructions_missing = match instructions::count(&names, effort.traced) {
        Ok(counts) => {
            for (candidate, counts) in candidates.iter_mut().zip(counts) {
                candidate.instructions = Some(counts);
            }
            None
        }
        Err(error) => Some(format!("{error:#}")),
    };
    eprintln!("wake-ups through Linux");
    let trips = (effort.chunks / 4).max(2);
    let accepted = |measure: fn(Cores, usize) -> Pair| -> Vec<Pair> {
        (0..effort.repeats)
            .filter_map(|_| pair::until_accepted(ATTEMPTS, || measure(cores, trips)).0)
            .collect()
    };
    let event_pairs = accepted(blocking::event_round_trip);
    let epoll_pairs = accepted(blocking::epoll_round_trip);
    eprintln!("poll budgets");
    let calibration = blocking::calibrate(cores, effort.bursts, effort.repeats);
    let budgets = blocking::compare_budgets(cores, &calibration, effort.bursts, effort.repeats);
    eprintln!("doorbells");
    let repeated = |measure: &dyn Fn() -> f64| Spread::of((0..effort.repeats).map(|_| measure()));
    let saturated = repeated(&|| doorbells::saturated(cores, effort.messages, calibration.polls));
    let idle = repeated(&|| doorbells::idle(cores, effort.bursts));
    let mut rows = comparison_rows(&candidates, &bare);
    rows.push(Row::new(
        "doorbells-saturated",
        "doorbells per million messages, saturated",
        Some((10.0, 0.0)),
        saturated,
    ));
    rows.push(Row::new(
        "doorbells-idle",
        "doorbells per burst of 32 to an idle peer",
        Some((1.0, 1.0)),
        idle,
    ));
    let floors = |pairs: &[Pair]| Spread::of(pairs.iter().map(Pair::ratio));
    rows.push(Row::new(
        "eventfd-round-trip",
        "round trip through eventfd, in floors",
        None,
        floors(&event_pairs),
    ));
    rows.push(Row::new(
        "epoll-wake",
        "one wake through epoll and eventfd, in floors",
        None,
        Spread::of(epoll_pairs.iter().map(|pair| pair.ratio() / 2.0)),
    ));
    rows.push(budget_row(&budgets));
    Ok(Report {
        method: METHOD.to_vec(),
        cores,
        floor_nanoseconds: Spread::of(
            candidates
                .iter()
                .flat_map(|candidate| &candidate.series)
                .flat_map(|series| series.pairs.iter().flatten())
                .map(Pair::floor),
        ),
        rows,
        candidates,
        bare,
        event_pairs,
        epoll_pairs,
        calibration,
        budgets,
        instructions_missing,
    })
}
