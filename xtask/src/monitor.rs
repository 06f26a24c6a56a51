//! Follows a booted system by its serial lines: what it said so far, and whether it is finished or has failed.

mod booted;
mod events;
mod state;

use atoll_abi::connection::{Client, Provider};
use atoll_abi::plan::{Plan, Restart};
use serde_json::Value;

use crate::event::Line;
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
    /// Results, with the name of who said them.
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
        self.processes.iter().all(Option::is_some) && self.is_up()
    }

    /// Whether every instance is ready.
    pub fn is_up(&self) -> bool {
        let mut instances = self.instances.iter();
        instances.all(|instance| instance.started.is_some() && instance.audited && instance.ready)
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
                if !self.has_component(name) {
                    return self.problem(format!("a result of nothing in the plan: {text}"));
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

    fn device(&self, name: &str) -> Option<usize> {
        let mut devices = self.plan.devices().iter();
        devices.position(|device| device.name.as_str() == name)
    }

    /// Whether a process, service or driver has the name.
    fn has_component(&self, name: &str) -> bool {
        let found = self.process(name).or_else(|| self.service(name));
        found.or_else(|| self.device(name)).is_some()
    }

    fn cluster(&self, name: &str) -> Option<usize> {
        let mut clusters = self.plan.clusters().iter();
        clusters.position(|cluster| cluster.name.as_str() == name)
    }

    fn instance(&mut self, index: usize) -> Result<&mut InstanceState, &'static str> {
        let instance = self.instances.get_mut(index);
        instance.ok_or("an event of no instance of the plan")
    }

    /// How often a component, named as in events, may be started again; `None` where the plan has no such component.
    fn restart_of(&self, who: &str) -> Option<Restart> {
        let (kind, name) = who.split_once(':')?;
        let plan = self.plan;
        match kind {
            "server" => self.cluster(name).map(|it| plan.clusters()[it].restart),
            "service" => self.service(name).map(|it| plan.services()[it].restart),
            "process" => self.process(name).map(|it| plan.processes()[it].restart),
            "driver" => self.device(name).map(|it| plan.devices()[it].restart),
            _ => None,
        }
    }
}

#[cfg(test)]
pub mod tests;
