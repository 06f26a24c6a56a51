//! The tests that Cargo runs on the host.
//!
//! Every package of the workspace is tested. A package can ask for further runs, or for none, in its `Cargo.toml`:
//!
//! ```toml
//! [package.metadata.atoll]
//! host-tests = false
//! loom = "model"  # the test program that is built and run with `--cfg loom`
//!
//! # A bug that a feature plants, and the test that has to catch it.
//! [[package.metadata.atoll.planted]]
//! feature = "planted-no-recheck"
//! program = "model"  # the test program; with `loom = true` it is built as above
//! test = "no_wake_up_is_lost"
//! reason = "deadlock; threads = "  # what the failed check says
//! ```

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::locate;
use crate::step::{self, Log};
use crate::test::Line;
use crate::test::planted::Planted;
use crate::tools::SearchPath;

/// Time that one run may take, compilation included.
const LIMIT: Duration = Duration::from_secs(8 * 60);

/// One run of Cargo.
pub struct HostTest {
    /// Its name.
    pub name: String,
    /// What it is, for `--list`.
    pub about: String,
    arguments: Vec<String>,
    /// A target folder of its own, and the compiler flags that need it.
    flags: Option<(&'static str, &'static str)>,
    /// The bug that is planted, because of which a test has to fail.
    planted: Option<Planted>,
}

#[derive(Deserialize)]
struct Workspace {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
struct Metadata {
    atoll: Option<Wishes>,
}

/// What a package says about its tests.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Wishes {
    #[serde(default = "yes")]
    host_tests: bool,
    loom: Option<String>,
    #[serde(default)]
    planted: Vec<Planted>,
}

/// The target folder of loom builds, and their flags.
const LOOM: (&str, &str) = ("loom", "--cfg loom -C debug-assertions");

fn yes() -> bool {
    true
}

