//! Which calls an honest process makes.

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::name::Name;
use atoll_abi::syscall::{Call, NO_BLOCK, Status, Syscall};
use atoll_abi::time::Timeout;
use atoll_core::FIRST_GENERATION;
use atoll_scenarios::script;

use crate::machine::{POOL_BLOCKS, volume};
use crate::process::{Hold, Planned, Process};
use crate::random::Random;
use crate::simulation::Simulation;

/// A call with nothing but its name and tag.
fn bare(call: Call, tag: u64) -> Planned {
    Planned {
        syscall: Syscall {
            tag,
            call: call as u16,
            pool: 0,
            handle: 0,
            arguments: [0; 4],
            block: NO_BLOCK,
            generation: FIRST_GENERATION,
        },
        file: 0,
        certain: Some(Status::Done),
        cancelled: false,
    }
}

fn open(name: &str, tag: u64) -> Planned {
    let mut planned = bare(Call::Open, tag);
    planned.syscall.arguments = Name::new(name).expect("a short word").to_words();
    planned
}

impl Process {
    /// The calls that a vcore makes next, if any.
    pub fn plan(&mut self, simulation: &Simulation, vcore: usize) -> Vec<Planned> {
        let calls = self.choose(simulation, vcore);
        for planned in &calls {
            self.take_for(vcore, planned);
        }
        calls
    }

    fn choose(&self, simulation: &Simulation, vcore: usize) -> Vec<Planned> {
        let calls = &self.vcores[vcore];
        if self.exiting || calls.yielding || self.faulted {
            return Vec::new();
        }
        let tag = self.next_tag;
        if simulation.scenario.script {
            if !calls.pending.is_empty() {
                return Vec::new();
            }
            if let Some(syscall) = self.script.next(tag) {
                return vec![Planned {
                    syscall,
                    file: self.script.next_file(),
                    certain: None,
                    cancelled: false,
                }];
            }
        }
        let random = &mut simulation.state.borrow_mut().random;
        let mut exit = bare(Call::Exit, tag);
        exit.syscall.arguments[0] = script::EXIT_STATUS;
        let over = simulation.scenario.script || self.remaining == 0;
        if over && (self.idle() || random.one_in(40)) {
            return vec![exit];
        }
        if vcore == 0 && self.vcores.len() > 1 && !self.asked && self.remaining > 0 {
            if !self.many_core {
                return vec![bare(Call::BecomeMcp, tag)];
            }
            if !self.has_vcores {
                let mut request = bare(Call::RequestVcores, tag);
                request.syscall.arguments[0] = self.vcores.len() as u64;
                return vec![request];
            }
        }
        let room = self.depth.saturating_sub(calls.pending.len()) as u64;
        let batch = if simulation.scenario.deep { 40 } else { 6 };
        let most = room.min(self.remaining).min(1 + random.below(batch));
        let mut batch: Vec<Planned> = Vec::new();
        let mut free: Vec<usize> = (0..POOL_BLOCKS as usize)
            .filter(|&block| self.blocks[block] == Hold::Own)
            .collect();
        for tag in (tag..).take(most as usize) {
            let closing = batch.iter().any(|call| call.call() == Some(Call::Close));
            let mut planned = self.one(random, tag, &mut free, closing, !calls.pending.is_empty());
            // Whoever is served at once is served in time.
            if random.one_in(8)
                && planned.certain.is_none()
                && planned.call() != Some(Call::YieldVcore)
            {
                let microseconds = 1 + random.below(4);
                planned.syscall.pool = Timeout::from_microseconds(microseconds).to_raw();
            }
            if random.one_in(12) && !calls.pending.is_empty() {
                let under_way = calls.pending.keys().nth(random.index(calls.pending.len()));
                planned = bare(Call::Cancel, tag);
                planned.syscall.arguments[0] = under_way.copied().unwrap_or(0);
            }
            batch.push(planned);
            if planned.call() == Some(Call::YieldVcore) {
                break;
            }
        }
        batch
    }

    /// One call.
    fn one(
        &self,
        random: &mut Random,
        tag: u64,
        free: &mut Vec<usize>,
        closing: bool,
        may_yield: bool,
    ) -> Planned {
        let handle = match self.handles.len() {
            0 => None,
            count => Some(self.handles[random.index(count)]),
        };
        // A call that may find its file closed by another one has no certain end.
        let kind = match self.handles.len() {
            0..10 => random.below(16),
            _ => random.below(8),
        };
        match (kind, handle) {
            (0, _) => Planned {
                certain: Some(Status::NotFound),
                ..open("missing", tag)
            },
            (1, _) => {
                let mut unknown = bare(Call::Open, tag);
                unknown.syscall.call = 99;
                unknown.certain = Some(Status::UnknownCall);
                unknown
            }
            (2, _) => {
                let mut read = self.read(random, tag, (0, 0), 0);
                read.syscall.handle = 77;
                read.syscall.block = POOL_BLOCKS + 1;
                read.certain = Some(Status::BadHandle);
                read
            }
            (3, _) => {
                let mut print = bare(Call::Print, tag);
                print.syscall.block = 3;
                print.syscall.arguments[0] = u64::from_le_bytes(*b"hi\n\0\0\0\0\0");
                print
            }
            (4, Some((raw, _))) if !closing => {
                let mut close = bare(Call::Close, tag);
                close.syscall.handle = raw;
                close.certain = None;
                close
            }
            (5, Some((raw, file))) => {
                let mut stat = bare(Call::Stat, tag);
                (stat.syscall.handle, stat.file, stat.certain) = (raw, file, None);
                stat
            }
            (7, _) => {
                let mut sleep = bare(Call::Sleep, tag);
                let microseconds = 1 + random.below(30);
                sleep.syscall.pool = Timeout::from_microseconds(microseconds).to_raw();
                sleep.certain = Some(Status::TimedOut);
                sleep
            }
            // A call that is under way will wake the vcore.
            (6, _) if self.many_core && may_yield => {
                let mut yields = bare(Call::YieldVcore, tag);
                yields.certain = None;
                yields
            }
            (_, Some(handle)) if !free.is_empty() => {
                let block = free.swap_remove(random.index(free.len()));
                self.read(random, tag, handle, block as u32)
            }
            _ => {
                let file = random.index(script::FILES.len());
                let mut opened = open(script::FILES[file].0, tag);
                (opened.file, opened.certain) = (file, None);
                opened
            }
        }
    }

    fn read(&self, random: &mut Random, tag: u64, of: (u32, usize), block: u32) -> Planned {
        let (raw, file) = of;
        let blocks = volume().files()[file].length.div_ceil(BLOCK_SIZE as u64);
        let mut read = bare(Call::Read, tag);
        read.syscall.handle = raw;
        read.syscall.block = block;
        read.syscall.arguments[0] = random.below(blocks + 1) * BLOCK_SIZE as u64;
        read.syscall.arguments[1] = match random.below(3) {
            0 => random.below(BLOCK_SIZE as u64 + 1),
            _ => BLOCK_SIZE as u64,
        };
        (read.file, read.certain) = (file, None);
        read
    }
}
