//! What must hold at any time, and what must hold when every actor sleeps and nothing is on its way.

use atoll_core::state;
use atoll_files::CALLS;

use crate::driver::Driver;
use crate::simulation::{Role, Simulation};
use crate::state::{Id, State};

impl Simulation {
    /// No actor sleeps with work queued, unless a doorbell is on its way.
    pub fn check_sleepers(&self) {
        for id in 0..self.actors() {
            let status = self.state.borrow().status[id];
            let sleeps = status.alive && status.granted && status.asleep && status.bells == 0;
            if !sleeps {
                continue;
            }
            let found = match &*self.roles[id].borrow() {
                Role::Server(server) => server.backlog(self),
                Role::Files(files) => self.not_under_way(id, files.backlog(self)),
                Role::Blocks(blocks) => self.not_under_way(id, blocks.backlog(self)),
                Role::Driver(driver) => self.not_under_way(id, driver.backlog(self)),
                Role::Vcore(vcore) => self.not_under_way(id, vcore.backlog(self)),
                Role::Device => self.disk_backlog(),
                Role::Liar(_) | Role::Absent => None,
            };
            if id < self.scenario.clusters {
                self.check_grants(id);
            }
            if let Some(what) = found {
                let name = self.name(id);
                self.violate(format!(
                    "lost wake-up: {name} sleeps with {what}, and no doorbell is on its way"
                ));
            }
        }
    }

    /// Those vcores run that a server has noted to be granted.
    fn check_grants(&self, cluster: usize) {
        for process in self.processes_of(cluster) {
            let own = self.processes[process].borrow();
            if own.standing().is_none_or(|(_, condemned)| condemned) {
                continue;
            }
            let state = self.state.borrow();
            let runs = |vcore: &usize| state.status[self.vcore(process, *vcore)].granted;
            let vcores = (0..self.scenario.vcores).filter(runs);
            let run = vcores.fold(0, |all, vcore| all | 1 << vcore);
            drop(state);
            let granted = own.procinfo.granted;
            if run != granted {
                self.violate(format!(
                    "grants: process {process} has vcores {granted:#b}, and {run:#b} run"
                ));
            }
        }
    }

    /// What a sleeping actor has in a window, unless its wake-up is with the servers: a server that sleeps with wake words
    /// set is found for itself, and the supervisor of one that is dead rings.
    fn not_under_way(&self, id: Id, found: Option<(usize, String)>) -> Option<String> {
        let (window, what) = found?;
        if let Some(connection) = self.connections.get(window) {
            let [client, provider] = self.sides_of(connection);
            let other = if client == id { provider } else { client };
            let (here, there) = (self.cluster_of(id), self.cluster_of(other));
            if let Some((channel, end)) = self.plan.channel_between(there as u32, here as u32) {
                let component = self.component_of(other);
                let state = self.state.borrow();
                if !self.passes_on(&state, here)
                    || !self.passes_on(&state, there)
                    || self.wake_requests[component].is_set(window)
                    || self.wake_pages[channel][end].is_set(window)
                {
                    return None;
                }
            }
        }
        Some(format!("{what} in window {window}"))
    }

    /// Whether the server of a cluster passes wake-ups on: it lives, and has looked at what a life before it left.
    fn passes_on(&self, state: &State, cluster: usize) -> bool {
        let begun = match &*self.roles[cluster].borrow() {
            Role::Server(server) => server.has_begun(),
            _ => true,
        };
        begun && state.status[cluster].alive
    }

    /// Whether an actor may be about to ring: it runs, or another vcore of its process does, or its process was stopped in the
    /// middle of something, and its end is going to be announced.
    pub fn may_ring(&self, state: &State, id: Id) -> bool {
        if !self.is_vcore(id) {
            return state.status[id].runnable();
        }
        let (process, _) = self.vcore_of(id);
        let own = self.processes[process].borrow();
        if own.exiting || own.procinfo.condemned == own.life {
            return own.ended.is_none();
        }
        let mut vcores = 0..self.scenario.vcores;
        vcores.any(|vcore| state.status[self.vcore(process, vcore)].runnable())
    }

