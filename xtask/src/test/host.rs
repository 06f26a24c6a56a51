//! The tests that Cargo runs on the host.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use crate::locate;
use crate::step::{self, Log};
use crate::test::Line;
use crate::test::guest;
use crate::test::packages::{self, Package, Program};
use crate::test::planted::Planted;
use crate::test::programs::{Member, Programs};
use crate::tools::{SearchPath, Tools};

/// Time that one run may take, compilation included.
pub const LIMIT: Duration = Duration::from_secs(8 * 60);

/// The target folder of loom builds, and their flags.
const LOOM: (&str, &str) = ("loom", "--cfg loom -C debug-assertions");

/// A test on the host.
pub struct HostTest {
    /// Its name.
    pub name: String,
    /// What it is, for `--list`.
    pub about: String,
    work: Work,
}

/// What a test does.
enum Work {
    /// Runs Cargo, which has to succeed.
    Run(Run),
    /// Runs the test programs of a package, which are built with those of others.
    Programs(Member),
    /// Runs a test that has to fail, because a bug is planted.
    Planted(Run, Planted),
    /// Likewise, of a package that is built with others.
    PlantedMember(Member, Planted),
    /// Lints the programs that run on the kernels.
    GuestLints(Vec<Program>),
}

/// One run of Cargo.
struct Run {
    arguments: Vec<String>,
    /// A target folder of its own, and the compiler flags that need it.
    flags: Option<(&'static str, &'static str)>,
    /// Whether nobody builds this again after a change, so that what would make that fast only fills the disk.
    once: bool,
}

impl Run {
    fn new(arguments: &str) -> Run {
        Run {
            arguments: arguments.split(' ').map(str::to_owned).collect(),
            flags: None,
            once: false,
        }
    }

    fn with_flags(self, flags: Option<(&'static str, &'static str)>) -> Run {
        Run { flags, ..self }
    }

    fn once(self) -> Run {
        Run { once: true, ..self }
    }

    fn command(&self) -> Command {
        let mut command = cargo();
        command.args(&self.arguments);
        if self.once {
            command.env("CARGO_INCREMENTAL", "0");
        }
        if let Some((target, flags)) = self.flags {
            command
                .env("RUSTFLAGS", flags)
                .env("CARGO_TARGET_DIR", locate::output().join(target));
        }
        command
    }
}

/// All tests on the host.
///
/// # Errors
/// Where Cargo cannot list the packages.
pub fn all() -> Result<Vec<HostTest>> {
    let packages = packages::all()?;
    let programs = packages.iter().flat_map(Package::guest_programs).collect();
    let mut tests = vec![
        HostTest::new(
            "host format",
            "the source is formatted",
            Work::Run(Run::new("fmt --all -- --check")),
        ),
        HostTest::new(
            "host lints",
            "the compiler and Clippy have nothing to say",
            Work::Run(Run::new("clippy --workspace --all-targets -- -D warnings")),
        ),
        HostTest::new(
            "host guest lints",
            "nor have they of the programs that run on the kernels",
            Work::GuestLints(programs),
        ),
    ];
    let mut documents = Run::new("test --doc");
    for package in packages.iter().filter(|it| is_built_with_others(it)) {
        documents
            .arguments
            .extend(["--package".into(), package.id()]);
    }
    tests.push(HostTest::new(
        "host documents",
        "the examples in the documentation of all packages",
        Work::Run(documents),
    ));
    tests.extend(packages.iter().flat_map(tests_of));
    Ok(tests)
}

fn is_built_with_others(package: &Package) -> bool {
    let wishes = package.wishes();
    wishes.host_tests && wishes.profile.is_none()
}

fn tests_of(package: &Package) -> Vec<HostTest> {
    let (name, id, wishes) = (&package.name, package.id(), package.wishes());
    let mut tests = Vec::new();
    if wishes.host_tests {
        let work = match &wishes.profile {
            None => Work::Programs(package.member()),
            Some(profile) => Work::Run(Run::new(&format!(
                "test --profile {profile} --package {id}"
            ))),
        };
        tests.push(HostTest::new(
            format!("host {name}"),
            format!("tests of the package {name}"),
            work,
        ));
    }
    if let Some(program) = wishes.loom {
        let run = Run::new(&format!("test --release --package {id} --test {program}"));
        tests.push(HostTest::new(
            format!("host {name} loom"),
            format!("loom models of the package {name}"),
            Work::Run(run.with_flags(Some(LOOM))),
        ));
    }
    for bug in wishes.planted {
        let profile = if bug.loom { "--release " } else { "" };
        let (feature, program, test) = (&bug.feature, &bug.program, &bug.test);
        let test_name = format!("host {name} {feature}");
        let about = format!("the planted bug is caught by {program}: {test}");
        let run = Run::new(&format!(
            "test {profile}--package {id} --features {feature} --test {program} -- --exact {test}"
        ));
        let work = match !bug.loom && is_built_with_others(package) {
            true => Work::PlantedMember(package.member(), bug),
            false => Work::Planted(run.with_flags(bug.loom.then_some(LOOM)).once(), bug),
        };
        tests.push(HostTest::new(test_name, about, work));
    }
    tests
}

