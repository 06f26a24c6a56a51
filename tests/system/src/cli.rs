//! What is asked for in a way that cannot be done is refused at once, in words that a terminal can show.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::refusal::{AT_ONCE, call, refused};
use crate::{Context, Failure, Test, TestResult, check, inputs};

/// Bytes of a message, however long the value is that it is about.
const MESSAGE: usize = 4000;

/// The tests.
pub fn tests() -> Vec<Test> {
    vec![
        Test::new(
            "no-file",
            "a pipe or device in place of a plan, an input or a report",
            no_file,
        ),
        Test::new(
            "last-seed",
            "the simulator runs the last seed that there is once",
            last_seed,
        ),
        Test::new(
            "output-not-read",
            "output that nobody reads, or that finds no room",
            output_not_read,
        ),
        Test::new(
            "report-over-input",
            "a report that would overwrite the input, or a file that is no report",
            report_over_input,
        ),
        Test::new(
            "report-first",
            "a report that cannot be written is refused before anything is built",
            report_first,
        ),
        Test::new(
            "values-shown",
            "values with control characters and of any length are one short line of a message",
            values_shown,
        ),
    ]
}

fn xtask(context: &Context, words: &[&str]) -> Command {
    let mut command = context.xtask();
    command.args(words);
    command
}

/// Has the simulator be there, so that a call of it has nothing else to do.
fn build_simulator(context: &Context, folder: &Path) -> TestResult {
    let ended = context.call(xtask(context, &["sim", "--scenario", "list"]), folder)?;
    check!(ended.status.success(), "{}", ended.shown());
    Ok(())
}

fn pipe_without_writer(folder: &Path) -> Result<PathBuf, Failure> {
    let path = folder.join("pipe.toml");
    let mode = Mode::RUSR | Mode::WUSR;
    mknodat(CWD, &path, FileType::Fifo, mode, 0).context("cannot make a pipe")?;
    Ok(path)
}

fn no_file(context: &Context) -> TestResult {
    let folder = context.folder("no-file")?;
    let pipe = pipe_without_writer(&folder)?;
    for path in [&pipe, Path::new("/dev/zero")] {
        for words in [
            &["plan", "check"][..],
            &["plan", "show"],
            &["build", "--plan"],
            &["run", "--input"],
        ] {
            // A bare device name would be taken for a shipped plan.
            let mut command = xtask(context, words);
            command.arg(path);
            refused(context, command, &folder, "is not a regular file")?;
        }
    }
    let mut command = xtask(context, &["run", "--plan", "2x2", "--report"]);
    command.arg(&pipe);
    refused(context, command, &folder, "a pipe; name a file")?;
    // A file whose length says nothing of its content.
    let mut command = xtask(
        context,
        &["run", "--plan", "2x2", "--input", "/proc/self/status"],
    );
    command.arg("--report").arg(folder.join("report.json"));
    let ended = context.call(command, &folder)?;
    check!(
        !ended.status.success() && ended.stderr.contains("changed while it was read"),
        "{}",
        ended.shown()
    );
    check!(
        !folder.join("report.json").exists(),
        "a run that was refused leaves an empty report"
    );
    Ok(())
}

fn last_seed(context: &Context) -> TestResult {
    let folder = context.folder("last-seed")?;
    let last = u64::MAX.to_string();
    let ended = context.call(xtask(context, &["sim", "--seed", &last]), &folder)?;
    check!(
        ended.status.success() && ended.stdout.starts_with(&format!("1 seeds from {last} on")),
        "it did not run: {}",
        ended.shown()
    );
    let none = xtask(context, &["sim", "--seeds", "0"]);
    refused(context, none, &folder, "0 is not in 1..")?;
    Ok(())
}

fn output_not_read(context: &Context) -> TestResult {
    let folder = context.folder("output-not-read")?;
    build_simulator(context, &folder)?;
    for words in [
        &["plan", "show", "1x4"][..],
        &["plan", "check", "1x4"],
        &["test", "--list"],
        &["sim", "--scenario", "list"],
    ] {
        let (reader, writer) = io::pipe()?;
        drop(reader);
        let call = context.start_into(xtask(context, words), &folder, writer.into())?;
        let ended = call.wait(AT_ONCE)?;
        // As a shell has it for a program that SIGPIPE has ended.
        check!(
            ended.status.code() == Some(141) && ended.stderr.is_empty(),
            "{words:?}: {}",
            ended.shown()
        );
        let full = OpenOptions::new().write(true).open("/dev/full")?;
        let call = context.start_into(xtask(context, words), &folder, full.into())?;
        let ended = call.wait(AT_ONCE)?;
        check!(
            ended.status.code() == Some(1)
                && ended
                    .stderr
                    .starts_with("error: cannot write to the standard output: No space left"),
            "{words:?}: {}",
            ended.shown()
        );
    }
    Ok(())
}

