//! The benchmark of the channel on the host: builds `atoll-bench` and runs it.

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use serde_json::Value;

use crate::bench::{Common, program};
use crate::locate;
use crate::output;

/// How to run the benchmark.
#[derive(Args)]
pub struct Options {
    #[command(flatten)]
    common: Common,
    /// Measure just enough to see that everything works; the figures mean nothing.
    #[arg(long)]
    quick: bool,
}

/// Builds the benchmark and runs it.
///
/// # Errors
/// Where it cannot be built or run.
pub fn run(options: &Options) -> Result<ExitCode> {
    let mut file = options.common.claim_report("channel.json")?;
    let mut arguments = Vec::new();
    if options.quick {
        arguments.push("--quick");
    }
    let figures = program::run("bench-channel", &arguments)?;
    file.write_text(&figures)?;
    let figures: Value = serde_json::from_str(&figures).context("its figures cannot be read")?;
    output::tell(&format!(
        "all figures are in {}\n",
        locate::shown(file.path())
    ));
    Ok(options.common.judge(&figures))
}
