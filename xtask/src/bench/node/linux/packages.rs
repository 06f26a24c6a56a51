//! Debian's packages: downloaded with apt from where the host has its own, and unpacked in a folder. Nothing is installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::locate;
use crate::step::{self, Log};
use crate::tools::SearchPath;

/// Packages of the programs, beside the libraries that they need.
const PROGRAMS: [&str; 5] = [
    "busybox-static",
    "nginx",
    "nginx-common",
    "redis-server",
    "redis-tools",
];

/// The package that brings the newest kernel for virtual machines, by what it depends on.
const KERNEL: &str = "linux-image-cloud-amd64";

/// What is told where apt fails.
const REMEDY: &str = "the Linux guest is made of Debian's packages: this needs a Debian 12 host with apt-get, apt-cache and dpkg-deb, sources that can be reached, and lists of packages that are not too old (run `apt-get update` as root)";

/// What apt and dpkg are called with.
struct Programs {
    apt_cache: PathBuf,
    apt_get: PathBuf,
    dpkg_deb: PathBuf,
}

/// Downloads what the guest is made of, and unpacks it in a folder.
///
/// # Errors
/// Where apt cannot; says what it needs.
pub fn unpack(folder: &Path, log: &mut Log) -> Result<()> {
    let programs = Programs::find()?;
    let wanted = wanted(&programs).context(REMEDY)?;
    let packages = folder.join("packages");
    fs::create_dir_all(&packages)
        .with_context(|| format!("cannot make the folder {}", locate::shown(&packages)))?;
    let mut download = step::command(&programs.apt_get);
    download
        .arg("download")
        .args(&wanted)
        .current_dir(&packages);
    log.run(
        download,
        "apt-get",
        "downloading packages for the Linux guest",
    )
    .context(REMEDY)?;
    let root = folder.join("root");
    fs::create_dir_all(&root)
        .with_context(|| format!("cannot make the folder {}", locate::shown(&root)))?;
    for file in files_of(&packages)? {
        let mut unpack = step::command(&programs.dpkg_deb);
        unpack.arg("-x").arg(&file).arg(&root);
        log.run(unpack, "dpkg-deb", "unpacking packages for the Linux guest")?;
        // They are needed no more.
        let _ = fs::remove_file(file);
    }
    Ok(())
}

impl Programs {
    fn find() -> Result<Programs> {
        let search = SearchPath::of_environment();
        let find = |name| {
            let found = search.find(name);
            found.with_context(|| format!("{name} is not on the search path; {REMEDY}"))
        };
        Ok(Programs {
            apt_cache: find("apt-cache")?,
            apt_get: find("apt-get")?,
            dpkg_deb: find("dpkg-deb")?,
        })
    }
}

/// The packages that are needed.
fn wanted(programs: &Programs) -> Result<Vec<String>> {
    let mut closure = step::command(&programs.apt_cache);
    closure.args(["depends", "--recurse", "--important"]);
    closure.args(["--no-conflicts", "--no-breaks", "--no-replaces"]);
    closure.args(["--no-enhances", "--no-recommends", "--no-suggests"]);
    let closure = said(closure.args(PROGRAMS))?;
    let mut wanted = packages_of(&closure);
    let mut kernel = step::command(&programs.apt_cache);
    kernel.args(["depends", "--important", KERNEL]);
    wanted.push(kernel_of(&said(&mut kernel)?)?);
    Ok(wanted)
}

fn said(command: &mut Command) -> Result<String> {
    let output = command.output().context("cannot run apt-cache")?;
    if !output.status.success() {
        bail!(
            "apt-cache fails: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The programs and the libraries among the packages that `apt-cache depends --recurse` names, each at the beginning of a line. What else
/// the programs depend on they need to be installed, not to run.
fn packages_of(text: &str) -> Vec<String> {
    let is_library = |name: &str| name.starts_with("lib") && !name.contains("perl");
    let mut names: Vec<String> = text
        .lines()
        .filter(|name| PROGRAMS.contains(name) || is_library(name) || *name == "zlib1g")
        .map(str::to_owned)
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The package with the kernel itself, of what `apt-cache depends` says of the one that depends on it.
fn kernel_of(text: &str) -> Result<String> {
    let mut lines = text.lines().map(str::trim);
    let kernel = lines.find_map(|line| {
        let name = line.strip_prefix("Depends: ")?;
        name.starts_with("linux-image-").then(|| name.to_owned())
    });
    kernel.with_context(|| format!("{KERNEL} depends on no kernel"))
}

/// The packages in a folder.
fn files_of(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder)
        .with_context(|| format!("cannot read the folder {}", locate::shown(folder)))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|it| it == "deb") {
            files.push(path);
        }
    }
    if files.is_empty() {
        bail!("apt-get downloaded nothing; {REMEDY}");
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_and_libraries_are_taken_each_once() {
        let text = "redis-server\n  Depends: libc6\n  PreDepends: perl\nlibc6\n\
                    perl\nlibperl5.36\n<virtual>\n    libc6\nzlib1g\nnginx\nlibc6\nadduser\n";
        let expected = ["libc6", "nginx", "redis-server", "zlib1g"];
        assert_eq!(packages_of(text), expected);
    }

    #[test]
    fn the_kernel_is_what_its_package_depends_on() {
        let text = "linux-image-cloud-amd64\n  Depends: linux-image-6.1.0-9-cloud-amd64\n";
        assert_eq!(kernel_of(text).unwrap(), "linux-image-6.1.0-9-cloud-amd64");
        assert!(kernel_of("linux-image-cloud-amd64\n  Depends: kmod\n").is_err());
    }
}
