//! Lints of the programs that run on the kernels, built as the images of a plan build them.
//!
//! The settings are those that CMake gives to its own Cargo runs. The programs are all that the workspace has, whether
//! the plan boots them or not.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::build;
use crate::locate;
use crate::plan;
use crate::step::Log;
use crate::test::host::{LIMIT, cargo};
use crate::test::packages::{PLAN_FEATURES, Program};
use crate::tools::Tools;

/// A shipped plan that has a kernel of each configuration: the sources are the same for both, and the bindings differ.
const PLAN: &str = "three";

/// The kernel configurations.
const VARIANTS: usize = 2;

/// What CMake writes as `cargo-VARIANT.json` for each configuration of the kernel.
#[derive(Deserialize)]
struct Settings {
    environment: BTreeMap<String, String>,
    arguments: Vec<String>,
}

/// Lints each program for each kernel configuration. Returns how many runs there were, and a line
/// about each that failed.
///
/// # Errors
/// Where the plan cannot be configured.
pub fn lint(
    programs: &[Program],
    tools: &Tools,
    log: &mut Log,
    scratch: &Path,
) -> Result<(usize, Vec<String>)> {
    // The root task links an archive of images, which the build makes; any file will do where nothing is linked.
    let archive = scratch.join("no-archive.bin");
    fs::write(&archive, []).with_context(|| format!("cannot write {}", locate::shown(&archive)))?;
    let (mut runs, mut failures) = (0, Vec::new());
    for (variant, settings) in settings(tools)? {
        // All as a machine boots them, and once more with each feature that a plan may give them.
        let features = PLAN_FEATURES.map(Some);
        for feature in [None].into_iter().chain(features) {
            let has = |program: &&Program| {
                feature.is_none_or(|feature| program.plan_features.contains(&feature))
            };
            let mut command = cargo();
            command
                .env_remove("CARGO_BUILD_TARGET")
                .env_remove("CARGO_ENCODED_RUSTFLAGS")
                .envs(&settings.environment)
                .env("ATOLL_ARCHIVE", &archive)
                // One run for all of them: what they share is looked at once, with all features that any of them gives it.
                .args(["clippy", "--keep-going"])
                .args(&settings.arguments)
                .args(feature.iter().flat_map(|feature| ["--features", feature]));
            for program in programs.iter().filter(has) {
                command.args(["--package", &program.package, "--bin", &program.binary]);
            }
            command.args(["--", "-D", "warnings"]);
            let doing = match feature {
                Some(feature) => format!("programs with {feature}, for {variant} kernels"),
                None => format!("programs for {variant} kernels"),
            };
            runs += 1;
            if let Err(error) = log.run_within(LIMIT, command, "cargo", &doing) {
                failures.push(format!("{doing}: {error:#}"));
            }
        }
    }
    Ok((runs, failures))
}

/// The settings for each kernel configuration.
fn settings(tools: &Tools) -> Result<Vec<(String, Settings)>> {
    let plan = plan::load(PLAN)?;
    let folder = build::configure(&plan, tools)?.build;
    let mut found = Vec::new();
    for variant in plan.plan.variants() {
        let path = folder.join(format!("cargo-{variant}.json"));
        let text =
            fs::read(&path).with_context(|| format!("cannot read {}", locate::shown(&path)))?;
        let settings = serde_json::from_slice(&text)
            .with_context(|| format!("{} is not what CMake writes", locate::shown(&path)))?;
        found.push((variant.to_owned(), settings));
    }
    ensure!(
        found.len() == VARIANTS,
        "{PLAN} has kernels of {} configurations, and there are {VARIANTS}",
        found.len()
    );
    Ok(found)
}
