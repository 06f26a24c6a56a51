//! Brings in the tools that are missing.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Error, Result, anyhow};

use crate::child::{self, OnDeath, Running};
use crate::output;
use crate::tools::{Problem, Purpose, SearchPath, Tools};

/// Makes sure that all tools are there that are needed for something.
///
/// # Errors
/// One line that says what to install, or why a tool will not do.
pub fn complete(purpose: Purpose) -> Result<Tools> {
    let root = rustix::process::geteuid().is_root();
    complete_with(&SearchPath::of_environment(), root, purpose)
}

/// What makes disk images, which has to be there: nothing is installed for it alone.
///
/// # Errors
/// One line that says what to install.
pub fn for_disks() -> Result<Tools> {
    Tools::look_for_disks(&SearchPath::of_environment()).map_err(|problems| refuse(&problems))
}

fn complete_with(search: &SearchPath, root: bool, purpose: Purpose) -> Result<Tools> {
    let problems = match Tools::look(search, purpose) {
        Ok(tools) => return Ok(tools),
        Err(problems) => problems,
    };
    let unusable = problems
        .iter()
        .any(|problem| matches!(problem, Problem::Unusable(_)));
    let apt = match Apt::find(search, root) {
        Some(apt) if !unusable => apt,
        _ => return Err(refuse(&problems)),
    };
    let packages = packages(&problems);
    output::tell(&format!("installing {} with apt-get\n", packages.join(" ")));
    let install = ["install", "-y", "--no-install-recommends"];
    apt.run(&["update"])
        .and_then(|()| apt.run(&[&install[..], &packages].concat()))
        .with_context(|| refuse(&problems))?;
    Tools::look(search, purpose).map_err(|problems| refuse(&problems))
}

/// The packages that bring what is missing, each once.
fn packages(problems: &[Problem]) -> Vec<&'static str> {
    let mut packages = Vec::new();
    for problem in problems {
        if let Problem::Missing {
            packages: these, ..
        } = problem
        {
            packages.extend(these);
        }
    }
    packages.sort_unstable();
    packages.dedup();
    packages
}

/// One line that says what to do about all problems.
fn refuse(problems: &[Problem]) -> Error {
    let mut missing = Vec::new();
    let mut parts = Vec::new();
    for problem in problems {
        match problem {
            Problem::Missing { what, .. } => missing.push(what.as_str()),
            Problem::Unusable(text) => parts.push(text.clone()),
        }
    }
    if !missing.is_empty() {
        parts.push(format!(
            "{} missing: install with `apt-get install {}`",
            missing.join(", "),
            packages(problems).join(" ")
        ));
    }
    anyhow!("{}", parts.join("; "))
}

/// A way to install packages without asking anyone.
struct Apt {
    search: SearchPath,
    apt_get: PathBuf,
    sudo: Option<PathBuf>,
}

impl Apt {
    fn find(search: &SearchPath, root: bool) -> Option<Apt> {
        let apt_get = search.find("apt-get")?;
        let sudo = if root {
            None
        } else {
            let sudo = search.find("sudo")?;
            child::first_line(&sudo, &["-n", "true"])?;
            Some(sudo)
        };
        Some(Apt {
            search: search.clone(),
            apt_get,
            sudo,
        })
    }

    fn run(&self, arguments: &[&str]) -> Result<()> {
        let mut command = match &self.sudo {
            Some(sudo) => {
                let mut command = Command::new(sudo);
                command.args(["-n", "env", "DEBIAN_FRONTEND=noninteractive"]);
                command.arg(&self.apt_get);
                command
            }
            None => Command::new(&self.apt_get),
        };
        command
            .args(arguments)
            .env("PATH", &self.search.0)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .stdin(Stdio::null())
            .stdout(std::io::stderr());
        // A packet manager that is killed leaves packets half installed.
        let status = Running::start(command, "apt-get", OnDeath::Ask)?
            .wait()
            .context("apt-get was asked to end; it may first finish what it has begun")?;
        if status.success() {
            Ok(())
        } else {
            Err(anyhow!(
                "apt-get {} failed ({status}); see its lines above",
                arguments.join(" ")
            ))
        }
    }
}

