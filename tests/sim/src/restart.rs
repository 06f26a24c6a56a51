//! Starting again what died: new incarnations attach their rings, and the others are woken.

use atoll_channel::Side;

use crate::event::Signal;
use crate::simulation::{Role, Simulation};
use crate::state::Id;

/// Nanoseconds after which a supervisor tries again.
const AGAIN: u64 = 100;

impl Simulation {
    /// Starts a server, a service or the driver again; a little later where an actor that has to be stopped is in the
    /// middle of a step.
    pub fn restart(&self, id: Id) {
        let done = match id {
            _ if self.state.borrow().status[id].alive => true,
            _ if id == self.driver() => self.restart_driver(),
            _ => match self.service_number(id) {
                Some(service) => self.restart_service(service),
                None => self.restart_server(id),
            },
        };
        if !done {
            self.state.borrow_mut().signal(AGAIN, Signal::Restart(id));
        }
    }

    /// Starts a new life of a process, where the one that ended was this.
    pub fn begin(&self, process: usize, life: u32) {
        let known = {
            let own = self.processes[process].borrow();
            // Where its server stays down meanwhile, nothing would start its vcores.
            let down = self.state.borrow().servers_down[self.scenario.cluster_of(process)];
            own.life == life && own.ended.is_some() && !down
        };
        if !known {
            return;
        }
        if !self.is_stopped(process) {
            let state = &mut *self.state.borrow_mut();
            state.signal(AGAIN, Signal::Begin(process, life));
            return;
        }
        self.processes[process].borrow_mut().begin_again();
        for vcore in 0..self.scenario.vcores {
            let id = self.vcore(process, vcore);
            let role = self.cast(id, true);
            *self.roles[id].borrow_mut() = role;
            let status = &mut self.state.borrow_mut().status[id];
            (status.alive, status.granted) = (true, false);
            (status.asleep, status.rung, status.dies_in) = (false, false, None);
        }
        self.notify_server_of(process);
    }

    /// Whether none of a process's vcores is in the middle of a step.
    fn is_stopped(&self, process: usize) -> bool {
        (0..self.scenario.vcores).all(|vcore| {
            let role = &self.roles[self.vcore(process, vcore)];
            role.try_borrow_mut().is_ok()
        })
    }

    fn put(&self, id: Id, role: Role) {
        *self.roles[id].borrow_mut() = role;
        let state = &mut *self.state.borrow_mut();
        state.note(id, "starts again", [0; 2]);
        let status = &mut state.status[id];
        (status.alive, status.asleep) = (true, false);
        state.schedule(id, 0);
    }

    /// A new life of a server takes over the processes of its cluster.
    fn restart_server(&self, cluster: usize) -> bool {
        if self.roles[cluster].try_borrow_mut().is_err() {
            return false;
        }
        let server = self.cast(self.server(cluster), true);
        self.put(self.server(cluster), server);
        true
    }

    /// A service starts with a driver that lives.
    fn restart_service(&self, service: usize) -> bool {
        let (id, driver) = (self.service(service), self.driver());
        let alive = self.state.borrow().status[driver].alive;
        if self.roles[id].try_borrow_mut().is_err() || (!alive && !self.restart_driver()) {
            return false;
        }
        let role = self.cast(id, true);
        {
            let state = &mut *self.state.borrow_mut();
            state.services[service].life += 1;
            for connection in self.clients_of(service) {
                state.flights.forget(connection.number);
            }
        }
        self.put(id, role);
        self.wake_side(service, Side::Second);
        for connection in self.clients_of(service) {
            self.wake_side(connection.number, Side::First);
        }
        true
    }

    /// A new life of the driver resets the disk first of all.
    fn restart_driver(&self) -> bool {
        let id = self.driver();
        if self.roles[id].try_borrow_mut().is_err() {
            return false;
        }
        self.reset_disk();
        let role = self.cast(id, true);
        self.state.borrow_mut().disk_gone = false;
        self.put(id, role);
        (0..self.scenario.services()).for_each(|service| self.wake_side(service, Side::First));
        self.disk_quiet();
        true
    }
}
