//! Runs every test: on the host through Cargo, in QEMU through the registry of system tests.

mod guest;
mod host;
mod packages;
mod planted;
mod programs;
mod turns;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use atoll_system_tests::{Context, Outcome, Test, Verdict, Wanted};
use clap::Args;

use crate::child::{self, OnDeath};
use crate::interruption;
use crate::locate;
use crate::output;
use crate::setup;
use crate::tools::{Purpose, Tools};
use host::HostTest;
use programs::Programs;
use turns::at_a_time;

/// Which tests to run.
#[derive(Args)]
pub struct Options {
    /// Run only tests whose name contains this.
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Run only the tests on the host; nothing is booted.
    #[arg(long, conflicts_with = "system_only")]
    host_only: bool,
    /// Run only the tests in QEMU.
    #[arg(long)]
    system_only: bool,
    /// Run the tests too that take long: a hundred generated plans, the least memory of each shipped one, ten kills of the node and a file of 256 MiB.
    #[arg(long)]
    long: bool,
    /// How often `power-cuts` cuts the power [default: 20].
    #[arg(long, value_name = "N")]
    times: Option<u32>,
    /// List the tests instead of running them.
    #[arg(long)]
    list: bool,
}

/// Tests that run at a time: while the programs of one run, Cargo builds those of the next one, and while one waits for its machine to
/// boot, or for its own time to pass, another one works. Cargo itself lets one build go on in a folder.
const AT_A_TIME: usize = 2;

/// How one line of the summary went.
struct Line {
    name: String,
    passed: usize,
    failed: usize,
    verdict: String,
    seconds: f64,
    /// What a person needs to know of a failure.
    text: String,
}

impl Line {
    /// So many tests that passed and failed, and what is to be said of them.
    fn of((passed, failed): (usize, usize), text: String) -> Line {
        Line {
            name: String::new(),
            passed,
            failed,
            verdict: if failed == 0 { "pass" } else { "fail" }.to_owned(),
            seconds: 0.0,
            text,
        }
    }
}

/// Runs the tests. The exit status is a success only if none failed.
///
/// # Errors
/// Where the tests cannot be run at all.
pub fn run(options: &Options) -> Result<ExitCode> {
    let wanted = |name: &str| {
        let filter = options.filter.as_deref();
        filter.is_none_or(|filter| name.contains(filter))
    };
    let mut host = host::all()?;
    host.retain(|test| !options.system_only && wanted(&test.name));
    let mut system = atoll_system_tests::all(Wanted {
        long: options.long,
        cuts: options.times,
    });
    system.retain(|test| !options.host_only && wanted(&system_name(&test.name)));
    if options.list {
        let host = host.iter().map(|test| (test.name.clone(), &test.about));
        let system = system
            .iter()
            .map(|test| (system_name(&test.name), &test.about));
        for (name, about) in host.chain(system) {
            output::print(&format!("{name:<40} {about}\n"))?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    if host.is_empty() && system.is_empty() {
        bail!(
            "no test's name contains {:?}; see `cargo xtask test --list`",
            options.filter.as_deref().unwrap_or_default()
        );
    }
    let tools = setup::complete(Purpose::Test)?;
    let folder = locate::output().join("test");
    let none_is_alone = |_: &HostTest| false;
    // The build of the tests may put another file of the same name in the place of this program.
    let xtask = std::env::current_exe().context("cannot tell where this program is")?;
    let mut lines = Vec::new();
    let logs = folder.join("host");
    let mut programs = Programs::of(host.iter().filter_map(HostTest::member));
    if !programs.is_empty() {
        let build = || host::build(&mut programs, &logs);
        lines.push(timed("host programs", build)?);
    }
    lines.extend(at_a_time(AT_A_TIME, &host, none_is_alone, |test| {
        timed(&test.name, || test.run(&logs, &tools, &programs))
    })?);
    if !system.is_empty() {
        let context = context(&tools, xtask, folder);
        lines.extend(at_a_time(AT_A_TIME, &system, Test::is_alone, |test| {
            timed(&system_name(&test.name), || {
                Ok(system_line(test.run(&context)))
            })
        })?);
    }
    summarize(&lines)
}

fn system_name(name: &str) -> String {
    format!("system {name}")
}

fn context(tools: &Tools, xtask: PathBuf, folder: PathBuf) -> Context {
    Context {
        root: locate::root(),
        xtask,
        scratch: folder.join("system"),
        cmake: tools.path("cmake"),
        ninja: tools.path("ninja"),
        qemu: tools.path("qemu-system-x86_64"),
        command: |program| child::command(program, OnDeath::Terminate),
        interrupted: interruption::interrupted,
    }
}

/// Runs one test between two lines for the user.
fn timed(name: &str, run: impl FnOnce() -> Result<Line>) -> Result<Line> {
    output::tell(&format!("{name} ...\n"));
    let started = Instant::now();
    let mut line = run()?;
    if interruption::interrupted() {
        bail!("interrupted");
    }
    line.name = name.to_owned();
    line.seconds = started.elapsed().as_secs_f64();
    for text in line.text.lines() {
        output::tell(&format!("  {text}\n"));
    }
    output::tell(&format!(
        "{name}: {} ({:.1} s)\n",
        line.verdict, line.seconds
    ));
    Ok(line)
}

fn system_line(outcome: Outcome) -> Line {
    let passed = usize::from(outcome.verdict == Verdict::Pass);
    Line {
        name: String::new(),
        passed,
        failed: 1 - passed,
        verdict: outcome.verdict.to_string(),
        seconds: 0.0,
        text: outcome.text,
    }
}

/// Prints the table and the last line.
fn summarize(lines: &[Line]) -> Result<ExitCode> {
    let mut table = String::from("\n");
    for line in lines {
        table += &format!(
            "{:<10} {:>8.1} s  {:<40} {}\n",
            line.verdict,
            line.seconds,
            line.name,
            match line.passed + line.failed {
                0 | 1 => String::new(),
                _ => format!("{} passed, {} failed", line.passed, line.failed),
            }
        );
    }
    let passed: usize = lines.iter().map(|line| line.passed).sum();
    let failed: usize = lines.iter().map(|line| line.failed).sum();
    output::print(&format!("{table}\n{passed} passed, {failed} failed\n"))?;
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
