//! What an honest process knows of its calls and blocks, and what must be true of their completions.

use std::collections::BTreeMap;

use atoll_abi::process::FAULTED;
use atoll_abi::syscall::{Call, Status, Syscall};
use atoll_channel::CAPACITY;
use atoll_scenarios::script;

use crate::machine::POOL_BLOCKS;
use crate::simulation::Simulation;

/// A call as it is made.
#[derive(Clone, Copy, Debug)]
pub struct Planned {
    pub syscall: Syscall,
    /// The file that it is about, by its index in the volume.
    pub file: usize,
    /// How it ends when nothing is wrong with anybody; `None` where it can be several ways.
    pub certain: Option<Status>,
    /// The process asked to have it taken back.
    pub cancelled: bool,
}

impl Planned {
    /// The call, where it is one.
    pub fn call(&self) -> Option<Call> {
        Call::from_raw(self.syscall.call)
    }

    /// Whether another cluster may serve it.
    pub fn is_file_call(&self) -> bool {
        use Call::{Close, Open, Read, Stat};
        matches!(self.call(), Some(Open | Stat | Read | Close))
    }

    /// The block that it lends out.
    pub fn block(&self) -> Option<usize> {
        let block = self.syscall.block;
        (self.call() == Some(Call::Read) && block < POOL_BLOCKS).then_some(block as usize)
    }
}

/// Whose a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// The process's.
    Own,
    /// A call's.
    Lent,
    /// A call's that ended while the block was away.
    Away,
    /// A call's that ended while the block was away, but of the end nobody knows yet: the completion that gave the block
    /// back overtook that of the call, which is in the ring of another vcore.
    Back,
}

/// A vcore's part of the process.
#[derive(Default)]
pub struct Calls {
    /// Calls under way, by tag.
    pub pending: BTreeMap<u64, Planned>,
    /// A yield is under way: nothing else is done until it ends.
    pub yielding: bool,
}

/// An honest process.
pub struct Process {
    pub index: usize,
    /// Calls that it will still make.
    pub remaining: u64,
    /// Calls that one vcore has under way at most.
    pub depth: usize,
    /// Open files: handle, and index in the volume.
    pub handles: Vec<(u32, usize)>,
    pub many_core: bool,
    /// It asked to become a many-core process, or for its vcores.
    pub asked: bool,
    pub has_vcores: bool,
    pub exiting: bool,
    pub next_tag: u64,
    pub vcores: Vec<Calls>,
    pub blocks: [Hold; POOL_BLOCKS as usize],
    /// Its own server died while calls may have been with another cluster, whose device may still write their blocks.
    pub orphaned: bool,
    pub faulted: bool,
    ended: Option<u64>,
    /// What it printed.
    pub lines: Vec<String>,
    pub script: script::Runner,
}

impl Process {
    /// A process that was never started.
    pub fn new(simulation: &Simulation, index: usize) -> Process {
        let scenario = simulation.scenario;
        let random = &mut simulation.state.borrow_mut().random;
        let deepest = if random.one_in(2) { 8 } else { 64 };
        let depth = 1 + random.index(deepest);
        Process {
            index,
            remaining: scenario.calls / 2 + random.below(scenario.calls),
            depth: if scenario.deep { CAPACITY } else { depth },
            handles: Vec::new(),
            many_core: false,
            asked: false,
            has_vcores: false,
            exiting: false,
            next_tag: random.below(1 << 62),
            vcores: (0..scenario.vcores).map(|_| Calls::default()).collect(),
            blocks: [Hold::Own; POOL_BLOCKS as usize],
            orphaned: false,
            faulted: false,
            ended: None,
            lines: Vec::new(),
            script: script::Runner::new(index),
        }
    }

    /// Whether it has no call under way but yields, which may never end.
    pub fn idle(&self) -> bool {
        let mut pending = self.vcores.iter().flat_map(|calls| calls.pending.values());
        pending.all(|planned| planned.call() == Some(Call::YieldVcore))
    }

    /// A call is about to be made: whatever it takes is taken, so that no other vcore takes it.
    pub fn take_for(&mut self, vcore: usize, planned: &Planned) {
        self.next_tag = self.next_tag.max(planned.syscall.tag + 1);
        self.remaining = self.remaining.saturating_sub(1);
        if let Some(block) = planned.block() {
            self.blocks[block] = Hold::Lent;
        }
        match planned.call() {
            Some(Call::Close) => {
                let handle = planned.syscall.handle;
                self.handles.retain(|(raw, _)| *raw != handle);
            }
            Some(Call::BecomeMcp | Call::RequestVcores) => self.asked = true,
            Some(Call::YieldVcore) => self.vcores[vcore].yielding = true,
            Some(Call::Exit) => self.exiting = true,
            _ => {}
        }
    }

    /// Calls were put into the ring of a vcore.
    pub fn submitted(&mut self, simulation: &Simulation, vcore: usize, calls: &[Planned]) {
        let state = &mut *simulation.state.borrow_mut();
        state.tally.calls += calls.len() as u64;
        for planned in calls {
            let tag = planned.syscall.tag;
            if let Some(block) = planned.block() {
                state.memory[self.index * POOL_BLOCKS as usize + block] = [!tag; 8];
            }
            if planned.call() == Some(Call::Cancel) {
                let taken_back = planned.syscall.arguments[0];
                if let Some(call) = self.vcores[vcore].pending.get_mut(&taken_back) {
                    call.cancelled = true;
                }
            }
            let before = self.vcores[vcore].pending.insert(tag, *planned);
            assert!(before.is_none(), "a tag is used once");
        }
    }

