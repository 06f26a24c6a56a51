//! What every test needs: where things are, and how to call them.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::{Failure, Verdict};

/// Time that one call may take: the longest is a first build.
const CALL_LIMIT: Duration = Duration::from_secs(15 * 60);

/// Pause between two looks at a child.
const POLL: Duration = Duration::from_millis(10);

/// Where things are, and how to call them.
pub struct Context {
    /// Root of the project.
    pub root: PathBuf,
    /// The project's command line program.
    pub xtask: PathBuf,
    /// Folder for what tests write; what is in it stays, for a developer who looks into a failure.
    pub scratch: PathBuf,
    /// CMake.
    pub cmake: PathBuf,
    /// Ninja.
    pub ninja: PathBuf,
    /// QEMU.
    pub qemu: PathBuf,
    /// Makes a command whose process ends when the test program does.
    pub command: fn(&Path) -> Command,
    /// Whether the user asked to stop.
    pub interrupted: fn() -> bool,
}

/// How a call ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit status.
    pub status: ExitStatus,
    /// What it printed on its standard output.
    pub stdout: String,
    /// What it printed on its standard error stream.
    pub stderr: String,
}

impl Ended {
    /// What it printed, for a message.
    pub fn shown(&self) -> String {
        format!(
            "{}\n{}{}",
            self.status,
            last_lines(&self.stdout),
            last_lines(&self.stderr)
        )
    }
}

fn last_lines(text: &str) -> String {
    let lines: Vec<_> = text.lines().collect();
    let first = lines.len().saturating_sub(60);
    lines[first..]
        .iter()
        .map(|line| format!("{line}\n"))
        .collect()
}

/// A call that is still going on; dropping it ends it.
pub struct Call {
    child: Child,
    folder: PathBuf,
    interrupted: fn() -> bool,
}

impl Context {
    /// A folder for what one test writes, empty.
    pub fn folder(&self, test: &str) -> Result<PathBuf, Failure> {
        let folder = self.scratch.join(test);
        if folder.exists() {
            fs::remove_dir_all(&folder)
                .with_context(|| format!("cannot empty {}", folder.display()))?;
        }
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(folder)
    }

    /// A call of the project's command line.
    pub fn xtask(&self) -> Command {
        self.program(&self.xtask)
    }

    /// A call of any program, from the project's root.
    pub fn program(&self, program: &Path) -> Command {
        let mut command = (self.command)(program);
        command.current_dir(&self.root);
        command
    }

    /// Starts a call, its output in files in a folder.
    pub fn start(&self, command: Command, folder: &Path) -> Result<Call, Failure> {
        let stdout = File::create(folder.join("stdout"))?;
        self.start_into(command, folder, stdout.into())
    }

    /// As [`Context::start`], with another standard output.
    pub fn start_into(
        &self,
        mut command: Command,
        folder: &Path,
        stdout: Stdio,
    ) -> Result<Call, Failure> {
        command
            .stdout(stdout)
            .stderr(File::create(folder.join("stderr"))?);
        let child = command
            .spawn()
            .with_context(|| format!("cannot start {:?}", command.get_program()))?;
        Ok(Call {
            child,
            folder: folder.to_path_buf(),
            interrupted: self.interrupted,
        })
    }

    /// Makes a call and waits for its end.
    pub fn call(&self, command: Command, folder: &Path) -> Result<Ended, Failure> {
        self.start(command, folder)?.wait(CALL_LIMIT)
    }

    /// Calls `run` with a plan and an input; the report is in the folder. Where the emulator itself crashes it boots again.
    pub fn run(
        &self,
        plan: &str,
        input: &Path,
        folder: &Path,
        options: &[&str],
    ) -> Result<(Ended, Value), Failure> {
        let report = folder.join("report.json");
        let boot = || {
            let mut command = self.xtask();
            command
                .args(["run", "--plan", plan, "--input"])
                .arg(input)
                .arg("--report")
                .arg(&report)
                .args(options);
            self.call(command, folder)
        };
        let mut ended = boot()?;
        for _ in 1..MOST_BOOTS {
            if !emulator_has_crashed(&ended.stderr) {
                break;
            }
            println!("the emulator crashed, so it boots again: {}", ended.shown());
            ended = boot()?;
        }
        let report = read_report(&report, &ended)?;
        Ok((ended, report))
    }

    /// As [`Context::run`], for a run that must pass.
    pub fn run_well(&self, plan: &str, input: &Path, folder: &Path) -> Result<Value, Failure> {
        let (ended, report) = self.run(plan, input, folder, &[])?;
        expect_pass(&ended, &report)?;
        Ok(report)
    }
}

