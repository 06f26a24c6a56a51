//! The benchmarks that run on the host: the programs of `atoll-bench`.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::child::{self, OnDeath, Running};
use crate::locate;
use crate::scratch;
use crate::step::{self, Log};
use crate::tools::SearchPath;

/// What `cargo metadata` says.
#[derive(Deserialize)]
struct Metadata {
    target_directory: PathBuf,
}

/// A program that is built.
pub struct Program(PathBuf);

impl Program {
    /// Builds it.
    ///
    /// # Errors
    /// Where it cannot be built.
    pub fn build(name: &str) -> Result<Program> {
        let cargo = std::env::var_os("CARGO")
            .map(PathBuf::from)
            .or_else(|| SearchPath::of_environment().find("cargo"))
            .context("cargo is not on the search path; install Rust")?;
        Ok(Program(build(&cargo)?.join(name)))
    }

    /// Runs it; its figures are returned.
    ///
    /// # Errors
    /// Where it cannot be run, or fails.
    pub fn run<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Result<String> {
        let mut command = child::command(&self.0, OnDeath::Terminate);
        let figures = scratch::subfolder()?;
        let figures = figures.path().join("figures.json");
        command.arg("--report").arg(&figures).args(arguments);
        let status = Running::start(command, "the benchmark", OnDeath::Terminate)?.wait()?;
        if !status.success() {
            bail!("the benchmark ended early: {status}");
        }
        fs::read_to_string(&figures).context("the benchmark has written no figures")
    }
}

/// Builds a program and runs it; it prints its table, and its figures are returned.
///
/// # Errors
/// Where it cannot be built or run.
pub fn run(name: &str, arguments: &[&str]) -> Result<String> {
    Program::build(name)?.run(arguments)
}

/// Builds the programs as they are measured: optimized. Tells where they are.
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
    Ok(metadata.target_directory.join("release"))
}