    /// Calls were not made after all.
    pub fn not_submitted(&mut self, vcore: usize, calls: &[Planned]) {
        for planned in calls {
            if let Some(block) = planned.block() {
                self.blocks[block] = Hold::Own;
            }
            match planned.call() {
                Some(Call::BecomeMcp | Call::RequestVcores) => self.asked = false,
                Some(Call::YieldVcore) => self.vcores[vcore].yielding = false,
                Some(Call::Exit) => self.exiting = false,
                _ => {}
            }
        }
    }

    /// Its server is another one, or dead: every call that was under way ends here, once.
    pub fn lose_server(&mut self, simulation: &Simulation, vcore: usize) {
        // The new server knows vcore 0 only: what the others had under way ends with it.
        for (index, calls) in self.vcores.iter_mut().enumerate() {
            if vcore == 0 || index == vcore {
                let ended = std::mem::take(&mut calls.pending);
                simulation.state.borrow_mut().tally.ended_by_loss += ended.len() as u64;
                for planned in ended.values() {
                    if let Some(block) = planned.block() {
                        self.blocks[block] = Hold::Own;
                    }
                }
                calls.yielding = false;
            }
        }
        if vcore == 0 {
            self.blocks = [Hold::Own; POOL_BLOCKS as usize];
            self.handles.clear();
            (self.many_core, self.asked, self.has_vcores) = (false, false, false);
            self.exiting = false;
        }
    }

    /// Its vcore 0 is started: where the process had ended, it begins again with nothing to do.
    pub fn start(&mut self, simulation: &Simulation) {
        if self.ended.is_none() && !self.faulted {
            return;
        }
        self.lose_server(simulation, 0);
        (self.remaining, self.faulted, self.ended) = (0, false, None);
        let state = &mut *simulation.state.borrow_mut();
        for vcore in 0..self.vcores.len() {
            state.status[simulation.vcore(self.index, vcore)].alive = true;
        }
    }

    /// Its server says that it is dead.
    pub fn end(&mut self, simulation: &Simulation, status: u64) {
        let index = self.index;
        if self.ended.replace(status).is_some() {
            simulation.violate(format!("exactly once: process {index} ended twice"));
        }
        for calls in &mut self.vcores {
            let ended = std::mem::take(&mut calls.pending);
            simulation.state.borrow_mut().tally.ended_with_process += ended.len() as u64;
        }
        let honest =
            (self.faulted && status == FAULTED) || (self.exiting && status == script::EXIT_STATUS);
        if !honest && !simulation.scenario.process_lies(index) {
            simulation.violate(format!(
                "honesty: process {index} was ended with {status:#x}"
            ));
        }
    }

    /// How far it is, for somebody who looks for what it waits for.
    pub fn describe(&self) -> String {
        let pending = self.vcores.iter().map(|calls| calls.pending.values());
        let pending: Vec<Vec<&Planned>> = pending.map(Iterator::collect).collect();
        format!(
            "{} calls to make, exiting {}, under way by vcore {pending:?}",
            self.remaining, self.exiting
        )
    }

    /// What must hold at the end of a run.
    pub fn check_end(&self, simulation: &Simulation) {
        let cluster = simulation.scenario.cluster_of(self.index);
        if simulation.scenario.lying_cluster == Some(cluster) {
            return;
        }
        if self.ended.is_none() || !self.idle() {
            let what = self.describe();
            simulation.violate(format!(
                "progress: process {} never ended: {what}",
                self.index
            ));
        }
        if simulation.scenario.script
            && let Err(difference) = self.script.verdict()
        {
            let what = script::SCRIPT.get(difference.step);
            simulation.violate(format!(
                "script: process {}: {difference:?}, where {what:?} is expected",
                self.index
            ));
        }
    }
}

impl Simulation {
    /// A device writes a sector of a block.
    pub fn write_sector(&self, pool: u32, block: u32, sector: u64, value: u64) {
        let place = pool as usize * POOL_BLOCKS as usize + block as usize;
        self.state.borrow_mut().memory[place][sector as usize] = value;
        let Some(process) = self.processes.get(pool as usize) else {
            return;
        };
        let process = process.borrow();
        let scenario = self.scenario;
        let of_liar = scenario.process_lies(process.index)
            || scenario.lying_cluster == Some(scenario.cluster_of(process.index));
        // A process is told to be dead only when nothing writes its blocks any more.
        let held = matches!(process.blocks[block as usize], Hold::Lent | Hold::Away)
            && process.ended.is_none();
        if !held && !process.orphaned && !of_liar {
            self.violate(format!(
                "blocks: block {block} of process {} is written, and no call holds it",
                process.index
            ));
        }
    }

    /// Lets a vcore run.
    pub fn start_vcore(&self, process: usize, vcore: usize) {
        if vcore == 0 {
            self.processes[process].borrow_mut().start(self);
        }
        let id = self.vcore(process, vcore);
        let state = &mut *self.state.borrow_mut();
        if state.calm && self.scenario.process_lies(process) {
            // Nobody lies in the calm phase.
            let server = self.scenario.cluster_of(process);
            state.alarms[server].push(process);
            state.ring(server, server);
        }
        state.status[id].granted = true;
        state.status[id].asleep = false;
        state.schedule(id, 0);
    }
}
