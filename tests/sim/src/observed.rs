//! What is noted, and checked, of what honest vcores send and take, and of what devices write.

use atoll_abi::message::{Message, Payload};
use atoll_abi::syscall::Syscall;

use crate::flights::{Flight, blocks_of, is_written};
use crate::simulation::Simulation;
use crate::state::{Id, State};
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
        let blocks = blocks_of(&call);
        if let (false, Some((process, _))) = (blocks.is_empty(), self.client_of(window)) {
            self.forget_earlier_lives(process);
        }
        let reused = blocks.iter().find(|block| self.is_lent(window, **block));
        let life = self
            .client_of(window)
            .map_or(0, |(process, _)| self.life_of(process));
        let state = &mut *self.state.borrow_mut();
        state.tally.messages += 1;
        if first {
            state.note(me, "publishes", [window as u64, message[0]]);
        }
        state.links.sent(window, 0, generation, &[*message]);
        let service_life = self.life_of_provider(state, window);
        let lives = [life, service_life];
        let sent = state.flights.sent(window, generation, &call, lives);
        if let Err(violation) = sent {
            state.violate(violation);
        }
        if let Some(block) = reused {
            let name = self.name(me);
            state.violate(format!(
                "blocks: {name} lends block {block}, which the service may still write, for another call"
            ));
        }
        let spoiled = blocks.iter().filter(|_| is_written(&call));
        for (block, (process, _)) in spoiled.zip(self.client_of(window).into_iter().cycle()) {
            // Whoever looks at it before it is read into finds this.
            self.pools[process].spoil(*block, call.tag);
        }
    }

    /// The life of the service that answers on a window; a server has no blocks, and its lives do not count.
    fn life_of_provider(&self, state: &State, window: usize) -> u32 {
        let service = self.service_number(self.provider_of(window));
        service.map_or(0, |service| state.services[service].life)
    }

    /// A process has blocks, so no device uses any that an earlier life of it had lent.
    fn forget_earlier_lives(&self, process: usize) {
        for number in self.connections_of(process) {
            let life = self.life_of(process);
            let flights = &mut self.state.borrow_mut().flights;
            flights.forget_before(number, life);
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
            let has = |it: &Flight| it.blocks.contains(&block) && it.generation == now;
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

    /// No block is free that a call has.
    pub fn check_owners(&self) {
        // The script names blocks that it does not have.
        if self.scenario.data_may_lie() || self.scenario.script {
            return;
        }
        let honest = |process: &usize| !self.scenario.process_lies(*process);
        for process in (0..self.processes.len()).filter(honest) {
            let Some(runtime) = self.processes[process].borrow().runtime else {
                continue;
            };
            runtime.show_free_blocks(|free| {
                if !free.is_empty() {
                    // No device used any block when they were made free.
                    self.forget_earlier_lives(process);
                }
                let twice = {
                    let flights = &self.state.borrow().flights;
                    let windows = self.connections_of(process);
                    let mut lent = windows
                        .flat_map(|number| {
                            // What a vcore sent that had not seen its service come back is in no call.
                            let now = generation(incarnations(*self.windows[number]));
                            flights.of(number).filter(move |it| it.generation == now)
                        })
                        .flat_map(|flight| &flight.blocks);
                    lent.find(|block| free.contains(block)).copied()
                };
                if let Some(block) = twice {
                    self.violate(format!(
                        "blocks: block {block} of process {process} is free, and a call has it"
                    ));
                }
            });
        }
    }

    /// The disk or a service writes into a block, or reads it: only while a call has the block that asks for that, of the life that
    /// the service is in, and of the life that the process is in from when that lends a block.
    pub fn check_transfer(&self, pool: usize, block: u32, written: bool) {
        if pool >= self.processes.len() || self.scenario.process_lies(pool) {
            return;
        }
        let held = {
            let state = self.state.borrow();
            let life = state.services[self.scenario.service_of(pool)].life;
            let has = |it: &Flight| {
                it.blocks.contains(&block) && it.written == written && it.service_life == life
            };
            self.connections_of(pool)
                .any(|number| state.flights.of(number).any(has))
        };
        if !held {
            let how = if written { "written" } else { "read" };
            self.violate(format!(
                "blocks: block {block} of process {pool} is {how}, and no call has it"
            ));
        }
    }
}
