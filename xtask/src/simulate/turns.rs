//! Turns for the cores of a machine whose clock advances with the instructions.
//!
//! QEMU 7.2 under `-icount` gives the cores turns that are not fair: of those that run in one round, the first that does not
//! pause uses all instructions up to the next timer, the cores behind it get none, and the next round begins with the first core again. A
//! kernel's first core spins without a pause until the core that it starts is there, so some machines never start. Where the machine is
//! stopped and continued, the round goes on with the core behind the one that had the turn.

use std::io::Write;
use std::process::ChildStdin;
use std::time::{Duration, Instant};

/// QEMU's arguments: it takes commands on its standard input (QEMU Machine Protocol).
pub const ARGUMENTS: [&str; 4] = [
    "-chardev",
    "stdio,id=control",
    "-mon",
    "chardev=control,mode=control",
];

/// Pause between two turns that are passed on.
const PAUSE: Duration = Duration::from_millis(100);

const BEGIN: &[u8] = b"{\"execute\":\"qmp_capabilities\"}\n";
const STOP_AND_CONTINUE: &[u8] = b"{\"execute\":\"stop\"}\n{\"execute\":\"cont\"}\n";

/// Passes the turn on, while the kernels start.
pub struct Turns<W = ChildStdin> {
    commands: W,
    last: Option<Instant>,
}

impl<W: Write> Turns<W> {
    /// By commands to a QEMU with the [`ARGUMENTS`].
    pub fn new(commands: W) -> Turns<W> {
        Turns {
            commands,
            last: None,
        }
    }

    /// Passes the turn on, if it is time to.
    pub fn pass_on(&mut self) {
        let words = match self.last {
            None => BEGIN,
            Some(last) if last.elapsed() < PAUSE => return,
            Some(_) => STOP_AND_CONTINUE,
        };
        self.last = Some(Instant::now());
        // A QEMU that takes no commands has ended, which is seen elsewhere.
        let _ = self.commands.write_all(words);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_stopped_only_to_go_on_and_not_at_every_look() {
        let mut commands = Vec::new();
        let mut turns = Turns::new(&mut commands);
        turns.pass_on();
        turns.pass_on();
        turns.last = Instant::now().checked_sub(PAUSE);
        turns.pass_on();
        turns.pass_on();
        assert_eq!(commands, [BEGIN, STOP_AND_CONTINUE].concat());
    }
}
