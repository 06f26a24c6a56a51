//! Follows a booted system by its serial lines: what it said so far, and whether it is finished or has failed.

mod state;

use atoll_abi::plan::Plan;
use serde_json::Value;

use crate::event::{Event, Line};
use crate::names;
use crate::report::Verdict;

pub use state::{End, Ended, Failure, Holdings, InstanceState, Started};

/// Texts by which a kernel says that it stopped.
const KERNEL_FAILURES: [&str; 4] = [
    "seL4 called fail",
    "seL4 failed assertion",
    "KERNEL FAULT",
    "halting...",
];

/// What a person should see of a line.
#[derive(Debug, PartialEq, Eq)]
pub enum Shown {
    /// A line that stays.
    Line(String),
    /// A note that the next one replaces.
    Note(String),
    /// Nothing.
    Nothing,
}

/// Everything that was learnt so far.
pub struct Monitor<'a> {
    plan: &'a Plan,
    /// By instance.
    pub instances: Vec<InstanceState>,
    /// By process.
    pub processes: Vec<Option<Ended>>,
    /// Ends of channels that have reported.
    pub ends: Vec<End>,
    /// Results, with the name of the process.
    pub results: Vec<(String, Value)>,
    /// The first failure.
    pub failure: Option<Failure>,
    /// What contradicts the plan or the protocol without ending the run.
    pub problems: Vec<String>,
    /// Whether a process took a fault.
    pub process_faults: bool,
    /// Clusters of which the server was stopped.
    pub stopped: Vec<usize>,
}

impl<'a> Monitor<'a> {
    /// Knows nothing yet.
    pub fn new(plan: &'a Plan) -> Monitor<'a> {
        Monitor {
            plan,
            instances: vec![InstanceState::default(); plan.instances().len()],
            processes: vec![None; plan.processes().len()],
            ends: Vec::new(),
            results: Vec::new(),
            failure: None,
            problems: Vec::new(),
            process_faults: false,
            stopped: Vec::new(),
        }
    }

    /// Notes a failure; only the first one counts, because others follow from it.
    pub fn fail(&mut self, verdict: Verdict, reason: String) {
        self.failure.get_or_insert(Failure { verdict, reason });
    }

    /// Whether everything that the run needs has been said.
    pub fn complete(&self) -> bool {
        self.processes.iter().all(Option::is_some)
            && self
                .instances
                .iter()
                .all(|instance| instance.started.is_some() && instance.audited && instance.ready)
    }

    fn is_stopped(&self, cluster: u32) -> bool {
        self.stopped.contains(&(cluster as usize))
    }

    /// What is still owed when the run is complete; empty when nothing more will come.
    pub fn owed(&self) -> Vec<String> {
        let mut owed = Vec::new();
        for (index, instance) in self.instances.iter().enumerate() {
            if !instance.done {
                owed.push(format!(
                    "instance {} did not say that it is done",
                    names::instance(self.plan, index)
                ));
            }
        }
        for (index, channel) in self.plan.channels().iter().enumerate() {
            for &cluster in &channel.clusters {
                let mut processes = self.plan.processes().iter();
                let runs_a_process = processes.any(|process| process.cluster == cluster);
                let mut ends = self.ends.iter();
                let said = ends.any(|end| end.channel == index && end.cluster == cluster as usize);
                if runs_a_process && !said && !self.is_stopped(cluster) {
                    owed.push(format!(
                        "cluster {} did not report channel {index}",
                        names::cluster(self.plan, cluster)
                    ));
                }
            }
        }
        owed
    }

    /// Takes one line of a serial port.
    pub fn line(&mut self, text: &str) -> Shown {
        match Line::parse(text) {
            Line::Event(event) => self
                .event(event)
                .unwrap_or_else(|problem| self.problem(format!("{problem}: {text}"))),
            Line::Malformed(problem) => self.problem(problem),
            Line::Fatal(verdict, problem) => {
                self.fail(verdict, problem);
                Shown::Nothing
            }
            Line::Result(name, value) => {
                if self.process(name).is_none() {
                    return self.problem(format!("a result of no process of the plan: {text}"));
                }
                self.results.push((name.to_owned(), value));
                Shown::Nothing
            }
            Line::Named(name, said) => {
                if self.process(name).is_none() {
                    Shown::Nothing
                } else if said.contains("progress") {
                    Shown::Note(text.to_owned())
                } else {
                    Shown::Line(text.to_owned())
                }
            }
            Line::Plain(_) => Shown::Nothing,
        }
    }

    /// Takes one line of an instance's kernel.
    pub fn kernel_line(&mut self, instance: usize, said: &str) {
        if KERNEL_FAILURES.iter().any(|failure| said.contains(failure)) {
            let who = names::instance(self.plan, instance);
            self.fail(
                Verdict::Kernel,
                format!("the kernel of {who} stopped: {said}"),
            );
        }
    }

    fn problem(&mut self, problem: String) -> Shown {
        self.problems.push(problem.clone());
        Shown::Line(problem)
    }

    fn process(&self, name: &str) -> Option<usize> {
        let mut processes = self.plan.processes().iter();
        processes.position(|process| process.name.as_str() == name)
    }

    fn cluster(&self, name: &str) -> Option<usize> {
        let mut clusters = self.plan.clusters().iter();
        clusters.position(|cluster| cluster.name.as_str() == name)
    }

    fn instance(&mut self, index: usize) -> Result<&mut InstanceState, &'static str> {
        let instance = self.instances.get_mut(index);
        instance.ok_or("an event of no instance of the plan")
    }

