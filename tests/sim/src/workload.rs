//! Which calls an honest process makes.

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::handle::Handle;
use atoll_abi::interface::{Request, request};
use atoll_abi::name::Name;
use atoll_abi::syscall::{Call, Route, Status, Syscall};
use atoll_call::{NEVER, Refused};
use atoll_channel::CAPACITY;
use atoll_scenarios::script;

use crate::machine::{POOL_BLOCKS, volume};
use crate::process::{Hold, Planned, Process, Target};
use crate::random::Random;
use crate::simulation::Simulation;

/// Calls that a vcore remembers in order to cancel one of them.
const RECENT: usize = 8;

/// A call to the server.
pub fn to_server(request: impl Request, certain: Option<Status>) -> Planned {
    Planned {
        syscall: request.encode(),
        target: Target::Server,
        file: 0,
        certain,
        time_out: None,
    }
}

fn print() -> Planned {
    let text = [u64::from_le_bytes(*b"hi\n\0\0\0\0\0"), 0, 0, 0];
    to_server(request::Print { text, length: 3 }, Some(Status::Done))
}

fn to_files(syscall: Syscall, file: usize, certain: Option<Status>) -> Planned {
    Planned {
        syscall,
        target: Target::Files,
        file,
        certain,
        time_out: None,
    }
}

fn name(text: &str) -> Name {
    Name::new(text).expect("a short word")
}

fn handle(raw: u32) -> Handle {
    Handle::from_raw(raw).unwrap_or(Handle {
        index: 0,
        generation: u16::MAX,
    })
}

impl Process {
    /// Stages the calls that a vcore makes next, if any. Tells whether it did something.
    pub fn plan(&mut self, world: &Simulation, vcore: usize) -> bool {
        let mut any = false;
        for planned in self.choose(world, vcore) {
            match self.vcores[vcore].end(planned.target).room(1) {
                Ok(()) => self.stage(world, vcore, planned),
                Err(Refused::NoCredit) => break,
                // It does without.
                Err(Refused::Lost) => self.remaining = self.remaining.saturating_sub(1),
            }
            any = true;
        }
        any
    }

    /// Stages a call, for which there is room, and takes whatever it takes.
    pub fn stage(&mut self, world: &Simulation, vcore: usize, planned: Planned) {
        let state = &mut *world.state.borrow_mut();
        let now = state.now;
        let calls = &mut self.vcores[vcore];
        let deadline = planned.time_out.map_or(NEVER, |time| now + time);
        let end = calls.end(planned.target);
        let tag = end.stage(planned.syscall, planned, deadline, now);
        state.tally.calls += 1;
        calls.pending += 1;
        // What changes the state of the process is not cancelled: the process has to know its end.
        if planned.certain.is_none() && planned.target == Target::Files {
            calls.recent.push_back((planned.target, tag));
            if calls.recent.len() > RECENT {
                calls.recent.pop_front();
            }
        }
        self.remaining = self.remaining.saturating_sub(1);
        if let Some(block) = planned.block() {
            self.blocks[block] = Hold::Lent;
            state.memory[self.index * POOL_BLOCKS as usize + block] = [!tag; 8];
        }
        match planned.call() {
            Some(Call::Close) => {
                let handle = planned.syscall.handle;
                self.open.retain(|open| open.handle != handle);
            }
            Some(Call::BecomeMcp | Call::RequestVcores) => self.asked = true,
            Some(Call::YieldVcore) => self.vcores[vcore].yielding = true,
            Some(Call::Exit) => self.exiting = true,
            _ => {}
        }
    }