#[cfg(test)]
pub mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    use super::*;

    /// Writes an executable shell script.
    pub fn script(folder: &Path, name: &str, body: &str) {
        let path = folder.join(name);
        fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// A folder with every tool, and the search path of it alone.
    fn tools(qemu: Option<&str>) -> (tempfile::TempDir, SearchPath) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        if let Some(version) = qemu {
            let body = format!("echo QEMU emulator version {version}");
            script(path, "qemu-system-x86_64", &body);
        }
        script(path, "cmake", "echo cmake version 3.25.1");
        script(path, "ninja", "echo 1.11.1");
        script(path, "gcc", "echo 12.2.0");
        script(path, "objcopy", "echo GNU objcopy 2.40");
        script(path, "ld", "echo GNU ld 2.40");
        script(path, "xmllint", "echo using libxml version 20914 >&2");
        script(path, "spin", "echo Spin Version 6.5.2 -- 6 December 2019");
        script(path, "mke2fs", "echo 'mke2fs 1.47.0 (5-Feb-2023)' >&2");
        script(path, "debugfs", "echo 'debugfs 1.47.0 (5-Feb-2023)' >&2");
        script(
            path,
            "python3",
            "test $1 = -c && echo missing || echo Python 3.11.2",
        );
        let search = SearchPath(path.into());
        (folder, search)
    }

    fn apt_get(folder: &Path) {
        let log = folder.join("log");
        let qemu = folder.join("qemu-system-x86_64");
        let body = format!(
            "echo \"$*\" >> {log}\n[ $1 = update ] || {{ echo '#!/bin/sh' > {qemu}; \
             echo 'echo QEMU emulator version 7.2.0' >> {qemu}; /bin/chmod +x {qemu}; }}",
            log = log.display(),
            qemu = qemu.display()
        );
        script(folder, "apt-get", &body);
    }

    #[test]
    fn all_there_needs_nothing() {
        let (_folder, search) = tools(Some("8.0.0"));
        let tools = complete_with(&search, true, Purpose::Run).unwrap();
        assert_eq!(tools.version("qemu-system-x86_64").unwrap(), "8.0.0");
        assert_eq!(tools.version("python3").unwrap(), "3.11.2");
        assert!(tools.path("cmake").ends_with("cmake"));
    }

    #[test]
    fn only_what_is_missing_is_installed() {
        let (folder, search) = tools(None);
        apt_get(folder.path());
        complete_with(&search, true, Purpose::Run).unwrap();
        let log = fs::read_to_string(folder.path().join("log")).unwrap();
        assert_eq!(
            log,
            "update\ninstall -y --no-install-recommends qemu-system-x86\n"
        );
    }

    #[test]
    fn what_the_tests_need_is_asked_for_by_them_alone() {
        let (folder, search) = tools(Some("8.0.0"));
        complete_with(&search, true, Purpose::Run).unwrap();
        let error = complete_with(&search, false, Purpose::Test).unwrap_err();
        let text = format!("{error:#}");
        assert!(
            text.ends_with("`apt-get install chromium curl redis-tools`"),
            "{text}"
        );
        for program in ["redis-cli", "redis-benchmark", "curl", "chromium"] {
            script(folder.path(), program, "echo version 120.1");
        }
        complete_with(&search, false, Purpose::Test).unwrap();
    }

    #[test]
    fn without_a_way_to_install_one_line_says_what_to_do() {
        let (folder, search) = tools(None);
        let expected = "qemu-system-x86_64 missing: install with `apt-get install qemu-system-x86`";
        let error = complete_with(&search, true, Purpose::Run).unwrap_err();
        assert_eq!(format!("{error:#}"), expected);
        apt_get(folder.path());
        let error = complete_with(&search, false, Purpose::Run).unwrap_err();
        assert_eq!(format!("{error:#}"), expected);
        script(folder.path(), "sudo", "exit 1");
        let error = complete_with(&search, false, Purpose::Run).unwrap_err();
        assert_eq!(format!("{error:#}"), expected);
        assert!(!folder.path().join("log").exists());
    }

    #[test]
    fn with_sudo_that_asks_nothing_packages_are_installed() {
        let (folder, search) = tools(None);
        apt_get(folder.path());
        script(
            folder.path(),
            "sudo",
            "shift; [ $1 = true ] || { shift 2; \"$@\"; }",
        );
        complete_with(&search, false, Purpose::Run).unwrap();
        assert!(folder.path().join("log").exists());
    }

    #[test]
    fn a_tool_that_is_too_old_is_named_with_what_it_should_be() {
        let (folder, search) = tools(Some("6.2.0"));
        apt_get(folder.path());
        let text = format!(
            "{:#}",
            complete_with(&search, true, Purpose::Run).unwrap_err()
        );
        assert!(
            text.contains("is version 6.2.0, and 7.2 is the oldest that will do"),
            "{text}"
        );
        assert!(!folder.path().join("log").exists());
    }

    #[test]
    fn the_first_python_with_all_modules_is_chosen() {
        let (bare, _) = tools(Some("7.2.0"));
        script(
            bare.path(),
            "python3",
            "test $1 = -c && echo missing ply tempita || echo Python 3.12.0",
        );
        let text = format!(
            "{:#}",
            complete_with(&SearchPath(bare.path().into()), false, Purpose::Run).unwrap_err()
        );
        assert!(text.contains("ply, tempita of"), "{text}");
        assert!(
            text.ends_with("`apt-get install python3-ply python3-tempita`"),
            "{text}"
        );
        let (full, _) = tools(Some("7.2.0"));
        let both = std::env::join_paths([bare.path(), full.path()]).unwrap();
        let tools = complete_with(&SearchPath(both), false, Purpose::Run).unwrap();
        assert_eq!(tools.path("python3"), full.path().join("python3"));
    }

    #[test]
    fn an_install_that_fails_says_both() {
        let (folder, search) = tools(None);
        script(folder.path(), "apt-get", "exit 100");
        let text = format!(
            "{:#}",
            complete_with(&search, true, Purpose::Run).unwrap_err()
        );
        assert!(
            text.contains("install with `apt-get install qemu-system-x86`"),
            "{text}"
        );
        assert!(text.contains("apt-get update failed"), "{text}");
    }
}