/// All tests on the host.
///
/// # Errors
/// Where Cargo cannot list the packages.
pub fn all() -> Result<Vec<HostTest>> {
    let output = cargo()
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .output()
        .context("cannot run cargo; install Rust")?;
    if !output.status.success() {
        bail!(
            "cargo metadata fails: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    let workspace: Workspace =
        serde_json::from_slice(&output.stdout).context("cargo metadata cannot be read")?;
    let mut tests = vec![
        HostTest {
            name: "host format".to_owned(),
            about: "the source is formatted".to_owned(),
            arguments: words("fmt --all -- --check"),
            flags: None,
            planted: None,
        },
        HostTest {
            name: "host lints".to_owned(),
            about: "the compiler and Clippy have nothing to say".to_owned(),
            arguments: words("clippy --workspace --all-targets -- -D warnings"),
            flags: None,
            planted: None,
        },
    ];
    for package in workspace.packages {
        tests.extend(tests_of(&package));
    }
    Ok(tests)
}

fn tests_of(package: &Package) -> Vec<HostTest> {
    let default = Wishes {
        host_tests: true,
        loom: None,
        planted: Vec::new(),
    };
    let said = package.metadata.as_ref();
    let wishes = said
        .and_then(|metadata| metadata.atoll.as_ref())
        .unwrap_or(&default);
    // The version tells our packages from those of a registry that have the same name.
    let id = format!("{}@{}", package.name, package.version);
    let mut tests = Vec::new();
    if wishes.host_tests {
        tests.push(HostTest {
            name: format!("host {}", package.name),
            about: format!("tests of the package {}", package.name),
            arguments: words(&format!("test --package {id}")),
            flags: None,
            planted: None,
        });
    }
    if let Some(program) = &wishes.loom {
        tests.push(HostTest {
            name: format!("host {} loom", package.name),
            about: format!("loom models of the package {}", package.name),
            arguments: words(&format!("test --release --package {id} --test {program}")),
            flags: Some(LOOM),
            planted: None,
        });
    }
    for bug in &wishes.planted {
        let profile = if bug.loom { "--release " } else { "" };
        let (feature, program, test) = (&bug.feature, &bug.program, &bug.test);
        tests.push(HostTest {
            name: format!("host {} {feature}", package.name),
            about: format!("the planted bug is caught by {program}: {test}"),
            arguments: words(&format!(
                "test {profile}--package {id} --features {feature} --test {program} -- --exact {test}"
            )),
            flags: bug.loom.then_some(LOOM),
            planted: Some(bug.clone()),
        });
    }
    tests
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

fn cargo() -> Command {
    let cargo = std::env::var_os("CARGO")
        .map(Into::into)
        .or_else(|| SearchPath::of_environment().find("cargo"))
        .unwrap_or_else(|| "cargo".into());
    let mut command = step::command(&cargo);
    command.current_dir(locate::root());
    command
}

impl HostTest {
    /// What the output of a run says of a planted bug.
    fn judged(&self, bug: &Planted, output: &str) -> Line {
        let (caught, text) = match bug.caught(output) {
            Ok(()) => (true, format!("caught by {}: {}", bug.test, bug.reason)),
            Err(missed) => (
                false,
                format!(
                    "{} does not catch the planted bug with {:?}: {missed}",
                    bug.test, bug.reason
                ),
            ),
        };
        Line {
            name: self.name.clone(),
            passed: usize::from(caught),
            failed: usize::from(!caught),
            verdict: if caught { "pass" } else { "fail" }.to_owned(),
            seconds: 0.0,
            text,
        }
    }

    /// Runs it, its output in a log in a folder.
    pub fn run(&self, folder: &Path) -> Result<Line> {
        let file = format!("{}.log", self.name.replace(' ', "-"));
        let path = folder.join(file);
        let mut log = Log::create(&path)?;
        let mut command = cargo();
        command.args(&self.arguments);
        if self.planted.is_some() {
            log.expect_failure();
            // A reason is looked for in what the test says, not in the names of functions.
            command.env("RUST_BACKTRACE", "0");
        }
        if let Some((target, flags)) = self.flags {
            command
                .env("RUSTFLAGS", flags)
                .env("CARGO_TARGET_DIR", locate::output().join(target));
        }
        let result = log.run_within(LIMIT, command, "cargo", &self.about);
        let output = fs::read_to_string(&path).unwrap_or_default();
        if let Some(bug) = &self.planted {
            return Ok(self.judged(bug, &output));
        }
        let (mut passed, mut failed) = counts(&output);
        // A run without counted tests is a test itself; a failure that no count shows is one failure.
        match &result {
            Ok(()) if passed + failed == 0 && !self.arguments[0].eq("test") => passed = 1,
            Err(_) if failed == 0 => failed = 1,
            _ => {}
        }
        let verdict = match failed {
            0 => "pass",
            _ => "fail",
        };
        Ok(Line {
            name: self.name.clone(),
            passed,
            failed,
            verdict: verdict.to_owned(),
            seconds: 0.0,
            text: match result {
                Ok(()) => String::new(),
                Err(error) => format!("{error:#}"),
            },
        })
    }
}

/// Tests that passed and failed, by the lines in which test programs count them.
fn counts(output: &str) -> (usize, usize) {
    let number_before = |line: &str, word: &str| -> usize {
        let before = line.split(word).next().unwrap_or_default();
        let number = before.split_whitespace().last().unwrap_or_default();
        number.parse().unwrap_or(0)
    };
    output
        .lines()
        .filter(|line| line.starts_with("test result: "))
        .map(|line| {
            (
                number_before(line, " passed;"),
                number_before(line, " failed;"),
            )
        })
        .fold((0, 0), |sum, each| (sum.0 + each.0, sum.1 + each.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_summed_over_test_programs() {
        let output = "running 2 tests\n\
            test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n\
            [digest] test result: ok. 100 passed; 0 failed\n\
            test result: FAILED. 10 passed; 3 failed; 1 ignored; 0 measured; 0 filtered out\n";
        assert_eq!(counts(output), (12, 3));
        assert_eq!(counts("error: could not compile"), (0, 0));
    }

    #[test]
    fn every_package_is_tested_unless_it_says_otherwise() {
        let package = |metadata: &str| Package {
            name: "atoll-x".to_owned(),
            version: "0.1.0".to_owned(),
            metadata: serde_json::from_str(metadata).unwrap(),
        };
        let names = |metadata: &str| -> Vec<String> {
            let tests = tests_of(&package(metadata));
            tests.into_iter().map(|test| test.name).collect()
        };
        assert_eq!(names("null"), ["host atoll-x"]);
        assert_eq!(names(r#"{"other":1}"#), ["host atoll-x"]);
        assert!(names(r#"{"atoll":{"host-tests":false}}"#).is_empty());
        assert_eq!(
            names(r#"{"atoll":{"loom":"model"}}"#),
            ["host atoll-x", "host atoll-x loom"]
        );
        let planted = r#"{"atoll":{"host-tests":false,"planted":[
            {"feature":"planted-bug","program":"ring","test":"order","reason":"in order"}]}}"#;
        assert_eq!(names(planted), ["host atoll-x planted-bug"]);
    }

    #[test]
    fn a_planted_bug_needs_a_reason() {
        let planted = r#"{"planted":[{"feature":"planted-bug","program":"ring","test":"order"}]}"#;
        let error = serde_json::from_str::<Wishes>(planted).err().unwrap();
        assert!(error.to_string().contains("missing field `reason`"));
    }

    #[test]
    fn this_package_is_among_the_tests() {
        let tests = all().unwrap();
        assert!(tests.iter().any(|test| test.name == "host xtask"));
    }
}
