//! What an honest process knows of its calls, its handles and its blocks.

use std::collections::VecDeque;

use atoll_abi::process::FAULTED;
use atoll_abi::syscall::{Call, Status, Syscall};
use atoll_call::{ClientEnd, NEVER, Waiter};
use atoll_channel::CAPACITY;
use atoll_scenarios::script;

use crate::machine::POOL_BLOCKS;
use crate::random::Random;
use crate::scenario::Scenario;
use crate::simulation::Simulation;

/// Who serves a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    Server,
    Files,
}

/// A call as it is made.
#[derive(Clone, Copy, Debug)]
pub struct Planned {
    pub syscall: Syscall,
    pub target: Target,
    /// The file that it is about, by its index in the volume.
    pub file: usize,
    /// How it ends when nothing is wrong with any component; `None` where it can be several ways.
    pub certain: Option<Status>,
    /// Nanoseconds until it ends early.
    pub time_out: Option<u64>,
}

impl Waiter for Planned {
    fn keeps_answer(&self) -> bool {
        false
    }
}

impl Planned {
    /// The call, where it is one.
    pub fn call(&self) -> Option<Call> {
        Call::from_raw(self.syscall.call)
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
    /// That of a call which ended early and which the service has not answered: of which vcore, and its tag.
    Away(usize, u64),
    /// Lost to a service that broke the protocol, or that could not say whether the block is quiet: never used again.
    Stuck,
}

/// A vcore's part of the process.
pub struct Calls {
    pub server: ClientEnd<Planned>,
    pub files: ClientEnd<Planned>,
    /// Calls that have not ended for the process.
    pub pending: usize,
    /// The calls that were made last, of which one may be cancelled.
    pub recent: VecDeque<(Target, u64)>,
    /// A yield is under way: nothing else is done until it ends.
    pub yielding: bool,
    /// When the server wakes the vcore.
    pub alarm: u64,
    /// The life of the file service that it is connected to.
    pub service_life: u32,
}

/// A file that is open.
#[derive(Clone, Copy, Debug)]
pub struct Open {
    pub handle: u32,
    /// Its index in the volume.
    pub file: usize,
    /// The life of the file service that opened it.
    pub service_life: u32,
}

impl Calls {
    fn new(generation: u32, service_life: u32) -> Calls {
        Calls {
            service_life,
            server: ClientEnd::new(generation),
            files: ClientEnd::new(generation),
            pending: 0,
            recent: VecDeque::new(),
            yielding: false,
            alarm: NEVER,
        }
    }

    /// The calls to one of those who serve them.
    pub fn end(&mut self, target: Target) -> &mut ClientEnd<Planned> {
        match target {
            Target::Server => &mut self.server,
            Target::Files => &mut self.files,
        }
    }
}

/// An honest process.
pub struct Process {
    pub index: usize,
    /// Its life, from 1 on.
    pub generation: u32,
    /// Calls that it will still make.
    pub remaining: u64,
    /// Calls that one vcore has under way at most.
    pub depth: usize,
    /// It exits while the service still has calls that ended early.
    pub exits_early: bool,
    pub open: Vec<Open>,
    /// Handles of a life of the service, or of the process, that is over.
    pub stale: VecDeque<u32>,
    pub many_core: bool,
    /// It asked to become a many-core process, or for its vcores.
    pub asked: bool,
    pub has_vcores: bool,
    pub exiting: bool,
    pub vcores: Vec<Calls>,
    pub blocks: [Hold; POOL_BLOCKS as usize],
    pub faulted: bool,
    pub ended: Option<u64>,
    /// What it printed.
    pub lines: Vec<String>,
    pub script: script::Runner,
}

impl Process {
    /// A process in its first life, that was never started.
    pub fn new(scenario: &Scenario, random: &mut Random, index: usize) -> Process {
        let deepest = if random.one_in(2) { 8 } else { 64 };
        let depth = 1 + random.index(deepest);
        Process {
            index,
            generation: 1,
            remaining: scenario.calls / 2 + random.below(scenario.calls),
            depth: if scenario.deep { CAPACITY } else { depth },
            exits_early: random.one_in(3),
            open: Vec::new(),
            stale: VecDeque::new(),
            many_core: false,
            asked: false,
            has_vcores: false,
            exiting: false,
            vcores: (0..scenario.vcores).map(|_| Calls::new(1, 0)).collect(),
            blocks: [Hold::Own; POOL_BLOCKS as usize],
            faulted: false,
            ended: None,
            lines: Vec::new(),
            script: script::Runner::new(index),
        }
    }

