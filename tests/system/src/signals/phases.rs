//! The calls of each command that get a signal, and how far each is when it gets it.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;
use rustix::fs::{FlockOperation, flock};

use crate::leftovers::processes_of;
use crate::{Context, Failure, check, inputs};

/// What a call does when it gets the signal.
pub struct Phase {
    /// Its name.
    pub name: &'static str,
    /// Makes the call, and what it needs, in a folder.
    pub prepare: fn(&Context, &Path) -> Result<Prepared, Failure>,
    /// Whether the call is that far, by the folder: its temporary files are in `tmp`, the rest is what was prepared.
    pub reached: fn(&Path) -> bool,
}

/// A call, and what has to stay until it has ended.
pub struct Prepared {
    /// The call.
    pub command: Command,
    /// Its standard output is a pipe that nothing reads and that is full.
    pub blocked: bool,
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

/// The phases of all commands.
pub const PHASES: [Phase; 17] = [
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
        reached: |folder| runs(folder, "write /dev/stdin"),
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

/// Whether the machine has said something.
fn said(folder: &Path, what: &str) -> bool {
    let log = fs::read_to_string(folder.join("serial-io.log"));
    log.is_ok_and(|log| log.contains(what))
}
