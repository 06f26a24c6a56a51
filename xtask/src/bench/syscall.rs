//! What a syscall costs in QEMU, in instructions and kernel entries, beside a call through the kernel.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cli::BootOptions;
use crate::input::Input;
use crate::{build, locate, plan, setup, simulate};

/// Folder of the plans, from the project's root.
const PLANS: &str = "tests/bench/plans";

/// The plans: a server on a core of its own, and one that shares its only core with its client.
const NAMES: [&str; 2] = ["apart", "together"];

/// Calls of one publication, where there are many.
const BATCH: u64 = 32;

/// Instructions that a call may take, client and server together, and ought to: plan, operation, calls of one publication,
/// what is called, target, stretch target.
const TARGETS: [(&str, &str, u64, &str, f64, f64); 5] = [
    ("apart", "vcores", 1, "own server", 1900.0, 1200.0),
    ("apart", "vcores", BATCH, "own server", 300.0, 200.0),
    (
        "apart",
        "stat",
        1,
        "file service of another kernel",
        2400.0,
        1500.0,
    ),
    (
        "apart",
        "stat",
        BATCH,
        "file service of another kernel",
        450.0,
        300.0,
    ),
    (
        "together",
        "vcores",
        BATCH,
        "own server on the same core",
        450.0,
        300.0,
    ),
];

/// The parts of a call that its client can measure, as `syscall-bench` calls them, and what they are. Either end's part
/// includes its halves of the two rings, which `cargo xtask bench channel` counts alone.
const PARTS: [(&str, &str); 4] = [
    ("submit", "client end: stage the call, put it into the ring"),
    (
        "arrive",
        "client end: take the completion out of the ring, match it",
    ),
    ("fetch", "client end: fetch the answer, decode it"),
    ("switch", "uthread switch: out, a look at all rings, in"),
];

/// Callees of synchronous calls, and where they are.
const CALLEES: [(&str, &str); 2] = [("near", "on one core"), ("far", "across cores")];

#[derive(Args)]
pub struct Options {
    /// Where to write the figures as JSON; reports and serial logs of the machines go beside it
    /// [default: target/atoll/bench/syscall.json].
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// How often to boot each plan; figures are of the first boot, and the spread over all is told.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
}

/// What the program `syscall-bench` says of one kind of call.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
struct Measured {
    /// `asynchronous` or `synchronous`, or `part`: of an asynchronous call.
    kind: String,
    /// What was called: the operation, or the callee. Of a part, the operation and the name of the part.
    what: String,
    /// Calls of one publication; 1 of a synchronous call.
    batch: u64,
    calls: u64,
    /// Instructions of all cores of the machine.
    instructions: u64,
    /// Kernel entries of the client.
    entries: u64,
    /// Kernel entries of the client's server, or of the callee.
    server_entries: u64,
}

impl Measured {
    fn each(&self) -> f64 {
        self.instructions as f64 / self.calls as f64
    }

    fn entries_each(&self) -> f64 {
        (self.entries + self.server_entries) as f64 / self.calls as f64
    }
}

/// The first boot of one plan, and how far the others were off.
#[derive(Serialize)]
struct PlanFigures {
    plan: String,
    measured: Vec<Measured>,
    /// The largest difference of an instruction count between two boots, as a part of the count.
    spread: f64,
}

/// A figure that has a target.
#[derive(Serialize)]
struct Figure {
    figure: String,
    target: f64,
    stretch: f64,
    measured: f64,
    verdict: &'static str,
}

/// A figure that has none.
#[derive(Serialize)]
struct Ratio {
    figure: String,
    measured: f64,
}

