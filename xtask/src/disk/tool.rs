//! Runs the programs of e2fsprogs.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::child::{self, OnDeath, Running};
use crate::interruption;

use super::Place;

/// Time of everything in a file system, in seconds since 1970: the beginning of 2024.
pub const TIME: &str = "1704067200";

/// What variables begin with that change how e2fsprogs work.
const VARIABLES: [&str; 4] = ["E2FSPROGS_", "MKE2FS_", "DEBUGFS_", "UNIX_IO_"];

/// Bytes of what a program says that are kept.
const MOST_SAID: u64 = 64 << 10;

/// Time after which a person is told what goes on, and between two notes.
const SHORT: Duration = Duration::from_secs(2);
const BETWEEN: Duration = Duration::from_millis(200);

impl Place<'_> {
    /// A program of e2fsprogs, in the folder of the image.
    pub fn command(&self, program: &str) -> Command {
        let mut command = child::command(&self.tools.path(program), OnDeath::Kill);
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if VARIABLES.iter().any(|prefix| text.starts_with(prefix)) {
                command.env_remove(&name);
            }
        }
        command
            .current_dir(self.output.folder())
            .env("LC_ALL", "C")
            .env("TZ", "UTC")
            // From 1.47.1 on the second, which is everyone's, is also known.
            .env("E2FSPROGS_FAKE_TIME", TIME)
            .env("SOURCE_DATE_EPOCH", TIME)
            .stdout(Stdio::null());
        command
    }

    /// Runs a program to its end; returns whether it succeeded, and its errors and warnings.
    ///
    /// # Errors
    /// Where it cannot be run, or the user asked to stop.
    pub fn run(&mut self, mut command: Command, program: &str) -> Result<(bool, String)> {
        let mut said = tempfile::tempfile().context("cannot write a temporary file")?;
        command.stderr(said.try_clone().context("cannot share a file")?);
        let mut running = Running::start(command, program, OnDeath::Kill)?;
        let started = Instant::now();
        let mut next_note = SHORT;
        let status = loop {
            if let Some(status) = running.ended()? {
                break status;
            }
            if interruption::interrupted() {
                running.end();
                bail!("interrupted");
            }
            if started.elapsed() >= next_note {
                next_note = started.elapsed() + BETWEEN;
                self.progress.note(&format!(
                    "making the file system of {}: the disk has {} MiB so far",
                    self.name,
                    self.output.stored_bytes() >> 20
                ));
            }
            thread::sleep(child::POLL);
        };
        Ok((status.success(), text(&mut said)?))
    }
}

/// What a program said, without the line in which it says what it is.
fn text(said: &mut File) -> Result<String> {
    let mut bytes = Vec::new();
    said.seek(SeekFrom::Start(0))
        .and_then(|_| said.take(MOST_SAID).read_to_end(&mut bytes))
        .context("cannot read a temporary file")?;
    let text = String::from_utf8_lossy(&bytes);
    let lines = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !is_version(line));
    Ok(lines.collect::<Vec<_>>().join("; "))
}

fn is_version(line: &str) -> bool {
    let rest = line.strip_prefix("debugfs ");
    rest.is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
}
