//! The report: a table for people, all figures for programs.

use std::fmt::Write as _;

use anyhow::Result;
use serde::Serialize;

use crate::Effort;
use crate::blocking::{self, BudgetResult, Calibration};
use crate::compare::{self, Measured, Series, Way};
use crate::doorbells;
use crate::instructions;
use crate::pair::{self, Pair};
use crate::pin::Cores;
use crate::statistics::Spread;

/// Attempts at each pair of what does not compare candidates.
const ATTEMPTS: usize = 6;

/// Whether a target was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The stretch target was.
    Stretch,
    /// The target was.
    Met,
    /// It was not.
    Missed,
    /// Nothing could be measured.
    Unmeasured,
    /// There is no target: the figure is there for scale.
    Scale,
}

/// A target, and what a better one would be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Target {
    /// The most that the figure may be.
    pub most: f64,
    /// What it would best be.
    pub stretch: f64,
}

/// One line of the table.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// A short name for programs.
    pub key: &'static str,
    /// What the figure is.
    pub figure: String,
    /// What it should be.
    pub target: Option<Target>,
    /// What it is.
    pub measured: Option<Spread>,
    /// Whether that is good.
    pub verdict: Verdict,
}

impl Row {
    fn new(
        key: &'static str,
        figure: impl Into<String>,
        target: Option<(f64, f64)>,
        measured: Option<Spread>,
    ) -> Row {
        let target = target.map(|(most, stretch)| Target { most, stretch });
        let verdict = match (target, measured) {
            (None, _) => Verdict::Scale,
            (Some(_), None) => Verdict::Unmeasured,
            (Some(target), Some(spread)) if spread.median <= target.stretch => Verdict::Stretch,
            (Some(target), Some(spread)) if spread.median <= target.most => Verdict::Met,
            _ => Verdict::Missed,
        };
        Row {
            key,
            figure: figure.into(),
            target,
            measured,
            verdict,
        }
    }
}

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

/// The rows that compare candidates.
fn comparison_rows(candidates: &[Measured], bare: &Series) -> Vec<Row> {
    let own = &candidates[0];
    let instructions = |get: fn(&instructions::Counts) -> f64| {
        own.instructions
            .as_ref()
            .map(|counts| Spread::exactly(get(counts)))
    };
    let against = |way: Way, ways: &[Way]| match compare::best_crate(candidates, ways) {
        Some((best, best_way)) => (best.name, own.of(way).against(best.of(best_way))),
        None => ("any crate", None),
    };
    let (best, stream) = against(Way::Stream, &[Way::Stream, Way::StreamSingly]);
    let (best_singly, singly) = against(Way::StreamSingly, &[Way::StreamSingly]);
    vec![
        Row::new(
            "round-trip",
            "round trip, depth 1, against the floor",
            Some((1.15, 1.05)),
            own.of(Way::RoundTrip).floors,
        ),
        Row::new(
            "stream",
            format!("one-way time per message in batches, against {best}"),
            Some((0.75, 0.6)),
            stream,
        ),
        Row::new(
            "stream-bare",
            "one-way time per message in batches, against the bare stream",
            Some((1.5, 1.2)),
            own.of(Way::Stream).against(bare),
        ),
        Row::new(
            "stream-singly",
            format!("one-way time per message singly, against {best_singly}"),
            None,
            singly,
        ),
        Row::new(
            "instructions",
            "instructions per message beyond the copy, in batches",
            Some((24.0, 16.0)),
            instructions(|counts| counts.batches),
        ),
        Row::new(
            "instructions-singly",
            "instructions per message beyond the copy, singly",
            Some((40.0, 28.0)),
            instructions(|counts| counts.singly),
        ),
        Row::new(
            "instructions-poll",
            "instructions of an empty poll",
            None,
            instructions(|counts| counts.poll),
        ),
        Row::new(
            "exchange",
            "request and reply in batches of 32, each, against the floor",
            Some((0.08, 0.07)),
            own.of(Way::Exchange).floors,
        ),
    ]
}

/// The regret of the calibrated budget against that of the constant that regrets least.
fn budget_row(budgets: &[BudgetResult]) -> Row {
    let of = |calibrated| {
        let results = budgets
            .iter()
            .filter(move |result| result.budget.calibrated == calibrated);
        results.min_by(|one, other| one.regret.total_cmp(&other.regret))
    };
    let (own, best) = (of(true), of(false));
    let name = best.map_or_else(String::new, |best| polls(best.budget.polls));
    let against = own
        .zip(best)
        .and_then(|(own, best)| Spread::of([own.regret / best.regret]));
    Row::new(
        "poll-budget",
        format!("regret of the calibrated poll budget, against {name}"),
        Some((1.0, 0.9)),
        against,
    )
}

fn polls(polls: u64) -> String {
    match polls {
        u64::MAX => "polling for ever".to_owned(),
        polls => format!("{polls} polls"),
    }
}

