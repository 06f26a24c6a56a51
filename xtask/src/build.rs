//! Builds a plan through CMake and Ninja.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::locate;
use crate::lock::Lock;
use crate::plan::{LoadedPlan, write_if_changed};
use crate::step::{self, Log};
use crate::tools::Tools;

/// Builds a plan in a folder of its own and returns that folder. Two plans that differ have two folders, whatever they are
/// named; runs that build one plan take turns.
///
/// # Errors
/// Shows the last lines of what failed and says where the whole output is.
pub fn build(plan: &LoadedPlan, tools: &Tools) -> Result<PathBuf> {
    let mut configured = configure(plan, tools)?;
    let mut ninja = step::command(&tools.path("ninja"));
    ninja.arg("-C").arg(&configured.build);
    configured.log.run(ninja, "ninja", "building")?;
    Ok(configured.build)
}

/// A build that is configured, and that no other run changes.
pub struct Configured {
    /// Its folder.
    pub build: PathBuf,
    log: Log,
    _lock: Lock,
}

/// Configures the build of a plan.
///
/// # Errors
/// Shows the last lines of what failed and says where the whole output is.
pub fn configure(plan: &LoadedPlan, tools: &Tools) -> Result<Configured> {
    let root = locate::root();
    let (name, fingerprint) = (plan.plan.name(), plan.plan.fingerprint());
    let folder = locate::output().join(format!("{name}-{fingerprint:016x}"));
    let build = folder.join("build");
    fs::create_dir_all(&build)
        .with_context(|| format!("cannot make the build folder {}", locate::shown(&build)))?;
    let lock = Lock::exclusive(&lock_of(&build))?;
    // The build reads what was checked, whatever becomes of the plan's file meanwhile.
    let copy = folder.join(format!("{name}.toml"));
    write_if_changed(&copy, plan.text.as_bytes())?;
    let mut log = Log::create(&folder.join("build.log"))?;
    let xtask = std::env::current_exe().context("cannot tell where this program is")?;

    let mut cmake = step::command(&tools.path("cmake"));
    cmake
        .args(["-G", "Ninja", "-S"])
        .arg(root.join("sel4-config"))
        .arg("-B")
        .arg(&build)
        .arg(definition("ATOLL_PLAN", &copy))
        .arg(definition("ATOLL_PYTHON", &tools.path("python3")))
        .arg(definition("ATOLL_XTASK", &xtask))
        .arg(definition("CMAKE_MAKE_PROGRAM", &tools.path("ninja")));
    log.run(cmake, "cmake", "configuring")?;
    Ok(Configured {
        build,
        log,
        _lock: lock,
    })
}

/// The file that is locked by a run that builds in a folder, or takes images out of it.
pub fn lock_of(build: &Path) -> PathBuf {
    build.join("lock")
}

fn definition(name: &str, value: &Path) -> OsString {
    let mut text = OsString::from(format!("-D{name}="));
    text.push(value);
    text
}
