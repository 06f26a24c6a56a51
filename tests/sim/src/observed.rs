//! What is noted, and checked, of what honest vcores send and take, and of what devices write.

use atoll_abi::block::SECTOR_SIZE;
use atoll_abi::interface::request::ReadSectors;
use atoll_abi::message::{Message, Payload};
use atoll_abi::syscall::Syscall;

use crate::flights::{Flight, block_of};
use crate::machine::sector;
use crate::simulation::Simulation;
use crate::state::Id;
use crate::tap::{generation, incarnations};

impl Simulation {
    /// An honest vcore has sent a message; the `first` one of those that are seen together is told.
    pub fn vcore_sent(
        &self,
        me: Id,
        window: usize,
        generation: u32,
        message: &Message,
        first: bool,
    ) {
        let call = Syscall::from_message(message);
        let reused = block_of(&call).filter(|block| self.is_lent(window, *block));
        let state = &mut *self.state.borrow_mut();
        state.tally.messages += 1;
        if first {
            state.note(me, "publishes", [window as u64, message[0]]);
        }
        state.links.sent(window, 0, generation, &[*message]);
        let service_life = state.service_life;
        let sent = state.flights.sent(window, generation, &call, service_life);
        if let Err(violation) = sent {
            state.violate(violation);
        }
        if let Some(block) = reused {
            let name = self.name(me);
            state.violate(format!(
                "blocks: {name} lends block {block}, which the service may still write, for another call"
            ));
        }
        if let (Some(block), Some((process, _))) = (block_of(&call), self.client_of(window)) {
            // Whoever looks at it before it is read into finds this.
            self.pools[process].spoil(block, call.tag);
        }
    }

    /// Whether a call in flight has a block of the process whose vcore has a window.
    fn is_lent(&self, window: usize, block: u32) -> bool {
        let Some((process, _)) = self.client_of(window) else {
            return false;
        };
        let state = self.state.borrow();
        self.connections_of(process).any(|number| {
            let now = generation(incarnations(*self.windows[number]));
            let has = |it: &Flight| it.block == Some(block) && it.generation == now;
            state.flights.of(number).any(has)
        })
    }

    /// An honest vcore has taken a message.
    pub fn vcore_took(&self, me: Id, window: usize, generation: u32) {
        let state = &mut *self.state.borrow_mut();
        state.note(me, "receives", [window as u64, 0]);
        if let Err(violation) = state.links.taken(window, 1, generation) {
            state.violate(violation);
        }
    }

    /// A device writes a sector of a block.
    pub fn write_sector(&self, read: &ReadSectors, block: u32, number: u64) {
        let pool = read.pool as usize;
        let offset = number as usize * SECTOR_SIZE;
        self.pools[pool].write(block, offset, sector(read.sector + number));
        if pool >= self.processes.len() || self.scenario.process_lies(pool) {
            return;
        }
        let held = {
            let state = self.state.borrow();
            let life = state.service_life;
            let has = |it: &Flight| it.block == Some(block) && it.service_life == life;
            self.connections_of(pool)
                .any(|number| state.flights.of(number).any(has))
        };
        if !held {
            self.violate(format!(
                "blocks: block {block} of process {pool} is written, and no call has it"
            ));
        }
    }
}
