//! A run that takes too long or is ended from outside leaves nothing; an idle system costs nothing.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;

use crate::context::{Call, expect_pass};
use crate::leftovers::{check_none, processes_with};
use crate::{Context, Failure, Test, TestResult, check, inputs};

/// Bytes of an input that keeps a machine busy for many seconds.
const LONG: usize = 64 << 20;

/// Share of one host core that an idle system may take.
const IDLE_SHARE: f64 = 0.2;

/// The tests.
pub fn tests() -> Vec<Test> {
    vec![
        Test::new(
            "time-limit",
            "a run that takes too long is ended",
            time_limit,
        ),
        Test::new(
            "terminated",
            "a run that is asked to end ends QEMU",
            |context| ended_from_outside(context, "terminated", Signal::TERM),
        ),
        Test::new(
            "interrupted",
            "a run that is interrupted ends QEMU",
            |context| ended_from_outside(context, "interrupted", Signal::INT),
        ),
        Test::new(
            "killed",
            "QEMU does not outlive a run that is killed",
            |context| ended_from_outside(context, "killed", Signal::KILL),
        ),
        Test::new("idle", "an idle system halts its cores", idle).alone(),
    ]
}

fn time_limit(context: &Context) -> TestResult {
    let folder = context.folder("time-limit")?;
    let mut command = context.xtask();
    let report = folder.join("report.json");
    command
        .args(["run", "--plan", "2x2", "--time-limit", "1", "--input"])
        .arg(inputs::write(&folder, &inputs::random(LONG))?)
        .arg("--report")
        .arg(&report)
        .env("TMPDIR", &folder);
    let ended = context.call(command, &folder)?;
    let report = crate::context::read_report(&report, &ended)?;
    check!(
        !ended.status.success() && report["verdict"] == "time-limit",
        "the verdict is {}: {}",
        report["verdict"],
        ended.shown()
    );
    check!(
        ended.stderr.contains("last lines of"),
        "no last lines are shown: {}",
        ended.shown()
    );
    check_none(&folder)
}

/// Starts a run in a folder and waits until its QEMU runs.
fn start(context: &Context, folder: &Path) -> Result<Call, Failure> {
    let mut command = context.xtask();
    command
        .args(["run", "--plan", "2x2", "--input"])
        .arg(inputs::write(folder, &inputs::random(LONG))?)
        .arg("--report")
        .arg(folder.join("report.json"))
        .env("TMPDIR", folder);
    let mut call = context.start(command, folder)?;
    let booted = call.until(Duration::from_secs(15 * 60), |_| {
        processes_with(folder)
            .iter()
            .any(|process| process.contains("loader.elf") && !process.contains("setpriv"))
    })?;
    check!(booted, "QEMU did not start: {}", call.stderr());
    Ok(call)
}

fn ended_from_outside(context: &Context, name: &str, signal: Signal) -> TestResult {
    let folder = context.folder(name)?;
    let call = start(context, &folder)?;
    call.signal(signal)?;
    let ended = call.wait(Duration::from_secs(20))?;
    check!(!ended.status.success(), "it succeeded: {}", ended.shown());
    check_none(&folder)
}

fn idle(context: &Context) -> TestResult {
    let folder = context.folder("idle")?;
    let input = inputs::write(&folder, b"text")?;
    let (ended, report) = context.run("2x2", &input, &folder, &["--idle", "5"])?;
    expect_pass(&ended, &report)?;
    let seconds = report["idle"]["seconds"].as_f64().unwrap_or(0.0);
    let taken = report["idle"]["cpu_seconds"].as_f64().unwrap_or(f64::MAX);
    fs::write(folder.join("idle"), format!("{taken} of {seconds} s\n"))?;
    check!(
        taken < seconds * IDLE_SHARE,
        "the idle system took {taken} s of CPU time in {seconds} s"
    );
    Ok(())
}
