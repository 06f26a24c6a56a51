//! Whatever the command line is doing, a signal ends it, and nothing of it is left.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rustix::fs::{FlockOperation, OFlags, fcntl_setfl, flock};
use rustix::io::{Errno, write};
use rustix::process::Signal;

use crate::context::Call;
use crate::leftovers::processes_of;
use crate::{Context, Failure, Test, TestResult, check, inputs};

/// Time from the signal to the end of everything.
const WITHIN: Duration = Duration::from_secs(1);

/// Time that a phase may take to be reached: the longest is a first build.
const REACHED: Duration = Duration::from_secs(15 * 60);

/// What a call does when it gets the signal.
struct Phase {
    name: &'static str,
    /// Makes the call, and what it needs, in a folder.
    prepare: fn(&Context, &Path) -> Result<Prepared, Failure>,
    /// Whether the call is that far, by the folder: its temporary files are in `tmp`, the rest is what was prepared.
    reached: fn(&Path) -> bool,
}

/// A call, and what has to stay until it has ended.
struct Prepared {
    command: Command,
    /// Its standard output is a pipe that nothing reads and that is full.
    blocked: bool,
    _held: Option<File>,
}

impl From<Command> for Prepared {
    fn from(command: Command) -> Prepared {
        Prepared {
            command,
            blocked: false,
            _held: None,
        }
    }
}

const PHASES: [Phase; 17] = [
    Phase {
        name: "plan-check-printing",
        prepare: |context, _| blocked(context, &["plan", "check", "2x2"]),
        reached: starts,
    },
    Phase {
        name: "plan-show-printing",
        prepare: |context, _| blocked(context, &["plan", "show", "2x2"]),
        reached: starts,
    },
    Phase {
        name: "setup-looking",
        prepare: |context, folder| {
            // A tool that never says its version.
            let tool = folder.join("slow-tool");
            fs::write(&tool, "#!/bin/sh\nsleep 600\n")?;
            fs::set_permissions(&tool, fs::Permissions::from_mode(0o755))?;
            let mut command = xtask(context, &["setup"]);
            command.env("ATOLL_QEMU", &tool);
            Ok(command.into())
        },
        reached: |folder| runs(folder, "slow-tool"),
    },
    Phase {
        name: "build-configuring",
        prepare: |context, folder| Ok(build(context, folder, "build")?.into()),
        reached: |folder| runs(folder, "cmake"),
    },
    Phase {
        name: "build-compiling",
        prepare: |context, folder| Ok(build(context, folder, "build")?.into()),
        reached: |folder| runs(folder, "cc1") || runs(folder, "rustc"),
    },
    Phase {
        name: "build-waiting",
        prepare: |context, folder| {
            let folder_of_programs = context.root.join("target/guest-smp");
            fs::create_dir_all(&folder_of_programs)?;
            let lock = File::create(folder_of_programs.join("atoll.lock"))?;
            flock(&lock, FlockOperation::LockExclusive).context("cannot lock")?;
            Ok(Prepared {
                command: build(context, folder, "build")?,
                blocked: false,
                _held: Some(lock),
            })
        },
        reached: |folder| runs(folder, "exclusively"),
    },
    Phase {
        name: "run-compiling",
        prepare: |context, folder| Ok(build(context, folder, "run")?.into()),
        reached: |folder| runs(folder, "cc1") || runs(folder, "rustc"),
    },
    Phase {
        name: "run-copying",
        prepare: |context, folder| Ok(run(context, folder, &islands(folder)?).into()),
        reached: |folder| temporary(folder, "volume"),
    },
    Phase {
        name: "run-booting",
        prepare: |context, folder| Ok(run(context, folder, &long(folder)?).into()),
        reached: |folder| runs(folder, "loader.elf"),
    },
    Phase {
        name: "run-running",
        prepare: |context, folder| Ok(run(context, folder, &long(folder)?).into()),
        reached: |folder| said(folder, "\"ready\""),
    },
    Phase {
        name: "simulate-running",
        prepare: |context, folder| {
            let built = context.call(xtask(context, &["build", "--plan", "2x2"]), folder)?;
            let build = built.stdout.trim().strip_prefix("built ");
            let mut command =
                context.program(&Path::new(build.unwrap_or_default()).join("simulate"));
            command
                .arg("--input")
                .arg(long(folder)?)
                .arg("--report")
                .arg(folder.join("report.json"));
            Ok(command.into())
        },
        reached: |folder| said(folder, "\"ready\""),
    },
    Phase {
        name: "run-reporting",
        prepare: |context, folder| {
            let input = inputs::write(folder, b"text")?;
            Ok(Prepared {
                blocked: true,
                ..run(context, folder, &input).into()
            })
        },
        reached: |folder| {
            let report = fs::read_to_string(folder.join("report.json"));
            report.is_ok_and(|text| text.ends_with("}\n"))
        },
    },
    Phase {
        name: "sim-running",
        prepare: |context, _| Ok(xtask(context, &["sim", "--seeds", "100000000"]).into()),
        reached: |folder| runs(folder, "/sim --seeds"),
    },
    Phase {
        name: "test-compiling",
        prepare: |context, _| {
            Ok(xtask(context, &["test", "--host-only", "--filter", "atoll-abi"]).into())
        },
        reached: |folder| runs(folder, "cargo"),
    },
    Phase {
        name: "test-system",
        prepare: |context, _| Ok(xtask(context, &["test", "--filter", "system idle"]).into()),
        reached: |folder| runs(folder, "loader.elf"),
    },
    Phase {
        name: "bench-channel",
        prepare: |context, folder| {
            let mut command = xtask(context, &["bench", "channel", "--report"]);
            command.arg(folder.join("report.json"));
            Ok(command.into())
        },
        reached: |folder| runs(folder, "bench-channel"),
    },
    Phase {
        name: "bench-syscall",
        prepare: |context, folder| {
            let mut command = xtask(context, &["bench", "syscall", "--report"]);
            command.arg(folder.join("report.json"));
            Ok(command.into())
        },
        reached: |folder| runs(folder, "loader.elf"),
    },
];