/// The report as people read it.
pub fn table(report: &Report) -> String {
    let mut text = String::new();
    let cell = |figure: f64| match figure {
        figure if figure.abs() >= 100.0 => format!("{figure:.0}"),
        figure if figure.abs() >= 10.0 => format!("{figure:.1}"),
        figure => format!("{figure:.3}"),
    };
    let spread = |spread: Option<Spread>| match spread {
        Some(it) => format!(
            "{:>8}  {:>19}",
            cell(it.median),
            format!("{} - {}", cell(it.lower), cell(it.upper))
        ),
        None => format!("{:>8}  {:>19}", "-", ""),
    };
    // Writing to a string cannot fail.
    let mut line = |line: std::fmt::Arguments<'_>| {
        let _ = writeln!(text, "{line}");
    };
    for paragraph in &report.method {
        line(format_args!("{paragraph}"));
    }
    if let Some(floor) = report.floor_nanoseconds {
        line(format_args!(
            "The floor: {:.0} ns ({:.0} - {:.0}) a round trip, between cores {} and {}.",
            floor.median, floor.lower, floor.upper, report.cores[0], report.cores[1]
        ));
    }
    if let Some(bare) = report.bare.nanoseconds {
        line(format_args!(
            "The bare stream: {:.1} ns ({:.1} - {:.1}) a line.\n",
            bare.median, bare.lower, bare.upper
        ));
    }
    line(format_args!(
        "{:<24} {:>29} {:>29} {:>29} {:>29} {:>9} {:>21}",
        "candidate",
        "round trip (floors)",
        "stream (ns)",
        "singly (ns)",
        "batches of 32 (floors)",
        "rejected",
        "instructions *"
    ));
    for candidate in &report.candidates {
        let floors = |way| spread(candidate.of(way).floors);
        let nanoseconds = |way| spread(candidate.of(way).nanoseconds);
        line(format_args!(
            "{:<24} {} {} {} {} {:>9} {:>21}",
            candidate.name,
            floors(Way::RoundTrip),
            nanoseconds(Way::Stream),
            nanoseconds(Way::StreamSingly),
            floors(Way::Exchange),
            candidate.series.iter().map(|it| it.rejected).sum::<usize>(),
            candidate.instructions.map_or("-".to_owned(), |it| format!(
                "{:.1} {:.1} {:.1}",
                it.batches, it.singly, it.poll
            )),
        ));
    }
    line(format_args!(
        "* beyond the copy: for a message in batches, for a single message; of an empty poll\n"
    ));
    if let Some(why) = &report.instructions_missing {
        line(format_args!("Instructions were not counted: {why}.\n"));
    }
    if let Some(floor) = report.floor_nanoseconds {
        line(format_args!(
            "A block and its wake cost {:.0} floors, an empty poll {:.3}.",
            report.calibration.blocking / floor.median,
            report.calibration.poll / floor.median
        ));
    }
    line(format_args!(
        "{:<26} {:>7} {:>7}   cost of a burst, in blocks, after gaps of {:?} blocks",
        "poll budget",
        "regret",
        "sleeps",
        blocking::GAPS
    ));
    for result in &report.budgets {
        line(format_args!(
            "{:<26} {:>7} {:>7}  {}",
            match result.budget.calibrated {
                true => format!("calibrated: {}", polls(result.budget.polls)),
                false => polls(result.budget.polls),
            },
            cell(result.regret),
            cell(result.sleeps),
            result
                .costs
                .iter()
                .map(|cost| format!(" {cost:>5.2}"))
                .collect::<String>()
        ));
    }
    line(format_args!(
        "\n{:<66} {:>7} {:>7} {:>8}  {:>19}  verdict",
        "figure", "target", "stretch", "measured", "quartiles"
    ));
    for row in &report.rows {
        let target = |get: fn(&Target) -> f64| {
            let target = row.target.as_ref();
            target.map_or("-".to_owned(), |target| cell(get(target)))
        };
        line(format_args!(
            "{:<66} {:>7} {:>7} {}  {}",
            row.figure,
            target(|target| target.most),
            target(|target| target.stretch),
            spread(row.measured),
            match row.verdict {
                Verdict::Stretch => "met, stretch too",
                Verdict::Met => "met",
                Verdict::Missed => "missed",
                Verdict::Unmeasured => "not measured",
                Verdict::Scale => "for scale",
            }
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_follows_from_the_median() {
        let verdict = |figure: Option<f64>| {
            let measured = figure.map(Spread::exactly);
            Row::new("key", "figure", Some((1.1, 1.03)), measured).verdict
        };
        assert_eq!(verdict(Some(1.03)), Verdict::Stretch);
        assert_eq!(verdict(Some(1.1)), Verdict::Met);
        assert_eq!(verdict(Some(1.11)), Verdict::Missed);
        assert_eq!(verdict(None), Verdict::Unmeasured);
        assert_eq!(
            Row::new("key", "figure", None, None).verdict,
            Verdict::Scale
        );
    }
}
