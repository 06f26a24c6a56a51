//! Follows a running machine until it is finished, fails, or takes too long.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::child;
use crate::interruption;
use crate::monitor::{Monitor, Shown};
use crate::node::{self, Status};
use crate::progress::Progress;
use crate::report::{Idle, Verdict};
use crate::simulate::Forwarded;
use crate::simulate::logs::Logs;
use crate::simulate::machine::Machine;

/// Time that a complete system gets for what it still owes, and a failed one for its last words.
const GRACE: Duration = Duration::from_secs(3);

/// Time that a failed system gets for its last words.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Bytes that one serial port may write.
const FLOOD: u64 = 64 << 20;

/// Share of one host core below which a machine counts as idle: its cores halt, and nothing wakes them.
const IDLE: f64 = 0.3;

/// How long nothing has come over any serial line, and what the machine has done meanwhile.
struct Silence {
    since: Instant,
    /// Host CPU time that QEMU had taken by then, in seconds.
    taken: Option<f64>,
}

impl Silence {
    fn begin(machine: &Machine) -> Silence {
        Silence {
            since: Instant::now(),
            taken: machine.cpu_seconds(),
        }
    }

    /// Seconds of host CPU time that QEMU has taken since; `None` where the host cannot say.
    fn executed(&self, machine: &Machine) -> Option<f64> {
        Some(machine.cpu_seconds()? - self.taken?)
    }

    /// That time as a part of the time that has passed.
    fn share(&self, machine: &Machine) -> Option<f64> {
        Some(self.executed(machine)? / self.since.elapsed().as_secs_f64())
    }

    /// Whether the silence has lasted too long for a system that works.
    fn is_hang(&self, machine: &Machine, limit: Duration) -> bool {
        is_hang(self.since.elapsed(), self.executed(machine), limit)
    }
}

/// Whether a machine hangs that has been silent for some time, in which it took so many seconds of the host's CPU time: it is
/// idle, and nothing wakes it, or it has executed in silence for as long as it may be silent. One that is slow because the
/// host is executes less than time passes, and gets the more time.
fn is_hang(silent: Duration, executed: Option<f64>, limit: Duration) -> bool {
    let Some(executed) = executed else {
        return silent > limit;
    };
    let idle = executed < IDLE * silent.as_secs_f64();
    silent > limit && (idle || executed > limit.as_secs_f64())
}

/// How long a run may take.
pub struct Limits {
    /// In all.
    pub total: Duration,
    /// Without a byte on any serial line.
    pub silence: Duration,
    /// Silence counts until every instance is ready: then the machine waits for what comes from outside.
    pub only_while_it_starts: bool,
}

/// A running machine and what follows it.
pub struct Watch<'a, 'plan> {
    /// The machine.
    pub machine: Machine,
    /// Who understands its lines.
    pub monitor: &'a mut Monitor<'plan>,
    /// Who keeps them.
    pub logs: &'a mut Logs,
    /// Who shows them.
    pub progress: &'a mut Progress,
    /// Whether to show every line.
    pub verbose: bool,
    /// How long to watch the idle system when it is finished.
    pub idle_for: Option<Duration>,
    /// Where the machine is a node that serves until the user ends it.
    pub node: Option<ServingNode>,
}

/// A node that is followed.
pub struct ServingNode {
    forwarded: Vec<Forwarded>,
    /// From when it serves.
    status: Option<Status>,
}

impl ServingNode {
    /// With the ports that lead into it.
    pub fn new(forwarded: Vec<Forwarded>) -> ServingNode {
        ServingNode {
            forwarded,
            status: None,
        }
    }
}