/// Where the instructions of a call go.
#[derive(Serialize)]
struct Split {
    call: String,
    /// Instructions for each call, and of what.
    parts: Vec<(f64, &'static str)>,
}

#[derive(Serialize)]
struct Report {
    runs: u32,
    plans: Vec<PlanFigures>,
    splits: Vec<Split>,
    figures: Vec<Figure>,
    ratios: Vec<Ratio>,
}

/// Measures, prints a table, and writes the report.
pub fn run(options: &Options) -> Result<ExitCode> {
    let path = match &options.report {
        Some(path) => locate::absolute(path)?,
        None => locate::output().join("bench/syscall.json"),
    };
    let folder = locate::folder_of(&path);
    fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let mut plans = Vec::new();
    for name in NAMES {
        plans.push(measure(name, folder, options.runs)?);
    }
    let report = Report {
        runs: options.runs,
        splits: splits(&plans)?,
        figures: figures(&plans)?,
        ratios: ratios(&plans)?,
        plans,
    };
    let text = serde_json::to_string_pretty(&report).context("cannot encode the report")?;
    fs::write(&path, text + "\n")
        .with_context(|| format!("cannot write the report {}", path.display()))?;
    print!("{}", table(&report));
    Ok(ExitCode::SUCCESS)
}

/// Boots one plan.
fn measure(name: &str, folder: &Path, runs: u32) -> Result<PlanFigures> {
    let file = locate::root().join(PLANS).join(format!("{name}.toml"));
    let loaded = plan::load(&file.display().to_string())?;
    let tools = setup::complete()?;
    let built = build::build(&loaded, &tools)?;
    let mut boots = Vec::new();
    for _ in 0..runs {
        let report = folder.join(format!("syscall-{name}-boot.json"));
        let boot = BootOptions {
            report: Some(report.clone()),
            count_instructions: true,
            ..BootOptions::default()
        };
        let ended = simulate::simulate(&built, Input::open(None)?, &boot, &tools)?;
        if ended != ExitCode::SUCCESS {
            bail!("the boot of plan {name} failed; see above");
        }
        boots.push(results(&report)?);
    }
    let spread = spread(&boots);
    let Some(measured) = boots.into_iter().next() else {
        bail!("nothing was booted");
    };
    Ok(PlanFigures {
        plan: name.to_owned(),
        measured,
        spread,
    })
}

/// What the processes of a boot said.
fn results(report: &Path) -> Result<Vec<Measured>> {
    let text =
        fs::read(report).with_context(|| format!("cannot read the report {}", report.display()))?;
    let report: Value = serde_json::from_slice(&text).context("the report is not JSON")?;
    let results = report["results"].as_array().into_iter().flatten();
    results
        .map(|result| {
            Measured::deserialize(&result["result"])
                .with_context(|| format!("{result} is not what `syscall-bench` says"))
        })
        .collect()
}

/// The largest difference of a count between two boots, as a part of the count.
fn spread(boots: &[Vec<Measured>]) -> f64 {
    let Some((first, others)) = boots.split_first() else {
        return 0.0;
    };
    let pairs = others.iter().flat_map(|other| first.iter().zip(other));
    pairs
        .map(|(one, other)| (one.each() - other.each()).abs() / one.each())
        .fold(0.0, f64::max)
}

fn find<'a>(plan: &'a PlanFigures, what: &str, batch: u64) -> Result<&'a Measured> {
    let mut measured = plan.measured.iter();
    measured
        .find(|it| it.what == what && it.batch == batch)
        .ok_or_else(|| anyhow!("plan {} did not measure {what} at {batch}", plan.plan))
}

fn plan_of<'a>(plans: &'a [PlanFigures], end: &str) -> Result<&'a PlanFigures> {
    let found = plans.iter().find(|it| it.plan == end);
    found.ok_or_else(|| anyhow!("plan {end} was not measured"))
}

/// The figures that have targets.
fn figures(plans: &[PlanFigures]) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for (plan, what, batch, name, target, stretch) in TARGETS {
        let measured = find(plan_of(plans, plan)?, what, batch)?.each();
        let name = format!("instructions per call, {name}, batch {batch}");
        figures.push(figure(name, measured, target, stretch));
    }
    let apart = plan_of(plans, "apart")?;
    for batch in [1, BATCH] {
        let entries = find(apart, "vcores", batch)?.entries_each();
        let name = format!("kernel entries per call while the peer is awake, batch {batch}");
        figures.push(figure(name, entries, 0.0, 0.0));
    }
    Ok(figures)
}

/// Asynchronous calls beside those through the kernel.
fn ratios(plans: &[PlanFigures]) -> Result<Vec<Ratio>> {
    let mut ratios = Vec::new();
    for plan in plans {
        let asynchronous = find(plan, "vcores", BATCH)?.each();
        for (callee, place) in CALLEES {
            if let Ok(call) = find(plan, callee, 1) {
                ratios.push(Ratio {
                    figure: format!(
                        "instructions, batch {BATCH}, / Call+ReplyRecv {place}, {}",
                        plan.plan
                    ),
                    measured: asynchronous / call.each(),
                });
            }
        }
    }
    Ok(ratios)
}

/// Where the instructions of a call go: the parts that its client measured, and the rest, which is the service's. The switch
/// is one for each batch.
fn splits(plans: &[PlanFigures]) -> Result<Vec<Split>> {
    let apart = plan_of(plans, "apart")?;
    let callees = [
        ("vcores", "own server"),
        ("stat", "file service of another kernel"),
    ];
    let split = |(what, name): (&str, &str), batch: u64| {
        let mut parts = Vec::new();
        for (part, text) in PARTS {
            parts.push((find(apart, &format!("{what}-{part}"), batch)?.each(), text));
        }
        let known: f64 = parts.iter().map(|(each, _)| each).sum();
        let rest = find(apart, what, batch)?.each() - known;
        parts.push((
            rest,
            "the rest: service end, looks that find nothing, on both sides",
        ));
        Ok(Split {
            call: format!("{name}, batch {batch}"),
            parts,
        })
    };
    let each = |batch| callees.map(|callee| split(callee, batch));
    [1, BATCH].into_iter().flat_map(each).collect()
}

