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

/// Calls of one publication for which there is a target.
const BATCH: u64 = 32;

/// Part of `seL4_Call` with `seL4_ReplyRecv` that an asynchronous call of a batch may take, and ought to.
const TARGET: f64 = 1.0 / 10.0;
const STRETCH: f64 = 1.0 / 20.0;

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
    /// `asynchronous` or `synchronous`.
    kind: String,
    /// What was called: the operation, or the callee.
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

/// One line of the table.
#[derive(Serialize)]
struct Figure {
    figure: String,
    target: f64,
    stretch: f64,
    measured: f64,
    verdict: &'static str,
}

#[derive(Serialize)]
struct Report {
    runs: u32,
    plans: Vec<PlanFigures>,
    figures: Vec<Figure>,
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
        figures: figures(&plans)?,
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

/// The figures that have targets.
fn figures(plans: &[PlanFigures]) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for plan in plans {
        let asynchronous = find(plan, "vcores", BATCH)?.each();
        for (callee, place) in CALLEES {
            if let Ok(call) = find(plan, callee, 1) {
                figures.push(figure(
                    format!(
                        "instructions, batch {BATCH}, / Call+ReplyRecv {place}, {}",
                        plan.plan
                    ),
                    asynchronous / call.each(),
                    TARGET,
                    STRETCH,
                ));
            }
        }
    }
    if let Some(apart) = plans.iter().find(|plan| plan.plan == "apart") {
        for batch in [1, BATCH] {
            let entries = find(apart, "vcores", batch)?.entries_each();
            let name = format!("kernel entries per call while the peer is awake, batch {batch}");
            figures.push(figure(name, entries, 0.0, 0.0));
        }
    }
    Ok(figures)
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
        for it in &plan.measured {
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
    lines.push(String::new());
    lines.push(format!(
        "{:<68} {:>7} {:>8} {:>9}  verdict",
        "figure", "target", "stretch", "measured"
    ));
    for it in &report.figures {
        lines.push(format!(
            "{:<68} {:>7.3} {:>8.3} {:>9.4}  {}",
            it.figure, it.target, it.stretch, it.measured, it.verdict
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

    fn plan(name: &str, instructions: u64, entries: u64) -> PlanFigures {
        PlanFigures {
            plan: name.to_owned(),
            measured: vec![
                measured("near", 1, 10_000, 20),
                measured("vcores", 1, 90_000, entries),
                measured("vcores", BATCH, instructions, entries),
            ],
            spread: 0.0,
        }
    }

    #[test]
    fn a_figure_is_held_against_its_targets() {
        let plans = [plan("apart", 1_000, 0), plan("together", 1_001, 7)];
        let figures = figures(&plans).unwrap();
        let verdicts: Vec<_> = figures.iter().map(|it| it.verdict).collect();
        assert_eq!(verdicts, ["met", "missed", "stretch", "stretch"]);
        assert!(figures[0].figure.contains("on one core, apart"));
        assert_eq!(figures[0].measured, 0.1);
        let entered = super::figures(&[plan("apart", 500, 1)]).unwrap();
        let verdicts: Vec<_> = entered.iter().map(|it| it.verdict).collect();
        assert_eq!(verdicts, ["stretch", "missed", "missed"]);
    }

    #[test]
    fn a_measurement_that_is_missing_is_an_error() {
        let mut plans = [plan("apart", 1_000, 0)];
        plans[0].measured.pop();
        assert!(figures(&plans).is_err());
        plans[0].measured.clear();
        assert!(figures(&plans).is_err());
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
