//! What must be true of the ends of an honest process's calls.

use atoll_abi::block::SECTOR_SIZE;
use atoll_abi::syscall::{Call, Completion, NO_BLOCK, Status};
use atoll_call::{Completed, Ended, Loss};

use crate::driver::content;
use crate::machine::{POOL_BLOCKS, volume};
use crate::process::{Hold, Open, Planned, Process, Target};
use crate::simulation::Simulation;

impl Process {
    /// A completion arrived.
    pub fn complete(
        &mut self,
        world: &Simulation,
        vcore: usize,
        target: Target,
        completion: &Completion,
    ) {
        match self.vcores[vcore].end(target).complete(completion) {
            Completed::Ended(ended) => {
                self.check_data(world, &ended);
                self.ended_call(world, vcore, ended, false);
            }
            Completed::Late { block } => {
                self.late(world, Hold::Away(vcore, completion.tag), block);
            }
            Completed::Unmatched => {
                if target == Target::Server || !world.scenario.lying_service {
                    world.violate(format!(
                        "exactly once: process {} vcore {vcore} got a completion which no call in flight has: {completion:?}",
                        self.index
                    ));
                }
            }
        }
    }

    /// A call that had ended early has been answered, and its block is given back or not.
    fn late(&mut self, world: &Simulation, away: Hold, block: Option<u32>) {
        let own = self.blocks.iter().position(|hold| *hold == away);
        let back = block.map(|block| block as usize);
        match (own, back) {
            (Some(own), Some(back)) if own == back => self.blocks[own] = Hold::Own,
            (Some(own), None) => self.blocks[own] = Hold::Stuck,
            (None, None) => {}
            // A block that is none of the process's pool.
            (None, Some(back)) if back >= POOL_BLOCKS as usize => {}
            _ => world.violate(format!(
                "blocks: process {} got {block:?} back, which was not away",
                self.index
            )),
        }
    }

    /// The service is lost on a vcore: every call there ends, once.
    pub fn on_service_lost(&mut self, world: &Simulation, vcore: usize, loss: Loss) {
        self.close_all_of(self.vcores[vcore].service_life);
        let mut ends = Vec::new();
        self.vcores[vcore].files.lose(loss, |each| ends.push(each));
        for end in ends {
            match end {
                Completed::Ended(ended) => self.ended_call(world, vcore, ended, false),
                Completed::Late { block: Some(block) } => {
                    let hold = self.blocks.get_mut(block as usize);
                    match hold {
                        Some(hold @ Hold::Away(..)) if loss == Loss::Death => *hold = Hold::Own,
                        Some(hold) => {
                            let what = *hold;
                            world.violate(format!("blocks: {what:?} came back with {loss:?}"));
                        }
                        None => {}
                    }
                }
                Completed::Late { block: None } | Completed::Unmatched => {}
            }
        }
        for hold in &mut self.blocks {
            if matches!(hold, Hold::Away(of, _) if *of == vcore) {
                *hold = Hold::Stuck;
            }
        }
    }

    /// A call has ended for the process.
    pub fn ended_call(
        &mut self,
        world: &Simulation,
        vcore: usize,
        ended: Ended<Planned>,
        early: bool,
    ) {
        if self.ended.is_some() {
            // It was counted with its process, which ended in the middle of this step.
            return;
        }
        let (planned, answer) = (ended.waiter, ended.answer);
        let status = answer.status;
        world.state.borrow_mut().tally.completions[status as usize] += 1;
        self.vcores[vcore].pending -= 1;
        if !early && let Err(what) = self.check_status(world, &planned, status) {
            world.violate(format!(
                "result: process {} vcore {vcore}: {what}: {planned:?}",
                self.index
            ));
        }
        self.take_block(world, vcore, &ended, early);
        if world.scenario.script && planned.call() != Some(Call::Exit) {
            let mut completion = Completion::of(&planned.syscall, status, answer.result);
            if !answer.block_returned {
                completion.block = NO_BLOCK;
            }
            self.script.ended(&completion);
        }
        let done = status == Status::Done;
        match planned.call() {
            Some(Call::Open) if done => {
                self.open.push(Open {
                    handle: answer.result[0] as u32,
                    file: planned.file,
                    service_life: self.vcores[vcore].service_life,
                });
                let length = volume().files()[planned.file].length;
                if answer.result[1] != length && !world.scenario.data_may_lie() {
                    world.violate(format!(
                        "result: the length of a file is {length}, not {answer:?}"
                    ));
                }
            }
            Some(Call::BecomeMcp) => (self.asked, self.many_core) = (false, done),
            Some(Call::RequestVcores) => (self.asked, self.has_vcores) = (false, done),
            Some(Call::YieldVcore) => self.vcores[vcore].yielding = false,
            _ => {}
        }
        // One of the vcores has to end the process, and this one may be about to stop.
        if self.remaining == 0 && self.idle() {
            self.ring_others(world, vcore);
        }
    }

