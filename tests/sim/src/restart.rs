//! Starting again what died: new incarnations attach their rings, and the others are woken.

use atoll_abi::process::ProcessId;
use atoll_channel::Side;

use crate::event::Signal;
use crate::simulation::{Role, Simulation};
use crate::state::Id;

/// Nanoseconds after which a supervisor tries again.
const AGAIN: u64 = 100;

impl Simulation {
    /// Starts a server, the file service or its driver again; a little later where an actor that has to be stopped is in the
    /// middle of a step.
    pub fn restart(&self, id: Id) {
        let done = match id {
            _ if self.state.borrow().status[id].alive => true,
            _ if id == self.service() => self.restart_service(),
            _ if id == self.driver() => self.restart_driver(),
            _ => self.restart_server(id),
        };
        if !done {
            self.state.borrow_mut().signal(AGAIN, Signal::Restart(id));
        }
    }

    /// Starts a new life of a process whose server lives.
    pub fn begin(&self, process: usize, generation: u32) {
        let known = {
            let own = self.processes[process].borrow();
            own.generation == generation && own.ended.is_some()
        };
        let server = self.server(self.scenario.cluster_of(process));
        if !known || !self.state.borrow().status[server].alive {
            return;
        }
        if !self.is_quiet(process) || !self.is_stopped(process) {
            let state = &mut *self.state.borrow_mut();
            state.signal(AGAIN, Signal::Begin(process, generation));
            return;
        }
        self.attach_process(process);
        self.start_process(process);
    }

    /// Whether no device can still write the blocks of a process: the file service knows that the process is dead, and has
    /// no transfer for it; or the service is dead too, and its device quiet.
    fn is_quiet(&self, process: usize) -> bool {
        let Ok(role) = self.roles[self.service()].try_borrow() else {
            return false;
        };
        let of_it = |pool: &u64| *pool == process as u64;
        if self.state.borrow().transfers.values().any(of_it) {
            return false;
        }
        let slots = self.connection_of(process, 0) - 1;
        match &*role {
            Role::Service(files) if self.state.borrow().status[self.service()].alive => {
                let mut ports = files.clients(self).skip(slots).take(self.scenario.vcores);
                !ports.any(|port| port.has_news(self))
            }
            _ => true,
        }
    }

    /// Whether none of a process's vcores is in the middle of a step.
    fn is_stopped(&self, process: usize) -> bool {
        (0..self.scenario.vcores).all(|vcore| {
            let role = &self.roles[self.vcore(process, vcore)];
            role.try_borrow_mut().is_ok()
        })
    }

    /// The vcores of a new life attach their rings. Its server attaches the others, or begins them anew.
    fn attach_process(&self, process: usize) {
        self.processes[process].borrow_mut().begin_again(self);
        if self.scenario.process_lies(process) {
            return;
        }
        for vcore in 0..self.scenario.vcores {
            let id = self.vcore(process, vcore);
            let role = self.cast(id, true);
            *self.roles[id].borrow_mut() = role;
            let status = &mut self.state.borrow_mut().status[id];
            (status.alive, status.granted) = (true, false);
            (status.asleep, status.rung, status.dies_in) = (false, false, None);
        }
        for number in self.connections_of(process) {
            self.wake_side(number, Side::Second);
        }
    }

    /// Has its server start a process.
    pub fn start_process(&self, process: usize) {
        let generation = self.processes[process].borrow().generation;
        let cluster = self.scenario.cluster_of(process);
        let state = &mut *self.state.borrow_mut();
        state.starts[cluster].push(ProcessId {
            index: process as u16,
            generation,
        });
        state.ring(cluster, self.server(cluster), 0);
    }

    fn put(&self, id: Id, role: Role) {
        *self.roles[id].borrow_mut() = role;
        let state = &mut *self.state.borrow_mut();
        state.note(id, "starts again", [0; 2]);
        let status = &mut state.status[id];
        (status.alive, status.asleep) = (true, false);
        state.schedule(id, 0);
    }

    /// The processes of a dead server have ended with it; they begin anew under the next one.
    fn restart_server(&self, cluster: usize) -> bool {
        let processes = self.processes_of(cluster);
        let lies = |process: usize| self.scenario.process_lies(process);
        let ready = |process| lies(process) || self.is_quiet(process);
        let stopped = self.roles[cluster].try_borrow_mut().is_ok();
        let mut own = processes.clone();
        if !stopped || !own.all(|process| ready(process) && self.is_stopped(process)) {
            return false;
        }
        {
            let state = &mut *self.state.borrow_mut();
            state.faulted[cluster].clear();
            state.starts[cluster].clear();
        }
        for process in processes.clone() {
            self.attach_process(process);
        }
        let server = self.cast(self.server(cluster), true);
        self.put(self.server(cluster), server);
        for process in processes {
            self.start_process(process);
        }
        // Wake-ups that were with the dead server are lost.
        for connection in &self.connections {
            let sides = self
                .sides_of(connection)
                .map(|actor| self.cluster_of(actor));
            if sides[0] != sides[1] && sides.contains(&cluster) {
                self.wake_side(connection.number, Side::First);
                self.wake_side(connection.number, Side::Second);
            }
        }
        true
    }

    /// The file service starts with a driver that lives.
    fn restart_service(&self) -> bool {
        let (id, driver) = (self.service(), self.driver());
        let alive = self.state.borrow().status[driver].alive;
        if self.roles[id].try_borrow_mut().is_err() || (!alive && !self.restart_driver()) {
            return false;
        }
        let role = self.cast(id, true);
        self.state.borrow_mut().service_life += 1;
        self.put(id, role);
        self.wake_side(0, Side::Second);
        for connection in &self.connections[1..] {
            self.wake_side(connection.number, Side::First);
        }
        true
    }

    fn restart_driver(&self) -> bool {
        let id = self.driver();
        if self.roles[id].try_borrow_mut().is_err() {
            return false;
        }
        let role = self.cast(id, true);
        self.put(id, role);
        self.wake_side(0, Side::First);
        true
    }
}