    fn choose(&self, world: &Simulation, vcore: usize) -> Vec<Planned> {
        let calls = &self.vcores[vcore];
        if self.exiting || calls.yielding || self.faulted {
            return Vec::new();
        }
        if world.scenario.script {
            if calls.pending > 0 {
                return Vec::new();
            }
            if let Some(syscall) = self.script.next(0) {
                let target = match self.script.route() {
                    Route::Local | Route::Remote => Target::Files,
                    Route::Runtime | Route::Server => Target::Server,
                };
                return vec![Planned {
                    target,
                    ..to_files(syscall, self.script.next_file(), None)
                }];
            }
        }
        let random = &mut world.state.borrow_mut().random;
        let over = world.scenario.script || self.remaining == 0;
        let settled = self.exits_early || self.settled();
        if over && ((self.idle() && settled) || random.one_in(60)) {
            let status = script::EXIT_STATUS;
            return vec![to_server(request::Exit { status }, Some(Status::Done))];
        }
        if !self.asked
            && let Some(planned) = self.ask_for_vcores(random, vcore)
        {
            return vec![planned];
        }
        let room = self.depth.saturating_sub(calls.pending) as u64;
        let batch = if world.scenario.deep { 40 } else { 6 };
        let most = room.min(self.remaining).min(1 + random.below(batch));
        if self.depth == CAPACITY && random.one_in(5) {
            // As many as there are credits: the ring of completions may become full.
            return vec![print(); room.min(self.remaining) as usize];
        }
        let mut batch: Vec<Planned> = Vec::new();
        let mut free: Vec<usize> = (0..POOL_BLOCKS as usize)
            .filter(|&block| self.blocks[block] == Hold::Own)
            .collect();
        for _ in 0..most {
            let closing = batch.iter().any(|call| call.call() == Some(Call::Close));
            let mut planned = self.one(random, &mut free, closing);
            if planned.target == Target::Files && random.one_in(6) {
                planned.time_out = Some(500 + random.below(4_000));
            }
            batch.push(planned);
            if planned.call() == Some(Call::SetAlarm) {
                batch.push(to_server(request::YieldVcore {}, None));
                break;
            }
        }
        batch
    }

    /// What makes it a many-core process with all its vcores, or brings vcores back.
    fn ask_for_vcores(&self, random: &mut Random, vcore: usize) -> Option<Planned> {
        let count = self.vcores.len() as u64;
        let more = to_server(request::RequestVcores { count }, None);
        if vcore == 0 && count > 1 && self.remaining > 0 {
            if !self.many_core {
                return Some(to_server(request::BecomeMcp {}, None));
            }
            if !self.has_vcores {
                return Some(more);
            }
        }
        let gone = self.vcores.iter().any(|calls| calls.yielding);
        let few = self.remaining == 0 || random.one_in(4);
        (self.many_core && gone && few).then_some(more)
    }

    /// One call.
    fn one(&self, random: &mut Random, free: &mut Vec<usize>, closing: bool) -> Planned {
        let open = match self.open.len() {
            0 => None,
            count => Some(self.open[random.index(count)]),
        };
        // A call that may find its file closed by another one has no certain end.
        let kind = match self.open.len() {
            0..10 => random.below(18),
            _ => random.below(9),
        };
        match (kind, open) {
            (0, _) => {
                let missing = name("missing");
                let missing = request::Open { name: missing }.encode();
                to_files(missing, 0, Some(Status::NotFound))
            }
            (1, _) => {
                let mut unknown = Syscall::EMPTY;
                unknown.call = 99;
                to_files(unknown, 0, Some(Status::UnknownCall))
            }
            (2, _) => {
                let mut read = self.read(random, 77, 0, POOL_BLOCKS + 1);
                read.certain = Some(Status::BadHandle);
                read
            }
            (3, _) => print(),
            (4, Some(open)) if !closing => {
                let file = handle(open.handle);
                to_files(request::Close { file }.encode(), open.file, None)
            }
            (5, Some(open)) => {
                let file = handle(open.handle);
                to_files(request::Stat { file }.encode(), open.file, None)
            }
            (6, _) if self.many_core => {
                let nanoseconds = 1 + random.below(5_000);
                to_server(request::SetAlarm { nanoseconds }, Some(Status::Done))
            }
            (7, _) => {
                let service = name(script::SERVICE);
                to_server(request::Connect { service }, None)
            }
            (8 | 9, _) if !self.stale.is_empty() => {
                let file = handle(self.stale[random.index(self.stale.len())]);
                let stat = request::Stat { file }.encode();
                to_files(stat, 0, Some(Status::BadHandle))
            }
            (_, Some(open)) if !free.is_empty() => {
                let block = free.swap_remove(random.index(free.len()));
                self.read(random, open.handle, open.file, block as u32)
            }
            _ => {
                let file = random.index(script::FILES.len());
                let name = name(script::FILES[file].0);
                to_files(request::Open { name }.encode(), file, None)
            }
        }
    }

    fn read(&self, random: &mut Random, raw: u32, file: usize, block: u32) -> Planned {
        let blocks = volume().files()[file].length.div_ceil(BLOCK_SIZE as u64);
        let read = request::Read {
            file: handle(raw),
            offset: random.below(blocks + 1) * BLOCK_SIZE as u64,
            length: match random.below(3) {
                0 => random.below(BLOCK_SIZE as u64 + 1),
                _ => BLOCK_SIZE as u64,
            },
        };
        let mut read = to_files(read.encode(), file, None);
        read.syscall.handle = raw;
        read.syscall.block = block;
        read
    }
}
