//! Benchmarks Atoll's channel on the host.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use atoll_bench::{Effort, compare, instructions, pin, report};
use clap::Parser;

/// Benchmark Atoll's channel on this machine, against its floor and against other channels.
#[derive(Parser)]
struct Options {
    /// Where to write all figures, as JSON.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Measure just enough to see that everything works; the figures mean nothing.
    #[arg(long)]
    quick: bool,
    /// Do the work of a candidate whose instructions the parent process counts.
    #[arg(long, hide = true, value_name = "CANDIDATE")]
    traced: Option<String>,
    /// How often it does it, the first time and the second.
    #[arg(long, hide = true, num_args = 2, value_name = "NUMBER")]
    times: Vec<usize>,
    /// Measure candidates in so many rounds for the parent process.
    #[arg(long, hide = true, value_name = "NUMBER", requires = "chunks")]
    rounds: Option<usize>,
    /// Chunks in each measurement of these rounds.
    #[arg(long, hide = true, value_name = "NUMBER")]
    chunks: Option<usize>,
}

fn main() -> Result<()> {
    let options = Options::parse();
    if let Some(name) = options.traced {
        let times = options.times.try_into();
        return instructions::child(&name, times.unwrap_or(Effort::FULL.traced));
    }
    let cores = pin::two_cores()?;
    if let (Some(rounds), Some(chunks)) = (options.rounds, options.chunks) {
        let raw = compare::rounds(cores, rounds, chunks);
        serde_json::to_writer(std::io::stdout(), &raw)?;
        return Ok(());
    }
    let effort = if options.quick {
        Effort::QUICK
    } else {
        Effort::FULL
    };
    let report = report::run(cores, &effort)?;
    print!("{}", report::table(&report));
    if let Some(path) = options.report {
        let text = serde_json::to_string_pretty(&report)?;
        fs::write(&path, text + "\n")
            .with_context(|| format!("cannot write {}; is it writable?", path.display()))?;
    }
    Ok(())
}
