//! Follows a booted system by its serial lines: what it said so far, and whether it is finished or has failed.

mod booted;
mod state;

use atoll_abi::connection::{Client, Provider};
use atoll_abi::plan::{Plan, Restart};
use serde_json::Value;

use crate::event::{Event, Line};
use crate::names;
use crate::report::Verdict;

pub use booted::{Booted, fingerprint};
pub use state::{
    ChannelCounts, Ended, Failure, FaultSeen, Holdings, InstanceState, PollBudget, Restarted,
    Started,
};

/// Texts by which a kernel says that it stopped.
const KERNEL_FAILURES: [&str; 4] = [
    "seL4 called fail",
    "seL4 failed assertion",
    "KERNEL FAULT",
    "halting...",
];

const UNKNOWN_COMPONENT: &str = "an event of no component of the plan";

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
    /// Which plan the machine runs.
    pub booted: Booted,
    /// By instance.
    pub instances: Vec<InstanceState>,
    /// By process.
    pub processes: Vec<Option<Ended>>,
    /// What crossed the channels of processes that have ended.
    pub channels: Vec<ChannelCounts>,
    /// Results, with the name of the process.
    pub results: Vec<(String, Value)>,
    /// The first failure.
    pub failure: Option<Failure>,
    /// What contradicts the plan or the protocol without ending the run.
    pub problems: Vec<String>,
    /// Faults of components that have not been started again since, and did not end the run.
    pub faults: Vec<FaultSeen>,
    /// Components that were started again, in order.
    pub restarts: Vec<Restarted>,
    /// The poll budgets of servers and services.
    pub budgets: Vec<PollBudget>,
    /// Components that stay down, in order.
    pub down: Vec<String>,
    /// Clusters of which the server was stopped.
    pub stopped: Vec<usize>,
}

impl<'a> Monitor<'a> {
    /// Knows nothing yet.
    pub fn new(plan: &'a Plan) -> Monitor<'a> {
        Monitor {
            plan,
            booted: Booted::default(),
            instances: vec![InstanceState::default(); plan.instances().len()],
            processes: vec![None; plan.processes().len()],
            channels: Vec::new(),
            results: Vec::new(),
            failure: None,
            problems: Vec::new(),
            faults: Vec::new(),
            restarts: Vec::new(),
            budgets: Vec::new(),
            down: Vec::new(),
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

    /// What is still owed when the run is complete; empty when nothing more will come.
    pub fn owed(&self) -> Vec<String> {
        let silent = self.booted.silent(self.plan).into_iter();
        let mut owed: Vec<_> = silent
            .map(|who| format!("{who} did not say which plan it runs"))
            .collect();
        for (index, instance) in self.instances.iter().enumerate() {
            if !instance.done {
                owed.push(format!(
                    "instance {} did not say that it is done",
                    names::instance(self.plan, index)
                ));
            }
        }
        for connection in self.plan.connections() {
            let (Client::Vcore { .. }, Provider::Service(_)) =
                (connection.client, connection.provider)
            else {
                continue;
            };
            let mut reported = self.channels.iter();
            if !reported.any(|it| it.connection == connection.number) {
                let [client, provider] = names::connection(self.plan, &connection);
                owed.push(format!(
                    "the channel of {client} to {provider} was not reported"
                ));
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

    fn service(&self, name: &str) -> Option<usize> {
        let mut services = self.plan.services().iter();
        services.position(|service| service.name.as_str() == name)
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
            Event::Plan {
                who,
                plan,
                fingerprint,
            } => {
                let told = self.booted.tell(self.plan, who, &plan, &fingerprint);
                told.unwrap_or_else(|problem| self.fail(Verdict::WrongPlan, problem));
            }
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
                process,
                service,
                vcore,
                sent,
                received,
                doorbells,
                peer_doorbells,
                poll_budget,
            } => {
                let process = self
                    .process(&process)
                    .ok_or("an event of no process of the plan")?;
                let service = self
                    .service(&service)
                    .ok_or("an event of no service of the plan")?;
                let connection = self
                    .plan
                    .connection(process, vcore, service)
                    .ok_or("an event of a channel that the process does not have")?;
                self.channels.retain(|it| it.connection != connection);
                self.channels.push(ChannelCounts {
                    connection,
                    process,
                    service,
                    vcore,
                    sent,
                    received,
                    doorbells,
                    peer_doorbells,
                    poll_budget,
                });
            }
            Event::Budget { who, looks } => {
                self.restart_of(&who).ok_or(UNKNOWN_COMPONENT)?;
                self.budgets.retain(|it| it.who != who);
                self.budgets.push(PollBudget { who, looks });
            }
            Event::Fault { who, reason } => return Ok(self.fault(who, &reason)),
            Event::Restarted { who, generation } => return self.restarted(who, generation),
            Event::Down { who, restarts } => {
                self.restart_of(&who).ok_or(UNKNOWN_COMPONENT)?;
                let shown = format!("{who} stays down after {restarts} restarts");
                self.down.push(who);
                return Ok(Shown::Line(shown));
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

    /// A fault ends the run at once only where the plan has nothing that comes after it: a process's fault ends no other
    /// process, and a component that may be started again can still recover.
    fn fault(&mut self, who: String, reason: &str) -> Shown {
        let text = format!("{who} faulted: {reason}");
        let may_restart = self.restart_of(&who).is_some_and(|it| it.times > 0);
        if !may_restart && !who.starts_with("process:") {
            self.fail(Verdict::Fault, text);
            return Shown::Nothing;
        }
        let shown = text.clone();
        self.faults.push(FaultSeen { who, text });
        Shown::Line(shown)
    }

    fn restarted(&mut self, who: String, generation: u32) -> Result<Shown, &'static str> {
        self.restart_of(&who).ok_or(UNKNOWN_COMPONENT)?;
        self.faults.retain(|fault| fault.who != who);
        // How it ended before no longer counts.
        if let Some(name) = who.strip_prefix("process:")
            && let Some(process) = self.process(name)
        {
            self.processes[process] = None;
        }
        let shown = format!("{who} is started again, generation {generation}");
        self.restarts.push(Restarted { who, generation });
        Ok(Shown::Line(shown))
    }

    /// How often a component, named as in events, may be started again; `None` where the plan has no such component.
    fn restart_of(&self, who: &str) -> Option<Restart> {
        let (kind, name) = who.split_once(':')?;
        let plan = self.plan;
        match kind {
            "server" => self.cluster(name).map(|it| plan.clusters()[it].restart),
            "service" => self.service(name).map(|it| plan.services()[it].restart),
            "process" => self.process(name).map(|it| plan.processes()[it].restart),
            "driver" => {
                let mut devices = plan.devices().iter();
                let device = devices.find(|device| device.name.as_str() == name);
                device.map(|device| device.restart)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
pub mod tests;
