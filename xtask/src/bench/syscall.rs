//! What a syscall costs in QEMU, in instructions and kernel entries, beside a call through the kernel.

mod figures;
mod table;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde::{Deserialize, Serialize};

use crate::bench::{Common, boots};
use crate::cli::BootOptions;
use crate::{locate, output};
use figures::{Figure, Ratio, Split, figures, ratios, splits};
use table::table;

/// Folder of the plans, from the project's root.
const PLANS: &str = "tests/bench/plans";

/// The plans: a server on a core of its own, and one that shares its only core with its client.
const NAMES: [&str; 2] = ["apart", "together"];

#[derive(Args)]
pub struct Options {
    #[command(flatten)]
    common: Common,
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

#[derive(Serialize)]
struct Report {
    runs: u32,
    plans: Vec<PlanFigures>,
    splits: Vec<Split>,
    figures: Vec<Figure>,
    ratios: Vec<Ratio>,
}

/// Measures, prints a table, and writes the report; reports and serial logs of the machines go beside it.
pub fn run(options: &Options) -> Result<ExitCode> {
    let mut file = options.common.claim_report("syscall.json")?;
    let mut plans = Vec::new();
    for name in NAMES {
        plans.push(measure(name, &file.folder(), options.runs)?);
    }
    let report = Report {
        runs: options.runs,
        splits: splits(&plans)?,
        figures: figures(&plans)?,
        ratios: ratios(&plans)?,
        plans,
    };
    file.write(&report)?;
    output::print(&table(&report))?;
    let report = serde_json::to_value(&report).context("cannot encode the report")?;
    Ok(options.common.judge(&report))
}

/// Boots one plan.
fn measure(name: &str, folder: &Path, runs: u32) -> Result<PlanFigures> {
    let file = locate::root().join(PLANS).join(format!("{name}.toml"));
    let boot = BootOptions {
        report: Some(folder.join(format!("syscall-{name}-boot.json"))),
        ..BootOptions::default()
    };
    let boots = boots::measure(&file, boot, runs)?;
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

#[cfg(test)]
mod tests;