fn report_over_input(context: &Context) -> TestResult {
    let folder = context.folder("report-over-input")?;
    let input = inputs::write(&folder, b"precious text")?;
    let link = folder.join("link");
    std::os::unix::fs::symlink(&input, &link)?;
    let former = folder.join("former.json");
    fs::write(&former, "{\n  \"atoll_report\": 1\n}\n")?;
    for (input, report, message) in [
        (&input, &input, "is no report, and would be overwritten"),
        (&input, &link, "is no report, and would be overwritten"),
        (&former, &former, "the report would overwrite the input"),
    ] {
        let before = fs::read(input)?;
        let mut command = xtask(context, &["run", "--plan", "2x2", "--input"]);
        command.arg(input).arg("--report").arg(report);
        refused(context, command, &folder, message)?;
        check!(fs::read(input)? == before, "the input was overwritten");
    }
    // Where a serial log would be.
    let log = folder.join("serial-io.log");
    fs::write(&log, "precious text")?;
    let mut command = xtask(context, &["run", "--plan", "2x2", "--input"]);
    command
        .arg(&log)
        .arg("--report")
        .arg(folder.join("report.json"));
    let ended = context.call(command, &folder)?;
    check!(
        !ended.status.success() && ended.stderr.contains("where a serial log is to be written"),
        "{}",
        ended.shown()
    );
    check!(fs::read(&log)? == b"precious text", "the input was cut");
    Ok(())
}

fn report_first(context: &Context) -> TestResult {
    let folder = context.folder("report-first")?;
    let built = || -> Result<usize, Failure> {
        let entries = fs::read_dir(context.root.join("target/atoll"))?.flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        Ok(names.filter(|name| name.starts_with("unbuilt-")).count())
    };
    let text = fs::read_to_string(context.root.join("clusters/plans/2x2.toml"))?;
    let plan = folder.join("unbuilt.toml");
    fs::write(&plan, text.replacen("name = \"2x2\"", "", 1))?;
    let mut command = xtask(context, &["run", "--report", "/proc/report.json", "--plan"]);
    command.arg(&plan);
    refused(context, command, &folder, "cannot write /proc/report.json")?;
    check!(built()? == 0, "the plan was built");
    Ok(())
}

/// Whether text can be shown: it has line ends, and nothing else that controls a terminal.
fn can_be_shown(text: &str) -> bool {
    text.len() < MESSAGE && !text.chars().any(|it| it.is_control() && it != '\n')
}

fn values_shown(context: &Context) -> TestResult {
    let folder = context.folder("values-shown")?;
    build_simulator(context, &folder)?;
    let bad = "\u{1b}[2J\r\nerror: all is well\u{7}";
    let long = "x".repeat(100_000);
    for value in [bad, &long] {
        for words in [
            &["plan", "check", value][..],
            &["run", "--plan", value],
            &["run", "--input", value],
            &["run", "--time-limit", value],
            &["sim", "--scenario", value],
            &["sim", "--seeds", value],
            &[value],
        ] {
            let ended = call(context, xtask(context, words), &folder)?;
            check!(
                !ended.status.success() && can_be_shown(&ended.stderr),
                "{:?} is shown as {:?}",
                words[0],
                ended.stderr.chars().take(MESSAGE).collect::<String>()
            );
            check!(
                !ended
                    .stderr
                    .lines()
                    .any(|line| line.starts_with("error: all")),
                "a value passes for a line: {}",
                ended.stderr
            );
        }
    }
    let plan = folder.join("values.toml");
    let huge = "y".repeat(900_000);
    for value in [r"\u001b[2J\r\nerror: all is well", &huge] {
        fs::write(
            &plan,
            format!(
                "name = \"{value}\"\n\"{value}\" = 1\n[machine]\nkernel-mode = \"{value}\"\nmemory = \"{value}\"\n"
            ),
        )?;
        let mut command = xtask(context, &["plan", "check"]);
        command.arg(&plan);
        let ended = call(context, command, &folder)?;
        check!(
            !ended.status.success()
                && ended.stderr.contains("values.toml:")
                && can_be_shown(&ended.stderr),
            "the values are shown as {:?}",
            ended.stderr.chars().take(MESSAGE).collect::<String>()
        );
    }
    Ok(())
}