    fn event(&mut self, event: Event) -> Result<Shown, &'static str> {
        match event {
            Event::Loader { stage } => return Ok(Shown::Note(format!("loader: {stage}"))),
            Event::Refused { reason } => {
                self.fail(Verdict::Refused, format!("the loader refused: {reason}"));
            }
            Event::Instance {
                instance,
                cores,
                smp,
                tick_ms,
                memory,
            } => {
                let state = self.instance(instance)?;
                if state.started.is_some() {
                    return Err("an instance started twice");
                }
                state.started = Some(Started {
                    cores,
                    smp,
                    tick_ms,
                    memory,
                });
                return Ok(Shown::Note("a root task has started".to_owned()));
            }
            Event::Audit {
                instance,
                frames,
                untyped,
                ports,
                last,
            } => {
                let state = self.instance(instance)?;
                state.holdings.frames.extend(frames);
                state.holdings.untyped.extend(untyped);
                state.holdings.ports.extend(ports);
                state.audited |= last;
            }
            Event::Ready { instance } => {
                self.instance(instance)?.ready = true;
                return Ok(Shown::Note("an instance is ready".to_owned()));
            }
            Event::Started { process, .. } => {
                self.process(&process)
                    .ok_or("an event of no process of the plan")?;
                return Ok(Shown::Note("a process has started".to_owned()));
            }
            Event::Process {
                process,
                vcores,
                status,
                ..
            } => {
                let process = self
                    .process(&process)
                    .ok_or("an event of no process of the plan")?;
                self.processes[process] = Some(Ended { vcores, status });
            }
            Event::Channel {
                channel,
                cluster,
                sent,
                received,
                doorbells,
                peer_doorbells,
            } => {
                let channel = usize::try_from(channel)
                    .ok()
                    .filter(|&channel| channel < self.plan.channels().len())
                    .ok_or("an event of no channel of the plan")?;
                let cluster = self
                    .cluster(&cluster)
                    .filter(|&c| self.plan.channels()[channel].end_of(c as u32).is_some())
                    .ok_or("an event of a cluster that the channel does not reach")?;
                self.ends
                    .retain(|end| (end.channel, end.cluster) != (channel, cluster));
                self.ends.push(End {
                    channel,
                    cluster,
                    sent,
                    received,
                    doorbells,
                    peer_doorbells,
                });
            }
            // A process takes nobody with it: the others are watched to their ends.
            Event::Fault { who, reason } if who.starts_with("process:") => {
                self.process_faults = true;
                return Ok(self.problem(format!("{who} faulted: {reason}")));
            }
            Event::Fault { who, reason } => {
                self.fail(Verdict::Fault, format!("{who} faulted: {reason}"));
            }
            Event::Panic { who, reason } => {
                self.fail(Verdict::Panic, format!("{who} panicked: {reason}"));
            }
            Event::Stopped { cluster } => {
                let cluster = self
                    .cluster(&cluster)
                    .ok_or("an event of no cluster of the plan")?;
                self.stopped.push(cluster);
                let name = names::cluster(self.plan, cluster as u32);
                return Ok(Shown::Line(format!("the server of {name} is stopped")));
            }
            Event::Done { instance } => self.instance(instance)?.done = true,
        }
        Ok(Shown::Nothing)
    }
}

#[cfg(test)]
pub mod tests;
