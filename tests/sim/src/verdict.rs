//! What must be true of the completions that an honest process gets.

use atoll_abi::block::SECTOR_SIZE;
use atoll_abi::syscall::{Call, Completion, NO_BLOCK, Status};
use atoll_abi::time::Timeout;

use crate::driver::content;
use crate::machine::{POOL_BLOCKS, volume};
use crate::process::{Hold, Planned, Process};
use crate::simulation::Simulation;

impl Process {
    /// A completion arrived.
    pub fn complete(&mut self, simulation: &Simulation, vcore: usize, completion: &Completion) {
        let tag = completion.tag;
        let Some(planned) = self.vcores[vcore].pending.remove(&tag) else {
            simulation.violate(format!(
                "exactly once: process {} vcore {vcore} got a completion for {tag:#x}, which no call under way has",
                self.index
            ));
            return;
        };
        let status = Status::from_raw(completion.status);
        simulation.state.borrow_mut().tally.completions[status as usize] += 1;
        if let Err(what) = self.check_status(simulation, &planned, status) {
            simulation.violate(format!(
                "result: process {} vcore {vcore}: {what}: {planned:?}",
                self.index
            ));
        }
        self.take_block(simulation, &planned, status, completion);
        if simulation.scenario.script && planned.call() != Some(Call::Exit) {
            self.script.ended(completion);
        }
        let done = status == Status::Done;
        match planned.call() {
            Some(Call::Open) if done => {
                self.handles
                    .push((completion.result[0] as u32, planned.file));
                let length = volume().files()[planned.file].length;
                if completion.result[1] != length && !simulation.scenario.data_may_lie(self.index) {
                    simulation.violate(format!(
                        "result: the length of a file is {length}, not {completion:?}"
                    ));
                }
            }
            Some(Call::BecomeMcp) => (self.asked, self.many_core) = (false, done),
            Some(Call::RequestVcores) => (self.asked, self.has_vcores) = (false, done),
            Some(Call::YieldVcore) => self.vcores[vcore].yielding = false,
            _ => {}
        }
        // Somebody has to end the process, and this vcore may be about to stop.
        if self.remaining == 0 && self.idle() {
            let state = &mut *simulation.state.borrow_mut();
            for other in 0..self.vcores.len() {
                let me = simulation.vcore(self.index, vcore);
                state.ring(me, simulation.vcore(self.index, other));
            }
        }
    }

    fn check_status(
        &self,
        simulation: &Simulation,
        planned: &Planned,
        status: Status,
    ) -> Result<(), String> {
        let scenario = simulation.scenario;
        let liar = scenario.data_may_lie(self.index);
        let state = simulation.state.borrow();
        let loses = state.servers_died || state.driver_died || liar;
        let opens = planned.call() == Some(Call::Open);
        let possible = match status {
            // Those who lie may say anything.
            _ if liar && planned.is_file_call() => true,
            Status::Done => planned.certain.is_none(),
            Status::PeerLost | Status::NoService => loses,
            Status::DeviceError => scenario.driver_fails || liar,
            Status::BadBlock => self.orphaned || liar,
            Status::Cancelled => self.exiting || planned.cancelled,
            Status::TimedOut => planned.syscall.timeout() != Timeout::NONE,
            Status::Busy => opens || planned.call() == Some(Call::YieldVcore),
            Status::NotAllowed => planned.call() == Some(Call::YieldVcore),
            // Another vcore may have closed the file, and a lost channel takes all handles with it.
            Status::BadHandle => planned.certain.is_none() && !opens,
            _ => false,
        };
        match planned.certain {
            _ if possible || scenario.script || planned.certain == Some(status) => Ok(()),
            Some(certain) => Err(format!("{status:?}, where {certain:?} is certain")),
            None => Err(format!("{status:?}, which nobody gave a reason for")),
        }
    }

    /// Takes back the block that comes with a completion, and compares what was read.
    fn take_block(
        &mut self,
        simulation: &Simulation,
        planned: &Planned,
        status: Status,
        completion: &Completion,
    ) {
        let index = self.index;
        if completion.returned != NO_BLOCK {
            match self.blocks.get_mut(completion.returned as usize) {
                Some(hold @ Hold::Away) => *hold = Hold::Own,
                Some(hold @ Hold::Lent) => *hold = Hold::Back,
                _ => simulation.violate(format!(
                    "blocks: process {index} got block {} back, which was not away",
                    completion.returned
                )),
            }
        }
        let Some(block) = planned.block() else {
            return;
        };
        if completion.block != block as u32 && completion.block != NO_BLOCK {
            simulation.violate(format!(
                "blocks: process {index} got a foreign block: {completion:?}"
            ));
        }
        if completion.block == NO_BLOCK && matches!(status, Status::Cancelled | Status::TimedOut) {
            self.blocks[block] = match self.blocks[block] {
                Hold::Back => Hold::Own,
                _ => Hold::Away,
            };
            return;
        }
        if completion.block == NO_BLOCK && status != Status::BadBlock {
            simulation.violate(format!(
                "blocks: process {index} did not get its block back: {completion:?}"
            ));
        }
        if self.blocks[block] != Hold::Lent {
            simulation.violate(format!(
                "blocks: process {index} got a block back twice: {completion:?}"
            ));
        }
        self.blocks[block] = Hold::Own;
        if status != Status::Done || simulation.scenario.data_may_lie(index) {
            return;
        }
        let [offset, wanted, ..] = planned.syscall.arguments;
        let file = volume().files()[planned.file];
        let bytes = wanted.min(file.length.saturating_sub(offset));
        let first = file.first_block * 8 + offset / SECTOR_SIZE as u64;
        let expected = (first..).map(content);
        let state = &mut *simulation.state.borrow_mut();
        let held = state.memory[index * POOL_BLOCKS as usize + block];
        let sectors = bytes.div_ceil(SECTOR_SIZE as u64) as usize;
        let whole = held.into_iter().zip(expected).take(sectors);
        state.tally.reads_checked += 1;
        if completion.result[0] != bytes || !whole.into_iter().all(|(is, must)| is == must) {
            state.violate(format!(
                "data: process {index} was told that {bytes} bytes were read: {completion:?}, and its block holds {held:x?}"
            ));
        }
    }
}