    /// Whether a server was asked to pass a wake-up on. What a component or a server asked that died does not count: it may
    /// have died before it could ring, and its supervisor does.
    pub fn has_wake_up_to_pass_on(&self, cluster: usize) -> bool {
        let state = self.state.borrow();
        // One that runs may be about to ring.
        let rests = |id: Id| state.status[id].alive && !state.status[id].runnable();
        let of_service = (0..self.scenario.services()).any(|service| {
            let first_life = cluster == 0 && state.services[service].life == 0;
            let words = &self.wake_requests[self.scenario.all_processes() + service];
            first_life && rests(self.service(service)) && words.any()
        });
        let requests = &self.wake_requests;
        let of_processes = self.processes_of(cluster).any(|process| {
            let mut vcores = 0..self.scenario.vcores;
            let first_life = self.life_of(process) == 1;
            let whole = first_life && vcores.all(|vcore| rests(self.vcore(process, vcore)));
            whole && requests[process].any()
        });
        let channels = self.plan.channels().iter().zip(&self.wake_pages);
        let mut incoming = channels.filter_map(|(channel, words)| {
            let own = channel.end_of(cluster as u32)?;
            let neighbour = channel.clusters[1 - own] as usize;
            (rests(neighbour) && words[1 - own].any()).then_some(())
        });
        of_processes || of_service || incoming.next().is_some()
    }

    /// No client has more calls parked at the service than its share.
    pub fn check_shares(&self) {
        if !self.scenario.flooding_process {
            return;
        }
        let Ok(role) = self.roles[self.service(0)].try_borrow() else {
            return;
        };
        if let Role::Files(files) = &*role {
            let share = CALLS / self.scenario.all_processes();
            let state = self.state.borrow();
            let windows = self.connections.iter().map(|it| it.number);
            let honest = windows.map(|window| state.flights.count(window));
            let most = share + honest.sum::<usize>();
            drop(state);
            let parked = files.service().parked();
            if parked > most {
                self.violate(format!(
                    "share: {parked} calls are parked, where the flood may have {share} and {most} are possible"
                ));
            }
        }
    }

    /// What must hold at the end.
    pub fn check_end(&self) {
        if self.state.borrow().violation.is_some() {
            return;
        }
        for process in &self.processes {
            process.borrow().check_end(self);
        }
        for (id, role) in self.roles.iter().enumerate() {
            match &*role.borrow() {
                Role::Server(_) | Role::Driver(_) if !self.state.borrow().status[id].alive => {}
                Role::Server(server) => self.check_server(id, server.personality()),
                Role::Files(files) => self.check_files(files.service()),
                Role::Blocks(blocks) => self.check_blocks(blocks.service()),
                Role::Driver(driver) => self.check_driver(driver),
                _ => {}
            }
        }
        let state = &mut *self.state.borrow_mut();
        state.tally.stale += state.links.left();
    }

    fn check_server(&self, id: Id, personality: &atoll_core::Personality) {
        let name = self.name(id);
        let lives = |process: &usize| {
            let process = personality.process(*process);
            let state = process.and_then(|process| personality.state(process));
            // A server that came after its end does not know it.
            !matches!(
                state,
                None | Some(state::State::Created | state::State::Dead)
            )
        };
        if let Some(process) = self.processes_of(id).find(lives) {
            self.violate(format!(
                "progress: process {process} is not dead for {name}"
            ));
        }
        self.check_frames(id);
        let faults = personality.counters().process_faults;
        if faults > 0 && self.nothing_to_blame() {
            self.violate(format!(
                "honesty: {name} counts {faults} faults of processes, and all are honest and alive"
            ));
        }
    }

    fn check_files(&self, service: &atoll_files::FileService) {
        let lied_to = self.scenario.lying_driver;
        let left = [
            ("calls parked", service.parked()),
            ("calls with the driver", service.device_calls()),
            ("files open", service.open_files()),
            // Those that a driver has which broke the protocol are never used again.
            (
                "blocks in use",
                if lied_to { 0 } else { service.blocks_in_use() },
            ),
        ];
        for (what, count) in left {
            if count > 0 {
                self.violate(format!(
                    "conservation: the service has {count} {what} at the end"
                ));
            }
        }
        let unmatched = service.unmatched();
        if unmatched > 0 && !lied_to {
            self.violate(format!(
                "exactly once: the service had {unmatched} answers too many"
            ));
        }
        self.state.borrow_mut().tally.stale += unmatched;
    }

    fn check_blocks(&self, service: &atoll_blocks::BlockService) {
        self.check_nothing_left(
            "the blocks service",
            service.under_way(),
            service.blocks_in_use(),
        );
    }

    fn check_driver(&self, driver: &Driver) {
        let service = driver.service();
        self.check_nothing_left("the driver", service.under_way(), service.blocks_taken());
    }

    fn check_nothing_left(&self, name: &str, calls: usize, blocks: usize) {
        if calls > 0 || blocks > 0 {
            self.violate(format!(
                "conservation: {name} has {calls} calls and {blocks} blocks at the end"
            ));
        }
    }

    /// Whether every component of this run was honest and none died.
    fn nothing_to_blame(&self) -> bool {
        let scenario = self.scenario;
        let lies = scenario.lying_process
            || scenario.flooding_process
            || scenario.lends_twice
            || scenario.data_may_lie();
        !lies && !scenario.lying_server && self.state.borrow().tally.kills == 0
    }
}