impl Watch<'_, '_> {
    /// Follows the machine; how it ended is in the monitor.
    ///
    /// # Errors
    /// Where the host fails: a log cannot be written, QEMU cannot be asked.
    pub fn follow(&mut self, limits: &Limits) -> Result<Option<Idle>> {
        let started = Instant::now();
        let mut silence = Silence::begin(&self.machine);
        let mut complete_since = None;
        loop {
            // Asked before the lines are read, so that the last lines of a QEMU that has ended are read.
            let ended = self.machine.ended()?;
            if self.take_lines()? {
                silence = Silence::begin(&self.machine);
            }
            if self.monitor.failure.is_some() {
                break;
            }
            if !self.monitor.is_up() {
                self.machine.pass_turns_on();
            }
            if self.serves() && interruption::take_on() {
                self.close()?;
                break;
            }
            if interruption::interrupted() {
                self.monitor
                    .fail(Verdict::Interrupted, "interrupted".to_owned());
                break;
            }
            if self.monitor.complete() {
                let since = *complete_since.get_or_insert_with(Instant::now);
                if self.monitor.owed().is_empty() || since.elapsed() > GRACE {
                    let idle = self.idle()?;
                    self.take_rest()?;
                    return Ok(idle);
                }
            }
            if let Some(status) = ended {
                self.qemu_ended(&status.to_string());
                break;
            }
            self.check_limits(limits, started.elapsed(), &silence);
            std::thread::sleep(child::POLL);
        }
        let since = Instant::now();
        while since.elapsed() < LAST_WORDS && !interruption::interrupted() {
            self.take_lines()?;
            std::thread::sleep(child::POLL);
        }
        self.take_rest()?;
        Ok(None)
    }

    /// Tells how the node is, where the machine is one; whether it serves.
    fn serves(&mut self) -> bool {
        let Some(node) = &mut self.node else {
            return false;
        };
        if !self.monitor.is_up() {
            return false;
        }
        let taken = || self.machine.cpu_seconds();
        match &mut node.status {
            None => {
                for line in node::invitation(&node.forwarded).lines() {
                    self.progress.line(line);
                }
                node.status = Some(Status::begin(taken()));
            }
            Some(status) if status.is_due() => {
                let line = status.line(taken());
                self.progress.note(&line);
            }
            Some(_) => {}
        }
        true
    }

    /// Ends the node in order.
    fn close(&mut self) -> Result<()> {
        self.progress
            .line("ending: the key-value store writes what it holds (Ctrl-C again does not wait)");
        let forwarded = self.node.as_ref().map(|node| node.forwarded.clone());
        if !node::close(&forwarded.unwrap_or_default()) {
            self.progress
                .line("the key-value store did not answer; what it has not written yet is lost");
        }
        self.take_lines()?;
        self.monitor.fail(Verdict::Stopped, String::new());
        Ok(())
    }

    fn check_limits(&mut self, limits: &Limits, total: Duration, silence: &Silence) {
        if total > limits.total {
            let seconds = limits.total.as_secs();
            let executing = match silence.share(&self.machine) {
                Some(share) if share > IDLE => format!(
                    "; its cores are executing, {:.0} % of a core of the host",
                    share * 100.0
                ),
                _ => String::new(),
            };
            self.monitor.fail(
                Verdict::TimeLimit,
                format!("the run was not finished after {seconds} s{executing}; give it more with --time-limit, or see where it hangs in the last lines"),
            );
        } else if !(limits.only_while_it_starts && self.monitor.is_up())
            && silence.is_hang(&self.machine, limits.silence)
        {
            let seconds = silence.since.elapsed().as_secs();
            let (verdict, text) = if self.heard_nothing() {
                (
                    Verdict::NoBoot,
                    format!(
                        "nothing came over any serial line within {seconds} s: the machine did not boot"
                    ),
                )
            } else {
                (
                    Verdict::Silent,
                    format!(
                        "nothing more came over any serial line for {seconds} s: the system hangs; see the last lines"
                    ),
                )
            };
            self.monitor.fail(verdict, text);
        } else if self.flooded() {
            self.monitor.fail(
                Verdict::Flood,
                format!(
                    "more than {} MiB came over a serial line; see the last lines",
                    FLOOD >> 20
                ),
            );
        }
    }