/// Cargo, in the root of the project.
pub fn cargo() -> Command {
    let cargo = std::env::var_os("CARGO")
        .map(Into::into)
        .or_else(|| SearchPath::of_environment().find("cargo"))
        .unwrap_or_else(|| "cargo".into());
    let mut command = step::command(&cargo);
    command.current_dir(locate::root());
    command
}

impl HostTest {
    fn new(name: impl Into<String>, about: impl Into<String>, work: Work) -> HostTest {
        HostTest {
            name: name.into(),
            about: about.into(),
            work,
        }
    }

    /// The package that it needs built, with those that others need.
    pub fn member(&self) -> Option<&Member> {
        match &self.work {
            Work::Programs(member) | Work::PlantedMember(member, _) => Some(member),
            Work::Run(_) | Work::Planted(..) | Work::GuestLints(_) => None,
        }
    }

    /// Runs it, its output in a log in a folder.
    ///
    /// # Errors
    /// Where it cannot be run at all.
    pub fn run(&self, folder: &Path, tools: &Tools, programs: &Programs) -> Result<Line> {
        let file = format!("{}.log", self.name.replace(' ', "-"));
        let path = folder.join(file);
        let mut log = Log::create(&path)?;
        let ((passed, failed), text) = match &self.work {
            Work::Run(run) => {
                let result = log.run_within(LIMIT, run.command(), "cargo", &self.about);
                counted(result, &path, run.arguments[0] == "test")
            }
            Work::Programs(member) => counted(programs.run(member, &mut log), &path, true),
            Work::Planted(run, bug) => {
                log.expect_failure();
                let mut command = run.command();
                // A reason is looked for in what the test says, not in the names of functions.
                command.env("RUST_BACKTRACE", "0");
                // Whether the bug was caught is in the output; that the run fails says less.
                let _ = log.run_within(LIMIT, command, "cargo", &self.about);
                judge(bug, &read(&path))
            }
            Work::PlantedMember(member, bug) => {
                log.expect_failure();
                let test = [&*bug.program, &*bug.test];
                // As above.
                let _ = programs.run_with(member, &bug.feature, test, &mut log);
                judge(bug, &read(&path))
            }
            Work::GuestLints(programs) => {
                let (runs, failures) = guest::lint(programs, tools, &mut log, folder)?;
                let failed = failures.len();
                ((runs - failed, failed), failures.join("\n"))
            }
        };
        Ok(Line::of((passed, failed), text))
    }
}

fn read(log: &Path) -> String {
    fs::read(log)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default()
}

/// How many tests passed and failed in a run, and what is to be said of it. A run that is not of tests is one itself; a failure that no count
/// shows is one failure.
fn counted(result: Result<()>, log: &Path, is_of_tests: bool) -> ((usize, usize), String) {
    let (mut passed, mut failed) = counts(&read(log));
    match &result {
        Ok(()) if passed + failed == 0 && !is_of_tests => passed = 1,
        Err(_) if failed == 0 => failed = 1,
        _ => {}
    }
    let text = result.err().map(|error| format!("{error:#}"));
    ((passed, failed), text.unwrap_or_default())
}

/// Builds what the tests run, as a test of its own.
///
/// # Errors
/// Where its log cannot be written.
pub fn build(programs: &mut Programs, folder: &Path) -> Result<Line> {
    let path = folder.join("host-programs.log");
    let result = programs.build(&mut Log::create(&path)?);
    let (counts, text) = counted(result, &path, false);
    Ok(Line::of(counts, text))
}

/// Whether a run passes, and what is to be said of it, where a bug is planted.
fn judge(bug: &Planted, output: &str) -> ((usize, usize), String) {
    let Planted { test, reason, .. } = bug;
    match bug.caught(output) {
        Ok(()) => ((1, 0), format!("caught by {test}: {reason}")),
        Err(missed) => (
            (0, 1),
            format!("{test} does not catch the planted bug with {reason:?}: {missed}"),
        ),
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
    use crate::test::packages::tests::package;

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
    fn this_package_and_the_programs_of_the_kernels_are_among_the_tests() {
        let tests = all().unwrap();
        assert!(tests.iter().any(|test| test.name == "host xtask"));
        let linted = tests.iter().find_map(|test| match &test.work {
            Work::GuestLints(programs) => Some(programs),
            _ => None,
        });
        for binary in ["root-task", "mcp-server", "virtio-blk", "loader", "digest"] {
            let found = linted.unwrap().iter().any(|it| it.binary == binary);
            assert!(found, "{binary} is not linted");
        }
    }
}