/// The tests.
pub fn tests() -> Vec<Test> {
    let phases = PHASES.iter().map(|phase| {
        Test::new(
            format!("signal-{}", phase.name),
            "a call that is asked to end ends, with all that it has started and its temporary files",
            |context| ended(context, phase),
        )
    });
    phases.collect()
}

fn ended(context: &Context, phase: &Phase) -> TestResult {
    let folder = context.folder(&format!("signal-{}", phase.name))?;
    let temporary = folder.join("tmp");
    fs::create_dir_all(&temporary)?;
    let mut prepared = (phase.prepare)(context, &folder)?;
    prepared.command.env("TMPDIR", &temporary);
    let mut call = match prepared.blocked {
        false => context.start(prepared.command, &folder)?,
        true => context.start_into(prepared.command, &folder, full_pipe()?)?,
    };
    let reached = call.until(REACHED, |_| (phase.reached)(&folder))?;
    check!(reached, "{} was not reached: {}", phase.name, call.stderr());
    call.signal(Signal::TERM)?;
    let asked = Instant::now();
    let left = loop {
        let left = left(&mut call, &temporary)?;
        if left.is_empty() || asked.elapsed() > WITHIN {
            break left;
        }
        thread::sleep(Duration::from_millis(5));
    };
    let taken = asked.elapsed();
    fs::write(folder.join("taken"), format!("{taken:?}\n"))?;
    check!(
        left.is_empty(),
        "{taken:?} after the signal there was still:\n{}",
        left.join("\n")
    );
    let ended = call.wait(WITHIN)?;
    check!(!ended.status.success(), "it succeeded: {}", ended.shown());
    Ok(())
}

/// What is left of a call.
fn left(call: &mut Call, temporary: &Path) -> Result<Vec<String>, Failure> {
    let mut left = processes_of(temporary);
    if call.runs()? {
        left.push("the call itself".to_owned());
    }
    for entry in fs::read_dir(temporary)?.flatten() {
        left.push(entry.path().display().to_string());
    }
    Ok(left)
}

