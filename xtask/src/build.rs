//! Builds a plan through CMake and Ninja.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::locate;
use crate::plan::LoadedPlan;
use crate::step::{self, Log};
use crate::tools::Tools;

/// Builds a plan in `target/atoll/PLAN/build` and returns that folder.
///
/// # Errors
/// Shows the last lines of what failed and says where the whole output is.
pub fn build(plan: &LoadedPlan, tools: &Tools) -> Result<PathBuf> {
    let (build, mut log) = configure(plan, tools)?;
    let mut ninja = step::command(&tools.path("ninja"));
    ninja.arg("-C").arg(&build);
    log.run(ninja, "ninja", "building")?;
    Ok(build)
}

/// Configures the build of a plan and returns its folder and its log.
///
/// # Errors
/// Shows the last lines of what failed and says where the whole output is.
pub fn configure(plan: &LoadedPlan, tools: &Tools) -> Result<(PathBuf, Log)> {
    let root = locate::root();
    let folder = locate::output().join(plan.plan.name());
    let build = folder.join("build");
    fs::create_dir_all(&build)
        .with_context(|| format!("cannot make the build folder {}", build.display()))?;
    let mut log = Log::create(&folder.join("build.log"))?;
    let xtask = std::env::current_exe().context("cannot tell where this program is")?;

    let mut cmake = step::command(&tools.path("cmake"));
    cmake
        .args(["-G", "Ninja", "-S"])
        .arg(root.join("sel4-config"))
        .arg("-B")
        .arg(&build)
        .arg(definition("ATOLL_PLAN", &plan.path))
        .arg(definition("ATOLL_PYTHON", &tools.path("python3")))
        .arg(definition("ATOLL_XTASK", &xtask))
        .arg(definition("CMAKE_MAKE_PROGRAM", &tools.path("ninja")));
    log.run(cmake, "cmake", "configuring")?;
    Ok((build, log))
}

fn definition(name: &str, value: &Path) -> OsString {
    let mut text = OsString::from(format!("-D{name}="));
    text.push(value);
    text
}