    fn qemu_ended(&mut self, status: &str) {
        let complaints = self.machine.complaints();
        let (verdict, text) = if self.heard_nothing() {
            (Verdict::NoBoot, "before the machine had booted")
        } else {
            (
                Verdict::Exited,
                "before the system was finished; a triple fault does that",
            )
        };
        let complaints = match complaints.as_str() {
            "" => "it printed nothing".to_owned(),
            text => format!("it printed: {text}"),
        };
        self.monitor.fail(
            verdict,
            format!("QEMU ended ({status}) {text}; {complaints}"),
        );
    }

    fn flooded(&self) -> bool {
        let mut all = self.machine.serial.iter().chain(&self.machine.kernels);
        all.any(|tail| tail.bytes > FLOOD)
    }

    fn heard_nothing(&self) -> bool {
        let mut all = self.machine.serial.iter().chain(&self.machine.kernels);
        all.all(|tail| tail.bytes == 0)
    }

    /// Takes the lines that have come; whether any byte came.
    fn take_lines(&mut self) -> Result<bool> {
        let mut heard = false;
        for instance in 0..self.machine.serial.len() {
            let tail = &mut self.machine.serial[instance];
            let before = tail.bytes;
            let lines = tail.lines()?;
            heard |= tail.bytes != before;
            for line in lines {
                self.take(instance, &line)?;
            }
            let tail = &mut self.machine.kernels[instance];
            let before = tail.bytes;
            let lines = tail.lines()?;
            heard |= tail.bytes != before;
            for line in lines {
                self.take_kernel(instance, &line)?;
            }
        }
        Ok(heard)
    }

    /// Takes everything that is left, with lines that were never ended.
    fn take_rest(&mut self) -> Result<()> {
        self.take_lines()?;
        for instance in 0..self.machine.serial.len() {
            if let Some(line) = self.machine.serial[instance].rest() {
                self.take(instance, &line)?;
            }
            if let Some(line) = self.machine.kernels[instance].rest() {
                self.take_kernel(instance, &line)?;
            }
        }
        Ok(())
    }

    /// Takes a line of an instance's kernel, which is kept among the others of its instance.
    fn take_kernel(&mut self, instance: usize, line: &str) -> Result<()> {
        let kept = self.logs.keep(instance, &format!("(kernel) {line}"))?;
        self.monitor.kernel_line(instance, line);
        if self.verbose {
            self.progress.line(&kept);
        }
        Ok(())
    }

    fn take(&mut self, instance: usize, line: &str) -> Result<()> {
        let kept = self.logs.keep(instance, line)?;
        let shown = self.monitor.line(line);
        match shown {
            _ if self.verbose => self.progress.line(&kept),
            Shown::Line(text) => self.progress.line(&text),
            Shown::Note(text) => self.progress.note(&text),
            Shown::Nothing => {}
        }
        Ok(())
    }

    /// Watches the idle system for as long as was asked.
    fn idle(&mut self) -> Result<Option<Idle>> {
        let Some(duration) = self.idle_for else {
            return Ok(None);
        };
        self.progress
            .line(&format!("idle for {} s", duration.as_secs()));
        let started = Instant::now();
        let before = self.machine.cpu_seconds();
        while started.elapsed() < duration && !interruption::interrupted() {
            self.take_lines()?;
            std::thread::sleep(Duration::from_millis(100));
        }
        let after = self.machine.cpu_seconds();
        Ok(before.zip(after).map(|(before, after)| Idle {
            seconds: started.elapsed().as_secs_f64(),
            cpu_seconds: after - before,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_a_hang_when_it_is_idle_or_long_by_the_time_that_was_executed() {
        let hangs = |silent, executed| {
            is_hang(
                Duration::from_secs(silent),
                executed,
                Duration::from_secs(10),
            )
        };
        assert!(!hangs(9, Some(0.0)) && !hangs(9, Some(36.0)) && !hangs(9, None));
        assert!(hangs(11, Some(0.0)), "it is idle");
        assert!(hangs(11, Some(10.5)), "it spins");
        assert!(!hangs(11, Some(5.0)), "the host is slow");
        assert!(!hangs(30, Some(9.5)) && hangs(30, Some(10.5)));
        assert!(
            hangs(40, Some(9.5)),
            "it has been idle for most of the time"
        );
        assert!(hangs(11, None));
    }
}
