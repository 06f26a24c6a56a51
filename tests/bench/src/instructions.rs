//! Counts instructions: a child process runs single-stepped.
//!
//! The child says by a signal where its work begins and ends. It works twice, the second time more, so that what is not
//! repeated cancels out: the figure is exact and does not depend on the machine's load.

use std::hint::black_box;
use std::process::Command;

use anyhow::{Context, Result, bail};
use nix::sys::ptrace;
use nix::sys::signal::{Signal, raise};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;
use serde::Serialize;

use crate::candidate::{BATCH, Candidate, Line, Message, Receiver, Sender};
use crate::compare::Subject;
use crate::work::fill;

/// What the child says where its work begins and ends.
const MARK: Signal = Signal::SIGUSR1;

/// Messages, or polls, of the first and of the second time: whole batches.
pub type Times = [usize; 2];

/// The name under which the child does nothing but copy.
const COPY: &str = "copy";

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// A batch is sent, then received, by one thread.
    Batches,
    /// A message is sent, then received.
    Singly,
    /// A message is looked for in an empty ring.
    Polls,
}

/// All that is counted, in the order in which the child does it.
const WORKS: [Work; 3] = [Work::Batches, Work::Singly, Work::Polls];

/// Instructions that a candidate needs, sender and receiver together.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Counts {
    /// For each message in batches, beyond copying 64 bytes in and out.
    pub batches: f64,
    /// For each single message, beyond copying 64 bytes in and out.
    pub singly: f64,
    /// For each look into an empty ring.
    pub poll: f64,
}

/// Works so often.
pub fn work<C: Candidate>(work: Work, times: usize) {
    let (mut sender, mut receiver) = C::ring();
    match work {
        Work::Batches => {
            let mut batch = [C::Message::new(0); BATCH];
            let mut into = batch;
            let mut number = 0;
            mark();
            for _ in 0..times / BATCH {
                fill(&mut batch, &mut number);
                assert_eq!(sender.send_batch(black_box(&batch)), BATCH);
                assert_eq!(receiver.receive_batch(&mut into), BATCH);
                black_box(&mut into);
            }
            mark();
        }
        Work::Singly => {
            let mut message = C::Message::new(0);
            mark();
            for number in 0..times {
                message.set_number(number as u64);
                assert!(sender.send(black_box(&message)));
                let Some(received) = receiver.receive() else {
                    panic!("the message that was just sent is not there");
                };
                black_box(&received);
            }
            mark();
        }
        Work::Polls => {
            mark();
            for _ in 0..times {
                assert!(receiver.receive().is_none());
            }
            mark();
        }
    }
}

/// The same without a ring: each message is copied into a slot, and from there to where it is received.
fn copy(work: Work, times: usize) {
    let mut slots = [Line::new(0); BATCH];
    match work {
        Work::Batches => {
            let mut batch = [Line::new(0); BATCH];
            let mut into = batch;
            let mut number = 0;
            mark();
            for _ in 0..times / BATCH {
                fill(&mut batch, &mut number);
                for (slot, message) in slots.iter_mut().zip(black_box(&batch)) {
                    *slot = *message;
                    black_box(slot);
                }
                for (place, slot) in into.iter_mut().zip(black_box(&slots)) {
                    *place = *slot;
                    black_box(place);
                }
            }
            mark();
        }
        Work::Singly => {
            let mut message = Line::new(0);
            mark();
            for number in 0..times {
                message.set_number(number as u64);
                slots[0] = *black_box(&message);
                let received = *black_box(&slots[0]);
                black_box(&received);
            }
            mark();
        }
        Work::Polls => {
            mark();
            for number in 0..times {
                black_box(number);
            }
            mark();
        }
    }
}

fn mark() {
    raise(MARK).expect("a process can signal itself");
}

/// What the child does: the work of the candidate of this name, for a parent that counts.
///
/// # Errors
/// Where there is no such candidate, or no parent that counts.
pub fn child(name: &str, times: Times) -> Result<()> {
    let subject = Subject::all().into_iter().find(|it| it.name == name);
    let steps = match subject {
        Some(subject) => subject.steps,
        None if name == COPY => copy,
        None => bail!("no candidate is called {name}"),
    };
    ptrace::traceme().context("this process cannot be traced")?;
    for work in WORKS {
        for times in times {
            steps(work, times);
        }
    }
    Ok(())
}

/// Counts for some candidates, by name.
///
/// # Errors
/// Where a child cannot be started or traced.
pub fn count(names: &[&'static str], times: Times) -> Result<Vec<Counts>> {
    let copied = trace(COPY, times)?;
    names
        .iter()
        .map(|name| {
            let [batches, singly, poll] = trace(name, times)?;
            Ok(Counts {
                batches: batches - copied[0],
                singly: singly - copied[1],
                poll: poll - copied[2],
            })
        })
        .collect()
}

/// Instructions for each time of each work.
fn trace(name: &str, times: Times) -> Result<[f64; 3]> {
    let program = std::env::current_exe().context("cannot tell where this program is")?;
    let mut child = Command::new(program)
        .args(["--traced", name, "--times"])
        .args(times.map(|times| times.to_string()))
        .spawn()
        .context("cannot start a child")?;
    let pid = Pid::from_raw(child.id().cast_signed());
    let mut counts = [0.0; 3];
    let mut begun = false;
    for count in &mut counts {
        let mut steps = [0; 2];
        for steps in &mut steps {
            if std::mem::replace(&mut begun, true) {
                ptrace::cont(pid, None).context("a child cannot go on")?;
            }
            until_mark(pid)?;
            *steps = count_until_mark(pid)?;
        }
        *count = (steps[1] - steps[0]) as f64 / (times[1] - times[0]) as f64;
    }
    ptrace::detach(pid, None).context("cannot let a child go")?;
    child.wait()?;
    Ok(counts)
}

/// Waits until a child that runs stops at its next mark.
fn until_mark(pid: Pid) -> Result<()> {
    match waitpid(pid, None)? {
        WaitStatus::Stopped(_, MARK) => Ok(()),
        other => bail!("a child did not come to its mark: {other:?}"),
    }
}

/// Steps a child to its next mark. A repeated string instruction steps once for each repetition and counts as one.
fn count_until_mark(pid: Pid) -> Result<u64> {
    let mut count = 0;
    let mut last = 0;
    loop {
        ptrace::step(pid, None).context("a child cannot be stepped")?;
        match waitpid(pid, None)? {
            WaitStatus::Stopped(_, Signal::SIGTRAP) => {}
            WaitStatus::Stopped(_, MARK) => return Ok(count),
            other => bail!("a child that is counted ended: {other:?}"),
        }
        let place = ptrace::getregs(pid)?.rip;
        count += u64::from(place != last);
        last = place;
    }
}