fn xtask(context: &Context, words: &[&str]) -> Command {
    let mut command = context.xtask();
    command.args(words);
    command
}

/// A call that cannot print.
fn blocked(context: &Context, words: &[&str]) -> Result<Prepared, Failure> {
    Ok(Prepared {
        blocked: true,
        ..xtask(context, words).into()
    })
}

/// A pipe that takes nothing more, and that nothing reads.
fn full_pipe() -> Result<Stdio, Failure> {
    let (reader, writer) = io::pipe()?;
    fcntl_setfl(&writer, OFlags::NONBLOCK).context("cannot set up a pipe")?;
    loop {
        match write(&writer, &[0; 4096]) {
            Ok(_) => {}
            Err(Errno::AGAIN) => break,
            Err(error) => return Err(anyhow::Error::from(error).into()),
        }
    }
    fcntl_setfl(&writer, OFlags::empty()).context("cannot set up a pipe")?;
    // Open until this program ends: a pipe without readers refuses what is written.
    std::mem::forget(reader);
    Ok(writer.into())
}

/// A call that builds a plan which was never built.
fn build(context: &Context, folder: &Path, subcommand: &str) -> Result<Command, Failure> {
    let shipped = context.root.join("clusters/plans/2x2.toml");
    let text = fs::read_to_string(shipped)?;
    let (own, name) = ("name = \"2x2\"", "signalled");
    check!(text.contains(own), "the plan 2x2 has no line {own}");
    for built in fs::read_dir(context.root.join("target/atoll"))?.flatten() {
        if built.file_name().to_string_lossy().starts_with(name) {
            fs::remove_dir_all(built.path())?;
        }
    }
    let plan = folder.join(format!("{name}.toml"));
    fs::write(&plan, text.replacen(own, &format!("name = \"{name}\""), 1))?;
    let mut command = xtask(context, &[subcommand, "--plan"]);
    command.arg(plan);
    if subcommand == "run" {
        command.arg("--report").arg(folder.join("report.json"));
    }
    Ok(command)
}

fn run(context: &Context, folder: &Path, input: &Path) -> Command {
    let mut command = xtask(context, &["run", "--plan", "2x2", "--input"]);
    command
        .arg(input)
        .arg("--report")
        .arg(folder.join("report.json"));
    command
}

/// An input that keeps a machine busy for many seconds.
fn long(folder: &Path) -> Result<PathBuf, Failure> {
    inputs::write(folder, &inputs::random(64 << 20))
}

/// An input of 8 GiB, of which little is data, all over it.
fn islands(folder: &Path) -> Result<PathBuf, Failure> {
    const LENGTH: u64 = 8 << 30;
    let path = folder.join("input");
    let file = File::create(&path)?;
    file.set_len(LENGTH)?;
    for offset in (0..LENGTH).step_by(512 << 10) {
        file.write_all_at(b"data", offset)?;
    }
    Ok(path)
}

/// The call has been started, and has had time to print.
fn starts(folder: &Path) -> bool {
    let started = fs::metadata(folder.join("stderr")).and_then(|file| file.created());
    let since = started.ok().and_then(|started| started.elapsed().ok());
    since.is_some_and(|since| since > Duration::from_millis(300))
}

/// Whether a program of the call runs with these words.
fn runs(folder: &Path, words: &str) -> bool {
    let programs = processes_of(&folder.join("tmp"));
    programs
        .iter()
        .any(|program| program.contains(words) && !program.contains("setpriv"))
}

/// Whether a temporary file of the call has this name.
fn temporary(folder: &Path, name: &str) -> bool {
    let entries = |folder: PathBuf| fs::read_dir(folder).into_iter().flatten().flatten();
    let own = entries(folder.join("tmp"));
    let runs = own.flat_map(|own| entries(own.path()));
    runs.flat_map(|run| entries(run.path()))
        .any(|file| file.file_name() == name)
}

/// Whether the machine has said something.
fn said(folder: &Path, what: &str) -> bool {
    let log = fs::read_to_string(folder.join("serial-io.log"));
    log.is_ok_and(|log| log.contains(what))
}
