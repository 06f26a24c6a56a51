//! Bad input ends with a message that says what to do, a failure, and no process left behind.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;
use rustix::fs::{FlockOperation, flock};

use crate::context::search_path_without;
use crate::refusal::refused;
use crate::{Context, Test, TestResult, inputs};

/// The tests.
pub fn tests() -> Vec<Test> {
    vec![
        Test::new("input-missing", "an input that does not exist", |context| {
            let folder = context.folder("input-missing")?;
            let mut command = context.xtask();
            command.args(["run", "--input", "/nowhere/input"]);
            refused(
                context,
                command,
                &folder,
                "cannot read /nowhere/input; name a file that exists",
            )
        }),
        Test::new(
            "input-directory",
            "an input that is a directory",
            |context| {
                let folder = context.folder("input-directory")?;
                let mut command = context.xtask();
                command.args(["run", "--input"]).arg(&folder);
                refused(context, command, &folder, "is a directory; name a file")
            },
        ),
        Test::new(
            "disk-from",
            "a folder that no disk can be made from",
            disk_from,
        ),
        Test::new("plan-missing", "a plan that does not exist", |context| {
            let folder = context.folder("plan-missing")?;
            let mut command = context.xtask();
            command.args(["run", "--plan", "9x9"]);
            refused(
                context,
                command,
                &folder,
                "there is no plan named 9x9; use one of 1x4, 2x2",
            )?;
            let mut command = context.xtask();
            command.args(["run", "--plan", "/nowhere/plan.toml"]);
            refused(context, command, &folder, "the plan cannot be read")
        }),
        Test::new(
            "plan-bad",
            "a bad plan is refused before anything is built",
            |context| {
                let folder = context.folder("plan-bad")?;
                let mut command = context.xtask();
                command.args(["run", "--plan", "clusters/plans/bad/core-overlap.toml"]);
                refused(context, command, &folder, "core-overlap.toml:")
            },
        ),
        Test::new(
            "tool-missing",
            "without QEMU one line says what to install",
            tool_missing,
        ),
        Test::new("tool-old", "a QEMU that is too old is named", tool_old),
        Test::new(
            "report-in-use",
            "a report that another run holds",
            report_in_use,
        ),
        Test::new(
            "report-out-of-reach",
            "a report that cannot be written",
            |context| {
                let folder = context.folder("report-out-of-reach")?;
                let mut command = simulate(context);
                command.args(["--report", "/proc/report.json"]);
                refused(
                    context,
                    command,
                    &folder,
                    "cannot write /proc/report.json; name another file",
                )?;
                let mut command = simulate(context);
                command.arg("--report").arg(&folder);
                refused(context, command, &folder, "a directory; name a file")
            },
        ),
        Test::new(
            "scratch-out-of-reach",
            "no folder for temporary files",
            |context| {
                let folder = context.folder("scratch-out-of-reach")?;
                let mut command = simulate(context);
                command.env("TMPDIR", "/nowhere");
                command.arg("--report").arg(folder.join("report.json"));
                refused(
                    context,
                    command,
                    &folder,
                    "set TMPDIR to one that you may write to",
                )
            },
        ),
    ]
}

fn disk_from(context: &Context) -> TestResult {
    let folder = context.folder("disk-from")?;
    let content = folder.join("content");
    fs::create_dir_all(&content)?;
    let input = inputs::write(&content, b"text")?;
    let none = folder.join("none");
    let report = folder.join("report.json");
    let inner_report = content.join("report.json");
    let refused_with = |from: &Path, words: &[&OsStr], message: &str| {
        let mut command = simulate(context);
        command.arg("--disk-from").arg(from).args(words);
        refused(context, command, &folder, message)
    };
    let report = [OsStr::new("--report"), report.as_os_str()];
    refused_with(&none, &report, "name a folder that exists")?;
    refused_with(&input, &report, "is not a folder; name one")?;
    let words = ["--report".as_ref(), inner_report.as_os_str()];
    let message = "name a report in another folder with --report";
    refused_with(&content, &words, message)?;
    let words = ["--input".as_ref(), input.as_os_str(), report[0], report[1]];
    refused_with(&content, &words, "there are two inputs")?;
    let words = ["--disk".as_ref(), input.as_os_str(), report[0], report[1]];
    refused_with(&content, &words, "--disk names a disk for every device")
}

/// A run on the plan 2x2, which a system test of its own builds if nothing else did.
fn simulate(context: &Context) -> Command {
    let mut command = context.xtask();
    command.args(["run", "--plan", "2x2"]);
    command
}

fn tool_missing(context: &Context) -> TestResult {
    let folder = context.folder("tool-missing")?;
    let path = search_path_without(&folder, &["qemu-system-x86_64", "apt-get", "sudo"])?;
    let mut command = context.xtask();
    command
        .args(["run", "--app", "digest"])
        .env("PATH", path)
        .env_remove("ATOLL_QEMU");
    refused(
        context,
        command,
        &folder,
        "qemu-system-x86_64 missing: install with `apt-get install qemu-system-x86`",
    )
}

fn tool_old(context: &Context) -> TestResult {
    let folder = context.folder("tool-old")?;
    let qemu = folder.join("old-qemu");
    fs::write(&qemu, "#!/bin/sh\necho QEMU emulator version 6.0.1\n")?;
    fs::set_permissions(&qemu, fs::Permissions::from_mode(0o755))?;
    let mut command = context.xtask();
    command
        .args(["run", "--app", "digest"])
        .env("ATOLL_QEMU", &qemu);
    refused(
        context,
        command,
        &folder,
        "is version 6.0.1, and 7.2 is the oldest that will do",
    )
}

fn report_in_use(context: &Context) -> TestResult {
    let folder = context.folder("report-in-use")?;
    let report = folder.join("report.json");
    let file = File::create(&report)?;
    flock(&file, FlockOperation::NonBlockingLockExclusive).context("cannot lock the report")?;
    let input = inputs::write(&folder, b"text")?;
    let mut command = simulate(context);
    command
        .arg("--report")
        .arg(&report)
        .arg("--input")
        .arg(input);
    refused(context, command, &folder, "is in use by another run")
}