    /// Rings the other vcores.
    pub fn ring_others(&self, world: &Simulation, vcore: usize) {
        let me = world.vcore(self.index, vcore);
        let state = &mut *world.state.borrow_mut();
        for other in (0..self.vcores.len()).filter(|&other| other != vcore) {
            state.ring(me, world.vcore(self.index, other), 0);
        }
    }

    fn check_status(
        &self,
        world: &Simulation,
        planned: &Planned,
        status: Status,
    ) -> Result<(), String> {
        let scenario = world.scenario;
        let of_files = planned.target == Target::Files;
        let loses = world.state.borrow().files_died;
        let opens = planned.call() == Some(Call::Open);
        let yields = planned.call() == Some(Call::YieldVcore);
        let possible = match status {
            // Those who lie may say anything.
            _ if scenario.lying_service && of_files => true,
            _ if scenario.lying_driver && of_files && status != Status::Done => true,
            Status::Done => planned.certain.is_none(),
            Status::PeerLost | Status::NoService => of_files && loses,
            Status::DeviceError => of_files && scenario.device_fails,
            Status::Cancelled => !of_files && self.exiting,
            Status::Busy => opens || yields,
            Status::NotAllowed => yields,
            // Another vcore may have closed the file, and a service that died has none open.
            Status::BadHandle => of_files && planned.certain.is_none() && !opens,
            _ => false,
        };
        match planned.certain {
            _ if possible || scenario.script || planned.certain == Some(status) => Ok(()),
            Some(certain) => Err(format!("{status:?}, where {certain:?} is certain")),
            None => Err(format!("{status:?}, for which there is no reason")),
        }
    }

    /// Takes back the block of a call that ended, or notes that it is away.
    fn take_block(
        &mut self,
        world: &Simulation,
        vcore: usize,
        ended: &Ended<Planned>,
        early: bool,
    ) {
        let index = self.index;
        let Some(block) = ended.waiter.block() else {
            return;
        };
        if self.blocks[block] != Hold::Lent {
            world.violate(format!(
                "blocks: process {index} had not lent block {block}"
            ));
        }
        let returned = ended.answer.block_returned;
        self.blocks[block] = match (returned, early) {
            (true, false) => Hold::Own,
            (false, true) => Hold::Away(vcore, ended.tag),
            (true, true) => {
                world.violate(format!(
                    "blocks: process {index} got block {block} back, which the service may still write"
                ));
                Hold::Own
            }
            (false, false) => {
                if !world.scenario.data_may_lie() {
                    world.violate(format!(
                        "blocks: process {index} did not get block {block} back: {ended:?}"
                    ));
                }
                Hold::Stuck
            }
        };
    }

    /// Compares what was read.
    fn check_data(&self, world: &Simulation, ended: &Ended<Planned>) {
        let (planned, answer) = (&ended.waiter, &ended.answer);
        let Some(block) = planned.block() else {
            return;
        };
        if answer.status != Status::Done || world.scenario.data_may_lie() {
            return;
        }
        let [offset, wanted, ..] = planned.syscall.arguments;
        let file = volume().files()[planned.file];
        let bytes = wanted.min(file.length.saturating_sub(offset));
        let first = file.first_block * 8 + offset / SECTOR_SIZE as u64;
        let expected = (first..).map(content);
        let state = &mut *world.state.borrow_mut();
        let held = state.memory[self.index * POOL_BLOCKS as usize + block];
        let sectors = bytes.div_ceil(SECTOR_SIZE as u64) as usize;
        let whole = held.into_iter().zip(expected).take(sectors);
        state.tally.reads_checked += 1;
        if answer.result[0] != bytes || !whole.into_iter().all(|(is, must)| is == must) {
            state.violate(format!(
                "data: process {} was told that {bytes} bytes were read: {answer:?}, and its block holds {held:x?}",
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
        let held = matches!(process.blocks[block as usize], Hold::Lent | Hold::Away(..));
        if !held && !self.scenario.process_lies(process.index) {
            self.violate(format!(
                "blocks: block {block} of process {} is written, and no call has it",
                process.index
            ));
        }
    }
}
