//! Whatever the command line is doing, a signal ends it, and nothing of it is left.

mod phases;

use std::fs;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::io::{Errno, write};
use rustix::process::Signal;

use crate::context::Call;
use crate::leftovers::processes_of;
use crate::{Context, Failure, Test, TestResult, check};
use phases::{PHASES, Phase};

/// Time from the signal to the end of everything.
const WITHIN: Duration = Duration::from_secs(1);

/// Time that a phase may take to be reached: the longest is a first build.
const REACHED: Duration = Duration::from_secs(15 * 60);

/// The tests.
pub fn tests() -> Vec<Test> {
    let phases = PHASES.iter().map(|phase| {
        Test::new(
            format!("signal-{}", phase.name),
            "a call that is asked to end ends, with all that it has started and its temporary files",
            |context| ended(context, phase),
        )
        .alone()
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
