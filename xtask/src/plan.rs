//! Plans by name or file.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, bail};
use atoll_plan::{CheckedPlan, Plan, shown};
use zerocopy::IntoBytes;

use crate::locate;
use crate::output;
use crate::timeline::WINDOW;

/// Folder of the shipped plans.
const SHIPPED: &str = "clusters/plans";

/// A plan in which nothing is wrong.
pub struct LoadedPlan {
    /// Its text.
    pub text: String,
    /// What it says.
    pub plan: CheckedPlan,
}

/// Loads and checks a plan.
///
/// # Errors
/// Every error of the plan is told, one a line, before this returns.
pub fn load(named: &str) -> Result<LoadedPlan> {
    load_or_print(named)?.map_err(|_| {
        let named = shown(named);
        anyhow!("{named} is not a plan that can be built; mend it and try again")
    })
}

/// As [`load`], of a plan in which each component notes what it does: by itself, or because it is given a timeline.
///
/// # Errors
/// Also where the plan's text has no place for that.
pub fn load_with_timeline(named: &str) -> Result<LoadedPlan> {
    let loaded = load(named)?;
    if loaded.plan.has_timeline() {
        return Ok(loaded);
    }
    let text = add_timeline(&loaded.text).with_context(|| {
        format!(
            "{} has no line `[machine]`; write `timeline = \"{WINDOW}\"` into what it says of its machine",
            shown(named)
        )
    })?;
    let label = format!("{} with a timeline", find(named)?.display());
    let images = atoll_plan::images(&locate::root());
    let plan = Plan::of_project(&label, &text, &images).map_err(|errors| anyhow!("{errors}"))?;
    Ok(LoadedPlan { text, plan })
}

/// The text of a plan with a timeline.
fn add_timeline(text: &str) -> Option<String> {
    let is_machine = |line: &&str| {
        line.split('#')
            .next()
            .is_some_and(|it| it.trim() == "[machine]")
    };
    let line = text.lines().find(is_machine)?;
    let (before, after) = text.split_once(line)?;
    Some(format!("{before}{line}\ntimeline = \"{WINDOW}\"{after}"))
}

/// The file of a plan: a path as it is, a bare name as a shipped plan.
fn find(named: &str) -> Result<PathBuf> {
    let path = Path::new(named);
    if named.contains('/') || path.extension().is_some_and(|ending| ending == "toml") {
        return Ok(path.to_path_buf());
    }
    let folder = locate::root().join(SHIPPED);
    let shipped = folder.join(format!("{named}.toml"));
    if shipped.is_file() {
        return Ok(shipped);
    }
    bail!(
        "there is no plan named {}; use one of {}, or name a TOML file",
        shown(named),
        shipped_names(&folder).join(", ")
    )
}

fn shipped_names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "toml"))
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    names
}

/// Loads a plan; its errors are told as they are, one a line, and nothing else.
fn load_or_print(named: &str) -> Result<Result<LoadedPlan, ExitCode>> {
    let path = find(named)?;
    let label = path.display().to_string();
    let images = atoll_plan::images(&locate::root());
    let loaded = atoll_plan::read_source(&path, &label).and_then(|text| {
        let plan = Plan::of_project(&label, &text, &images)?;
        Ok(LoadedPlan { text, plan })
    });
    Ok(loaded.map_err(|errors| {
        output::tell(&format!("{errors}\n"));
        ExitCode::FAILURE
    }))
}

/// `plan check`.
///
/// # Errors
/// Where there is no such file.
pub fn check(named: &str) -> Result<ExitCode> {
    Ok(match load_or_print(named)? {
        Ok(LoadedPlan { plan, .. }) => {
            output::print(&format!(
                "{}: good; {} clusters on {} kernel instances, {} cores, {} MiB\n",
                plan.name(),
                plan.clusters().len(),
                plan.instance_names().len(),
                plan.machine_cores(),
                plan.machine_memory() >> 20
            ))?;
            ExitCode::SUCCESS
        }
        Err(code) => code,
    })
}

/// `plan show`.
///
/// # Errors
/// Where there is no such file.
pub fn show(named: &str) -> Result<ExitCode> {
    Ok(match load_or_print(named)? {
        Ok(LoadedPlan { plan, .. }) => {
            output::print(&format!("{}\n", plan.draw().trim_end()))?;
            ExitCode::SUCCESS
        }
        Err(code) => code,
    })
}

/// `plan cmake`.
///
/// # Errors
/// Where there is no such file, or the folder cannot be written.
pub fn cmake(named: &str, out: &Path) -> Result<ExitCode> {
    let plan = match load_or_print(named)? {
        Ok(loaded) => loaded.plan,
        Err(code) => return Ok(code),
    };
    fs::create_dir_all(out)
        .with_context(|| format!("cannot make the folder {}", locate::shown(out)))?;
    write_if_changed(&out.join("plan.cmake"), plan.cmake().as_bytes())?;
    write_if_changed(&out.join("plan.bin"), plan.encode().as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// Writes a file unless it has that content already, so that what depends on it is not built again.
///
/// # Errors
/// Where it can be neither read nor written.
pub fn write_if_changed(path: &Path, content: &[u8]) -> Result<()> {
    match fs::read(path) {
        Ok(old) if old == content => return Ok(()),
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read {}", locate::shown(path)));
        }
    }
    fs::write(path, content).with_context(|| format!("cannot write {}", locate::shown(path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_plan_is_found_by_name_and_can_be_built() {
        let names = shipped_names(&locate::root().join(SHIPPED));
        for expected in ["1x4", "2x2", "4x1", "node", "shared", "three"] {
            assert!(names.iter().any(|name| name == expected), "{names:?}");
        }
        for name in names {
            let plan = load(&name).unwrap();
            assert_eq!(plan.plan.name(), name);
            assert_eq!(
                plan.plan.instance_names(),
                crate::names::instances(&plan.plan.encode())
            );
        }
    }

    #[test]
    fn a_name_that_is_no_plan_is_refused_with_those_that_are() {
        let text = |named: &str| format!("{:#}", find(named).unwrap_err());
        assert!(text("5x5").contains("use one of 1x4, 2x2"));
        assert_eq!(find("nowhere/plan").unwrap(), Path::new("nowhere/plan"));
        assert_eq!(find("plan.toml").unwrap(), Path::new("plan.toml"));
    }

    #[test]
    fn what_does_not_change_is_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let modified = || {
            let file = fs::metadata(folder.path().join("plan.bin")).unwrap();
            file.modified().unwrap()
        };
        cmake("2x2", folder.path()).unwrap();
        let first = modified();
        cmake("2x2", folder.path()).unwrap();
        assert_eq!(modified(), first);
        let bytes = fs::read(folder.path().join("plan.bin")).unwrap();
        let plan = atoll_abi::plan::EncodedPlan::read(&bytes).unwrap();
        assert_eq!(plan.machine().name.as_str(), "2x2");
        cmake("4x1", folder.path()).unwrap();
        assert_ne!(fs::read(folder.path().join("plan.bin")).unwrap(), bytes);
    }
}
