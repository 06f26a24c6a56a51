//! Rows of the report's last table: figures, their targets, and whether these were reached.

use serde::Serialize;

use crate::blocking::BudgetResult;
use crate::compare::{self, Measured, Series, Way};
use crate::instructions;
use crate::statistics::Spread;

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
    pub(super) fn new(
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

/// The rows that compare candidates.
pub(super) fn comparison_rows(candidates: &[Measured], bare: &Series) -> Vec<Row> {
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
pub(super) fn budget_row(budgets: &[BudgetResult]) -> Row {
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

pub(super) fn polls(polls: u64) -> String {
    match polls {
        u64::MAX => "polling for ever".to_owned(),
        polls => format!("{polls} polls"),
    }
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