fn figure(figure: String, measured: f64, target: f64, stretch: f64) -> Figure {
    Figure {
        figure,
        target,
        stretch,
        measured,
        verdict: match measured {
            _ if measured <= stretch => "stretch",
            _ if measured <= target => "met",
            _ => "missed",
        },
    }
}

fn table(report: &Report) -> String {
    let mut lines = vec![format!(
        "{:<9} {:<13} {:<7} {:>6} {:>14} {:>17}",
        "plan", "kind", "what", "batch", "instructions", "kernel entries"
    )];
    for plan in &report.plans {
        for it in plan.measured.iter().filter(|it| it.kind != "part") {
            lines.push(format!(
                "{:<9} {:<13} {:<7} {:>6} {:>14.1} {:>17.4}",
                plan.plan,
                it.kind,
                it.what,
                it.batch,
                it.each(),
                it.entries_each()
            ));
        }
        lines.push(format!(
            "{:<9} counts of {} boots differ by at most {:.4} %",
            plan.plan,
            report.runs,
            100.0 * plan.spread
        ));
    }
    for split in &report.splits {
        lines.push(String::new());
        lines.push(format!("where the instructions go: {}", split.call));
        for (each, text) in &split.parts {
            lines.push(format!("{each:>9.1}  {text}"));
        }
    }
    lines.push(String::new());
    lines.push(format!(
        "{:<68} {:>7} {:>8} {:>9}  verdict",
        "figure", "target", "stretch", "measured"
    ));
    for it in &report.figures {
        lines.push(format!(
            "{:<68} {:>7.0} {:>8.0} {:>9.2}  {}",
            it.figure, it.target, it.stretch, it.measured, it.verdict
        ));
    }
    for it in &report.ratios {
        lines.push(format!(
            "{:<68} {:>7} {:>8} {:>9.4}  no target",
            it.figure, "", "", it.measured
        ));
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(what: &str, batch: u64, instructions: u64, entries: u64) -> Measured {
        Measured {
            kind: "asynchronous".to_owned(),
            what: what.to_owned(),
            batch,
            calls: 10,
            instructions,
            entries,
            server_entries: 0,
        }
    }

    /// A plan whose calls take so many instructions for each call, where many are submitted together.
    fn plan(name: &str, each: u64, entries: u64) -> PlanFigures {
        let mut all = vec![measured("near", 1, 10_000, 20)];
        for what in ["vcores", "stat"] {
            for (batch, each) in [(1, 6 * each), (BATCH, each)] {
                all.push(measured(what, batch, 10 * each, entries));
                let part = |(part, _)| measured(&format!("{what}-{part}"), batch, 100, 0);
                all.extend(PARTS.map(part));
            }
        }
        PlanFigures {
            plan: name.to_owned(),
            measured: all,
            spread: 0.0,
        }
    }

    #[test]
    fn a_figure_is_held_against_its_targets() {
        let plans = [plan("apart", 300, 0), plan("together", 451, 7)];
        let verdicts =
            |figures: Vec<Figure>| figures.iter().map(|it| it.verdict).collect::<Vec<_>>();
        assert_eq!(
            verdicts(figures(&plans).unwrap()),
            [
                "met", "met", "met", "stretch", "missed", "stretch", "stretch"
            ]
        );
        let plans = [plan("apart", 200, 1), plan("together", 300, 0)];
        assert_eq!(
            verdicts(figures(&plans).unwrap()),
            [
                "stretch", "stretch", "stretch", "stretch", "stretch", "missed", "missed"
            ]
        );
        let ratios = ratios(&plans).unwrap();
        assert!(ratios[0].figure.contains("on one core, apart"));
        assert_eq!(ratios[0].measured, 0.2);
    }

    #[test]
    fn what_no_part_has_is_the_services() {
        let splits = splits(&[plan("apart", 300, 0)]).unwrap();
        assert_eq!(splits.len(), 4);
        assert_eq!(splits[2].call, "own server, batch 32");
        let each: Vec<_> = splits[2].parts.iter().map(|part| part.0).collect();
        assert_eq!(each, [10.0, 10.0, 10.0, 10.0, 260.0]);
    }

    #[test]
    fn a_measurement_that_is_missing_is_an_error() {
        let mut plans = [plan("apart", 1_000, 0), plan("together", 1_000, 0)];
        plans[0].measured.retain(|it| it.what != "stat-fetch");
        assert!(figures(&plans).is_ok() && splits(&plans).is_err());
        plans[0].measured.clear();
        assert!(figures(&plans).is_err() && ratios(&plans).is_err());
        assert!(figures(&plans[1..]).is_err());
    }

    #[test]
    fn the_spread_is_the_largest_difference() {
        let first = vec![measured("near", 1, 1000, 0), measured("vcores", 1, 1000, 0)];
        let mut second = first.clone();
        assert_eq!(spread(&[first.clone(), second.clone()]), 0.0);
        second[1].instructions = 990;
        assert_eq!(spread(&[first.clone(), second]), 0.01);
        assert_eq!(spread(&[first]), 0.0);
    }
}
