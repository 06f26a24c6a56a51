//! The benchmark of the channel on the host: builds `atoll-bench` and runs it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde::Deserialize;
use serde_json::Value;

use crate::bench::Common;
use crate::child::{self, OnDeath, Running};
use crate::locate;
use crate::output;
use crate::scratch;
use crate::step::{self, Log};
use crate::tools::SearchPath;

/// How to run the benchmark.
#[derive(Args)]
pub struct Options {
    #[command(flatten)]
    common: Common,
    /// Measure just enough to see that everything works; the figures mean nothing.
    #[arg(long)]
    quick: bool,
}

/// What `cargo metadata` says.
#[derive(Deserialize)]
struct Metadata {
    target_directory: PathBuf,
}

/// Builds the benchmark and runs it.
///
/// # Errors
/// Where it cannot be built or run.
pub fn run(options: &Options) -> Result<ExitCode> {
    let mut file = options.common.claim_report("channel.json")?;
    let cargo = std::env::var_os("CARGO")
        .map(PathBuf::from)
        .or_else(|| SearchPath::of_environment().find("cargo"))
        .context("cargo is not on the search path; install Rust")?;
    let program = build(&cargo)?;
    let mut command = child::command(&program, OnDeath::Terminate);
    if options.quick {
        command.arg("--quick");
    }
    let figures = scratch::subfolder()?;
    let figures = figures.path().join("figures.json");
    command.arg("--report").arg(&figures);
    let status = Running::start(command, "the benchmark", OnDeath::Terminate)?.wait()?;
    if !status.success() {
        bail!("the benchmark ended early: {status}");
    }
    let figures = fs::read_to_string(&figures).context("the benchmark has written no figures")?;
    file.write_text(&figures)?;
    let figures: Value = serde_json::from_str(&figures).context("its figures cannot be read")?;
    output::tell(&format!(
        "all figures are in {}\n",
        locate::shown(file.path())
    ));
    Ok(options.common.judge(&figures))
}

/// Builds the program as it is measured: optimized. Tells where it is.
fn build(cargo: &Path) -> Result<PathBuf> {
    let mut command = step::command(cargo);
    command
        .args(["build", "--release", "--package", "atoll-bench"])
        .current_dir(locate::root());
    let log = locate::output().join("bench/build.log");
    Log::create(&log)?.run(command, "cargo", "building the benchmark")?;
    let output = step::command(cargo)
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(locate::root())
        .output()
        .context("cannot run cargo")?;
    if !output.status.success() {
        bail!(
            "cargo metadata fails: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    let metadata: Metadata =
        serde_json::from_slice(&output.stdout).context("cargo metadata cannot be read")?;
    Ok(metadata.target_directory.join("release/bench-channel"))
}
