//! What the root task of its cluster knows of a process, and what its uthreads tell the simulator.

use atoll_abi::process::{FAULTED, ProcInfo, ProcessId};
use atoll_root_task::procinfo::{Time, procinfo};
use atoll_runtime::Runtime;
use atoll_scenarios::script;

use crate::random::Random;
use crate::simulation::Simulation;

/// The simulated machine tells no time: processes have clocks of their own.
const NO_TIME: Time = Time {
    ticks_per_microsecond: 0,
    epoch: 0,
};

/// Handles that are remembered.
const HANDLES: usize = 8;

/// Calls that a process makes in a later life, at most.
pub const LATER_CALLS: u64 = 12;

/// A handle that the file service gave.
#[derive(Clone, Copy, Debug)]
pub struct Given {
    handle: u32,
    /// The life of the process.
    life: u32,
    /// The life of the service.
    service_life: u32,
}

/// A process.
pub struct Process {
    pub index: usize,
    /// Its life, from 1 on.
    pub life: u32,
    /// What it is told, and what its server and its root task note of it.
    pub procinfo: ProcInfo,
    /// The runtime of an honest process that has been entered.
    pub runtime: Option<&'static Runtime>,
    /// Calls that it will still make, about.
    pub remaining: u64,
    /// Calls that have not ended for it.
    pub pending: Vec<&'static str>,
    pub handles: Vec<Given>,
    /// A vcore of it took a fault.
    pub faulted: bool,
    /// It is about to exit.
    pub exiting: bool,
    /// The status that it named when its server was gone.
    pub exit_status: Option<u64>,
    pub ended: Option<u64>,
    /// What it printed.
    pub lines: Vec<String>,
    /// Its way through the script, when that is over.
    pub script: Option<script::Runner>,
}

impl Process {
    /// A process in its first life, that was never started.
    pub fn new(plan: &atoll_abi::plan::Plan, index: usize, calls: u64) -> Process {
        Process {
            index,
            life: 1,
            procinfo: procinfo(plan, index, NO_TIME),
            runtime: None,
            remaining: calls,
            pending: Vec::new(),
            handles: Vec::new(),
            faulted: false,
            exiting: false,
            exit_status: None,
            ended: None,
            lines: Vec::new(),
            script: None,
        }
    }

    /// Its present life.
    pub fn id(&self) -> ProcessId {
        ProcessId {
            index: self.index as u16,
            generation: self.life,
        }
    }

    /// What its server is to do about it: the life that is to run, and whether that is to be ended. `None` where it has ended.
    pub fn standing(&self) -> Option<(ProcessId, bool)> {
        let generation = self.procinfo.generation;
        (generation != 0).then_some((self.id(), self.procinfo.condemned == generation))
    }

    /// Begins a new life.
    pub fn begin_again(&mut self) {
        self.life += 1;
        self.procinfo = ProcInfo {
            generation: self.life,
            granted: 0,
            started: 0,
            resumes: 0,
            many_core: 0,
            ..self.procinfo
        };
        self.runtime = None;
        self.remaining = self.remaining.min(LATER_CALLS);
        (self.faulted, self.exiting) = (false, false);
        (self.exit_status, self.ended) = (None, None);
    }

    /// Its root task learns that it is dead.
    pub fn end(&mut self, world: &Simulation, status: u64) {
        let index = self.index;
        let status = self.exit_status.unwrap_or(status);
        if self.ended.replace(status).is_some() {
            world.violate(format!("exactly once: process {index} ended twice"));
        }
        let pending = std::mem::take(&mut self.pending);
        world.state.borrow_mut().tally.ended_with_process += pending.len() as u64;
        let cluster = world.scenario.cluster_of(index);
        // Its server may have died when it had taken the exit.
        let down = world.state.borrow().servers_down[cluster];
        let honest = ((self.faulted || down) && status == FAULTED)
            || (self.exiting && status == script::EXIT_STATUS);
        if !honest && !world.scenario.process_lies(index) {
            world.violate(format!(
                "honesty: process {index} was ended with {status:#x}"
            ));
        }
    }

    /// How far it is, for a reader who looks for what it waits for.
    pub fn describe(&self) -> String {
        format!(
            "life {}, {} calls to make, pending {:?}, vcores {:#b}, exiting {}, ended {:?}",
            self.life,
            self.remaining,
            self.pending,
            self.procinfo.granted,
            self.exiting,
            self.ended
        )
    }

    /// What must hold at the end of a run.
    pub fn check_end(&self, world: &Simulation) {
        let (index, scenario) = (self.index, world.scenario);
        if scenario.server_lies(scenario.cluster_of(index)) {
            return;
        }
        if self.ended.is_none() {
            let what = self.describe();
            world.violate(format!("progress: process {index} never ended: {what}"));
        }
        if scenario.script {
            self.check_script(world);
        } else if !scenario.process_lies(index) {
            self.check_lines(world);
        }
    }

    /// Every line arrives whole.
    fn check_lines(&self, world: &Simulation) {
        let begin = format!("<{} ", self.index);
        let whole = |line: &&String| line.starts_with(&begin) && line.ends_with('>');
        if let Some(line) = self.lines.iter().find(|line| !whole(line)) {
            let index = self.index;
            world.violate(format!("print: a line of process {index} is {line:?}"));
        }
    }

    fn check_script(&self, world: &Simulation) {
        let index = self.index;
        let verdict = self.script.map(|runner| runner.verdict());
        if verdict != Some(Ok(())) {
            world.violate(format!("script: process {index}: {verdict:?}"));
        }
        if self.lines != ["the script is running"] {
            world.violate(format!("script: it printed {:?}", self.lines));
        }
    }
}

impl Simulation {
    /// The service gave a process a handle.
    pub fn note_handle(&self, process: usize, handle: u32) {
        let mut own = self.processes[process].borrow_mut();
        let given = Given {
            handle,
            life: own.life,
            service_life: self.state.borrow().services[0].life,
        };
        if own.handles.len() == HANDLES {
            own.handles.remove(0);
        }
        own.handles.push(given);
    }

    /// One of the handles of a life of the process, or of the service, that is over.
    pub fn stale_handle(&self, process: usize, choice: u64) -> Option<u32> {
        let own = self.processes[process].borrow();
        let now = self.state.borrow().services[0].life;
        let stale = |given: &&Given| given.life < own.life || given.service_life < now;
        let stale: Vec<&Given> = own.handles.iter().filter(stale).collect();
        let chosen = Random::new(choice).next() as usize;
        let given = stale.get(chosen.checked_rem(stale.len())?)?;
        Some(given.handle)
    }

    /// Whether the server of a process has died in this run.
    pub fn server_died(&self, process: usize) -> bool {
        let cluster = self.scenario.cluster_of(process);
        self.state.borrow().servers_died[cluster]
    }
}