/// Whether what `run` printed says that QEMU was ended by a signal that comes of an error of its own, a violated access (11) or an
/// assertion (6): with QEMU 7.2 that was seen once in some tens of boots, where several drivers set up their devices at a time. What a guest does
/// wrong ends QEMU without a signal, or again the next time.
pub fn emulator_has_crashed(stderr: &str) -> bool {
    [6, 11]
        .iter()
        .any(|signal| stderr.contains(&format!("QEMU ended (signal: {signal} ")))
}

/// Boots for one machine at most, where the emulator itself crashes.
pub const MOST_BOOTS: u32 = 3;

/// Boots a machine that serves, and again where the emulator itself crashes before it does: `boot` gives a call that goes on, and whether it
/// serves.
pub fn boot_to_serve(
    mut boot: impl FnMut() -> Result<(Call, bool), Failure>,
) -> Result<Call, Failure> {
    for _ in 0..MOST_BOOTS {
        let (call, serves) = boot()?;
        if serves {
            return Ok(call);
        }
        let stderr = call.stderr();
        if !emulator_has_crashed(&stderr) {
            return Err(anyhow::anyhow!("nobody listens: {stderr}").into());
        }
        println!("the emulator crashed, so it boots again");
    }
    Err(anyhow::anyhow!("the emulator crashed {MOST_BOOTS} times").into())
}

/// The report of a run, as JSON.
pub fn read_report(path: &Path, ended: &Ended) -> Result<Value, Failure> {
    let bytes = fs::read(path).unwrap_or_default();
    serde_json::from_slice(&bytes).map_err(|_| Failure {
        verdict: Verdict::Fail,
        text: format!("no report was written; {}", ended.shown()),
    })
}

/// Fails with the verdict of the run unless it passed.
pub fn expect_pass(ended: &Ended, report: &Value) -> Result<(), Failure> {
    if ended.status.success() && report["verdict"] == "pass" {
        return Ok(());
    }
    let verdict = match report["verdict"].as_str() {
        Some("no-boot") => Verdict::NoBoot,
        Some("silent" | "time-limit") => Verdict::Silent,
        _ => Verdict::Fail,
    };
    Err(Failure {
        verdict,
        text: ended.shown(),
    })
}

impl Call {
    /// Sends the program a signal.
    pub fn signal(&self, signal: Signal) -> Result<(), Failure> {
        kill_process(Pid::from_child(&self.child), signal)
            .context("cannot send a signal")
            .map_err(Failure::from)
    }

    /// What the program has printed on its standard error stream so far.
    pub fn stderr(&self) -> String {
        read(&self.folder.join("stderr"))
    }

    /// Waits until something holds; `false` where the call ends, or time is up, before.
    pub fn until(
        &mut self,
        limit: Duration,
        holds: impl Fn(&Call) -> bool,
    ) -> Result<bool, Failure> {
        let started = Instant::now();
        while !holds(self) {
            if started.elapsed() > limit || self.child.try_wait()?.is_some() {
                return Ok(false);
            }
            thread::sleep(POLL);
        }
        Ok(true)
    }

    /// Whether the program runs.
    pub fn runs(&mut self) -> Result<bool, Failure> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// Waits for the end of the program.
    pub fn wait(mut self, limit: Duration) -> Result<Ended, Failure> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(Ended {
                    status,
                    stdout: read(&self.folder.join("stdout")),
                    stderr: read(&self.folder.join("stderr")),
                });
            }
            if started.elapsed() > limit || (self.interrupted)() {
                return Err(Failure {
                    verdict: Verdict::Silent,
                    text: format!(
                        "not finished after {:.0} s\n{}",
                        started.elapsed().as_secs_f64(),
                        last_lines(&self.stderr())
                    ),
                });
            }
            thread::sleep(POLL);
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // The program ends what it started when it is asked to end, not when it is killed.
            let _ = self.signal(Signal::TERM);
            let _ = self.until(Duration::from_secs(5), |_| false);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}

/// This program's search path, without some programs: a folder that has one of them is replaced by one with links to all
/// others.
pub fn search_path_without(folder: &Path, left_out: &[&str]) -> Result<OsString, Failure> {
    let mut folders = Vec::new();
    let path = std::env::var_os("PATH").unwrap_or_default();
    for (index, from) in std::env::split_paths(&path).enumerate() {
        if !left_out.iter().any(|name| from.join(name).exists()) {
            folders.push(from);
            continue;
        }
        let links = folder.join(format!("bin{index}"));
        fs::create_dir_all(&links)?;
        for entry in fs::read_dir(&from)?.flatten() {
            let name = entry.file_name();
            if !left_out.iter().any(|out| name == *out) {
                std::os::unix::fs::symlink(entry.path(), links.join(&name))?;
            }
        }
        folders.push(links);
    }
    std::env::join_paths(folders)
        .context("cannot make a search path")
        .map_err(Failure::from)
}
