//! Runs the programs that do the work, with all their output in a log.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::child::{self, OnDeath, Running};
use crate::interruption;
use crate::locate;
use crate::progress::Progress;
use crate::tail::Tail;

/// Lines of output that are shown of a step that failed.
const LAST_LINES: usize = 25;

/// Variables that Cargo sets for the programs it runs, and that would make nested builds differ from a user's own.
const CARGO_VARIABLES: [&str; 5] = [
    "CARGO_PKG_",
    "CARGO_MANIFEST_",
    "CARGO_BIN_",
    "CARGO_CRATE_",
    "CARGO_PRIMARY_",
];

/// A command with the environment that it would have from the user's own shell.
pub fn command(program: &Path) -> Command {
    let mut command = child::command(program, OnDeath::Terminate);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if CARGO_VARIABLES
            .iter()
            .any(|prefix| text.starts_with(prefix))
        {
            command.env_remove(&name);
        }
    }
    command
}

/// The file that keeps all output of some steps.
pub struct Log {
    path: PathBuf,
    file: File,
    tail: Tail,
    progress: Progress,
    shows: bool,
}

impl Log {
    /// Starts a log.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn create(path: &Path) -> Result<Log> {
        let folder = locate::folder_of(path);
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", locate::shown(folder)))?;
        let file = File::create(path)
            .with_context(|| format!("cannot write {}; is it writable?", locate::shown(path)))?;
        Ok(Log {
            path: path.to_path_buf(),
            file,
            tail: Tail::new(path.to_path_buf()),
            progress: Progress::new(),
            shows: true,
        })
    }

    /// Does not show the last lines of a step that fails: it is meant to.
    pub fn expect_failure(&mut self) {
        self.shows = false;
    }

    /// Runs one step to its end, its output in the log and, condensed, before the user.
    ///
    /// # Errors
    /// Shows the last lines where the step fails.
    pub fn run(&mut self, command: Command, name: &str, doing: &str) -> Result<()> {
        self.run_within(Duration::MAX, command, name, doing)
    }

    /// As [`Log::run`], with a limit of time.
    ///
    /// # Errors
    /// Shows the last lines where the step fails or takes longer.
    pub fn run_within(
        &mut self,
        limit: Duration,
        mut command: Command,
        name: &str,
        doing: &str,
    ) -> Result<()> {
        let started = Instant::now();
        self.progress.note(doing);
        command
            .stdout(self.file.try_clone().context("cannot share a file")?)
            .stderr(self.file.try_clone().context("cannot share a file")?);
        let mut running = Running::start(command, name, OnDeath::Terminate)?;
        let mut last = VecDeque::new();
        let status = loop {
            // Asked before the lines are read, so that the last lines of a step that has ended are read.
            let ended = running.ended()?;
            let mut lines = self.tail.lines()?;
            if ended.is_some() {
                lines.extend(self.tail.rest());
            }
            for line in lines {
                if !line.trim().is_empty() {
                    self.progress.note(&line);
                }
                last.push_back(line);
                if last.len() > LAST_LINES {
                    last.pop_front();
                }
            }
            if let Some(status) = ended {
                break status;
            }
            if interruption::interrupted() {
                running.end();
                bail!("interrupted");
            }
            if started.elapsed() > limit {
                running.end();
                self.show(last);
                bail!(
                    "{name} did not end within {} s; its whole output is in {}",
                    limit.as_secs(),
                    locate::shown(&self.path)
                );
            }
            thread::sleep(child::POLL);
        };
        self.judge(status, name, last)
    }

    fn show(&mut self, lines: VecDeque<String>) {
        for line in lines.into_iter().filter(|_| self.shows) {
            self.progress.line(&format!("  {line}"));
        }
    }

    fn judge(&mut self, status: ExitStatus, name: &str, last: VecDeque<String>) -> Result<()> {
        if status.success() {
            return Ok(());
        }
        self.show(last);
        bail!(
            "{name} failed ({status}); its whole output is in {}",
            locate::shown(&self.path)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(script: &str) -> (Result<()>, String) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("build.log");
        let mut log = Log::create(&path).unwrap();
        let mut shell = command(Path::new("/bin/sh"));
        shell.args(["-c", script]);
        let result = log.run(shell, "the step", "trying");
        (result, fs::read_to_string(path).unwrap())
    }

    #[test]
    fn the_log_keeps_both_streams_in_order() {
        let (result, log) = run("echo one; echo two >&2; echo three; printf four");
        result.unwrap();
        assert_eq!(log, "one\ntwo\nthree\nfour");
    }

    #[test]
    fn a_step_that_hangs_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = Log::create(&folder.path().join("log")).unwrap();
        let mut shell = command(Path::new("/bin/sh"));
        shell.args(["-c", "sleep 60"]);
        let result = log.run_within(Duration::from_millis(100), shell, "the step", "trying");
        let text = format!("{:#}", result.unwrap_err());
        assert!(text.starts_with("the step did not end within"), "{text}");
    }

    #[test]
    fn a_failure_names_the_step_and_the_log() {
        let (result, log) = run("echo broken; exit 3");
        let text = format!("{:#}", result.unwrap_err());
        assert!(
            text.starts_with("the step failed (exit status: 3)"),
            "{text}"
        );
        assert!(text.contains("build.log"), "{text}");
        assert_eq!(log, "broken\n");
    }
}
