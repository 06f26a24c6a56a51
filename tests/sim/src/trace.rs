//! What happened in a run.

use std::collections::VecDeque;
use std::fmt::Write;

use crate::state::{Id, State};

/// Entries of the trace that a failure shows.
const SHOWN: usize = 60;

#[derive(Clone, Copy)]
struct Noted {
    now: u64,
    actor: Id,
    what: &'static str,
    numbers: [u64; 2],
}

/// What happened.
#[derive(Default)]
pub struct Trace {
    noted: VecDeque<Noted>,
    hash: u64,
}

impl State {
    /// Writes something into the trace.
    pub fn note(&mut self, actor: Id, what: &'static str, numbers: [u64; 2]) {
        let trace = &mut self.trace;
        if trace.noted.len() == SHOWN {
            trace.noted.pop_front();
        }
        trace.noted.push_back(Noted {
            now: self.now,
            actor,
            what,
            numbers,
        });
        let kind = what
            .bytes()
            .fold(0, |sum, byte| u64::wrapping_add(sum << 5, u64::from(byte)));
        for word in [self.now, actor as u64, kind, numbers[0], numbers[1]] {
            trace.hash = (trace.hash ^ word)
                .wrapping_mul(0x100_0000_01b3)
                .rotate_left(29);
        }
    }

    /// A number that is the same only for runs in which the same happened at the same times.
    pub fn hash(&self) -> u64 {
        self.trace.hash
    }

    /// The last entries of the trace, one a line.
    pub fn trace(&self, name: impl Fn(Id) -> String) -> String {
        self.trace
            .noted
            .iter()
            .fold(String::new(), |mut text, noted| {
                let [first, second] = noted.numbers;
                let (now, what, actor) = (noted.now, noted.what, name(noted.actor));
                let _ = writeln!(
                    text,
                    "{now:>9} ns  {actor:<14} {what} {first:#x} {second:#x}"
                );
                text
            })
    }
}