    /// Whether it has no call under way but yields, which may never end.
    pub fn idle(&self) -> bool {
        let mut vcores = self.vcores.iter();
        vcores.all(|calls| calls.pending == usize::from(calls.yielding))
    }

    /// Whether all that was sent has been answered.
    pub fn settled(&self) -> bool {
        self.vcores.iter().all(|calls| calls.files.in_flight() == 0)
    }

    /// Begins a new life: every call that was under way has ended with the life before, and no device has its blocks.
    pub fn begin_again(&mut self, world: &Simulation) {
        let pending = self.vcores.iter().map(|calls| calls.pending as u64);
        world.state.borrow_mut().tally.ended_by_loss += pending.sum::<u64>();
        if self.ended.is_some() {
            self.remaining = self.remaining.min(8);
        }
        self.close_all_of(u32::MAX);
        let state = &mut *world.state.borrow_mut();
        let fresh = Process::new(world.scenario, &mut state.random, self.index);
        *self = Process {
            generation: self.generation + 1,
            remaining: self.remaining,
            stale: std::mem::take(&mut self.stale),
            script: self.script,
            vcores: (0..self.vcores.len())
                .map(|_| Calls::new(self.generation + 1, state.service_life))
                .collect(),
            ..fresh
        };
    }

    /// A life of the file service is over: from now on the handles of it, and of those before, must be refused.
    pub fn close_all_of(&mut self, service_life: u32) {
        let over = |open: &mut Open| open.service_life <= service_life;
        for open in self.open.extract_if(.., over) {
            self.stale.push_back(open.handle);
            if self.stale.len() > 8 {
                self.stale.pop_front();
            }
        }
    }

    /// Its server says that it is dead.
    pub fn end(&mut self, world: &Simulation, status: u64) {
        let index = self.index;
        if self.ended.replace(status).is_some() {
            world.violate(format!("exactly once: process {index} ended twice"));
        }
        for calls in &mut self.vcores {
            calls.yielding = false;
            let ended = std::mem::take(&mut calls.pending);
            world.state.borrow_mut().tally.ended_with_process += ended as u64;
        }
        let honest =
            (self.faulted && status == FAULTED) || (self.exiting && status == script::EXIT_STATUS);
        if !honest && !world.scenario.process_lies(index) {
            world.violate(format!(
                "honesty: process {index} was ended with {status:#x}"
            ));
        }
    }

    /// How far it is, for a reader who looks for what it waits for.
    pub fn describe(&self) -> String {
        let vcores = self.vcores.iter().map(|calls| {
            let (server, files) = (calls.server.in_flight(), calls.files.in_flight());
            format!(
                "({} pending, yielding {}, in flight {server} and {files})",
                calls.pending, calls.yielding
            )
        });
        let vcores: Vec<String> = vcores.collect();
        format!(
            "life {}, {} calls to make, exiting {}, ended {:?}, vcores {vcores:?}, blocks {:?}",
            self.generation, self.remaining, self.exiting, self.ended, self.blocks
        )
    }

    /// What must hold at the end of a run.
    pub fn check_end(&self, world: &Simulation) {
        let cluster = world.scenario.cluster_of(self.index);
        if world.scenario.server_lies(cluster) {
            return;
        }
        if self.ended.is_none() || !self.idle() {
            let what = self.describe();
            world.violate(format!(
                "progress: process {} never ended: {what}",
                self.index
            ));
        }
        if world.scenario.script {
            if let Err(difference) = self.script.verdict() {
                let what = script::SCRIPT.get(difference.step);
                world.violate(format!(
                    "script: process {}: {difference:?}, where {what:?} is expected",
                    self.index
                ));
            }
            if self.lines != ["the script is running"] {
                world.violate(format!("script: it printed {:?}", self.lines));
            }
        }
    }
}
