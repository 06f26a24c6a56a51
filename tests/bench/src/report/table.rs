//! The report as text: the method, all candidates, the poll budgets, and every figure beside its target.

use std::fmt::Write as _;

use super::Report;
use super::rows::{Target, Verdict, polls};
use crate::blocking;
use crate::compare::Way;
use crate::statistics::Spread;

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
