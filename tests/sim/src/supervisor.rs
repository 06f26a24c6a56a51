//! The root tasks: they notice who died, quiesce devices, announce deaths, and wake those who have to know.

use atoll_abi::connection::{Connection, Provider};
use atoll_abi::plan::MAX_PROCESSES;
use atoll_abi::process::{FAULTED, ProcessId, is_failure};
use atoll_channel::Side;
use atoll_core::vcore::VcoreSets;

use crate::event::Signal;
use crate::memory::WakeMemory;
use crate::simulation::Simulation;
use crate::state::Id;

impl Simulation {
    /// The wake requests of a component, by the number under which its server knows it.
    pub fn requests_of(&self, component: usize) -> &WakeMemory {
        // Those of services are behind those of the processes.
        let service = component.checked_sub(MAX_PROCESSES);
        let of_service = |service| self.scenario.all_processes() + service;
        &self.wake_requests[service.map_or(component, of_service)]
    }

    /// The place of the wake requests of an actor that is a service or a vcore.
    pub fn component_of(&self, id: Id) -> usize {
        match self.service_number(id) {
            Some(service) => self.scenario.all_processes() + service,
            None => self.vcore_of(id).0,
        }
    }

    /// An actor asks its server to wake the other side of a connection.
    pub fn request_wake(&self, me: Id, connection: usize) {
        let component = self.component_of(me);
        self.wake_requests[component].attach().set(connection);
        let state = &mut *self.state.borrow_mut();
        state.note(me, "requests a wake-up", [connection as u64, 0]);
    }

    /// Wakes the side of a connection that a cluster has.
    pub fn wake_own_side(&self, cluster: usize, connection: usize, by: Id) {
        let connection = &self.connections[connection];
        let sides = self.sides_of(connection).into_iter();
        for (actor, side) in sides.zip([Side::First, Side::Second]) {
            if self.cluster_of(actor) == cluster {
                let badge = self.badge_of(connection, side);
                self.state.borrow_mut().ring(by, actor, badge);
            }
        }
    }

    /// A root task wakes one side of a connection on behalf of the other one.
    pub fn wake_side(&self, number: usize, side: Side) {
        let connection = &self.connections[number];
        let [client, provider] = self.sides_of(connection);
        let (to, other) = match side {
            Side::First => (client, provider),
            Side::Second => (provider, client),
        };
        let (here, there) = (self.cluster_of(other), self.cluster_of(to));
        match self.plan.channel_between(here as u32, there as u32) {
            None => {
                let badge = self.badge_of(connection, side);
                self.state.borrow_mut().ring(other, to, badge);
            }
            Some((channel, end)) => {
                self.wake_pages[channel][end].attach().set(number);
                let server = self.server(there);
                self.state.borrow_mut().ring(other, server, 0);
            }
        }
    }

    /// The connections of a process to its service.
    pub fn connections_of(&self, process: usize) -> std::ops::Range<usize> {
        let first = self.connection_of(process, 0);
        first..first + self.scenario.vcores
    }

    /// The processes of a cluster.
    pub fn processes_of(&self, cluster: usize) -> std::ops::Range<usize> {
        let each = self.scenario.processes;
        cluster * each..(cluster + 1) * each
    }

    /// The life that a process is in.
    pub fn life_of(&self, process: usize) -> u32 {
        self.processes[process].borrow().life
    }

    /// Takes the cores of a process away for good.
    pub fn stop_process(&self, process: usize) {
        let state = &mut *self.state.borrow_mut();
        for vcore in 0..self.scenario.vcores {
            state.status[self.vcore(process, vcore)].granted = false;
        }
    }

    /// Has its server end a process, which is stopped. It is noted for the life of the server that there is and for the next
    /// one.
    pub fn condemn(&self, process: usize) {
        self.stop_process(process);
        {
            let procinfo = &mut self.processes[process].borrow_mut().procinfo;
            procinfo.condemned = procinfo.generation;
        }
        self.notify_server_of(process);
    }

    /// Ends a process that cannot go on, or has its server end it, where that does not stay down.
    pub fn end_or_condemn(&self, process: usize, status: u64) {
        let cluster = self.scenario.cluster_of(process);
        if self.state.borrow().servers_down[cluster] {
            let id = self.processes[process].borrow().id();
            self.process_ended(id, status);
        } else {
            self.condemn(process);
        }
    }

    /// A dead server stays down. Those of its processes end that only it could have ended or run; the others learn it, and the
    /// vcores run that its next life would have started.
    pub fn leave_server_down(&self, cluster: usize) {
        {
            let state = &mut *self.state.borrow_mut();
            state.servers_down[cluster] = true;
            state.note(cluster, "stays down", [0; 2]);
        }
        for process in self.processes_of(cluster) {
            self.processes[process].borrow_mut().procinfo.server_down = 1;
        }
        self.announce_server(cluster);
        for process in self.processes_of(cluster) {
            let (standing, vcores) = {
                let own = self.processes[process].borrow();
                (own.standing(), VcoreSets::of(&own.procinfo))
            };
            let Some((_, condemned)) = standing else {
                continue;
            };
            if condemned || vcores.granted | vcores.resumes == 0 {
                self.end_or_condemn(process, FAULTED);
                continue;
            }
            let runs = |vcore: &usize| vcores.resumes & 1 << vcore != 0;
            for vcore in (0..self.scenario.vcores).filter(runs) {
                self.start_vcore(process, vcore);
            }
        }
    }

    /// A process ends whose exit did not reach its server: the next life of that ends it.
    pub fn exit_without_server(&self, process: usize, status: u64) {
        let known = self.processes[process]
            .borrow_mut()
            .exit_status
            .replace(status);
        if known.is_none() {
            self.end_or_condemn(process, status);
        }
    }

    /// Has a server look what is noted of a process.
    pub fn notify_server_of(&self, process: usize) {
        let server = self.server(self.scenario.cluster_of(process));
        self.state.borrow_mut().ring(server, server, 0);
    }

    /// Announces a process dead to its server and to its service.
    fn announce_process(&self, process: usize) {
        for vcore in 0..self.scenario.vcores {
            let window = self.server_window(process, vcore);
            self.windows[window].announce_lost(Side::First);
        }
        self.notify_server_of(process);
        for number in self.connections_of(process) {
            self.windows[number].announce_lost(Side::First);
            self.wake_side(number, Side::Second);
        }
    }

    /// Announces a server dead to the vcores of its processes.
    pub fn announce_server(&self, cluster: usize) {
        for process in self.processes_of(cluster) {
            for vcore in 0..self.scenario.vcores {
                let window = self.server_window(process, vcore);
                self.windows[window].announce_lost(Side::Second);
                let (server, vcore) = (self.server(cluster), self.vcore(process, vcore));
                self.state.borrow_mut().ring(server, vcore, 0);
            }
        }
    }

    /// Connections of the clients of a service.
    pub fn clients_of(&self, service: usize) -> impl Iterator<Item = &Connection> {
        let provider = Provider::Service(service);
        self.connections
            .iter()
            .filter(move |connection| connection.provider == provider)
    }

    /// Announces a service dead to all its clients.
    pub fn announce_service(&self, service: usize) {
        for connection in self.clients_of(service) {
            // The disk is quiet, and the clients take back what they had lent.
            self.state.borrow_mut().flights.forget(connection.number);
            self.windows[connection.number].announce_lost(Side::Second);
            self.wake_side(connection.number, Side::First);
        }
    }

    /// The driver is told of the death of a service. Its clients learn of it when the disk is quiet: blocks that it could still
    /// write are not to be given back yet.
    pub fn tell_driver(&self, service: usize) {
        let gone = {
            let state = &mut *self.state.borrow_mut();
            state.services[service].waits_for_quiet = true;
            state.disk_gone
        };
        self.windows[service].announce_lost(Side::First);
        self.wake_side(service, Side::Second);
        if gone {
            self.service_quiet(service);
        }
    }

    /// The disk transfers nothing any more for a service. Where that is dead its clients may learn it, and it may start again.
    pub fn service_quiet(&self, service: usize) {
        let id = self.service(service);
        let state = &mut *self.state.borrow_mut();
        if !std::mem::take(&mut state.services[service].waits_for_quiet) {
            return;
        }
        state.note(id, "is quiet", [0; 2]);
        let mut delay = state.random.below(2_000);
        let returns = !self.scenario.lying_service;
        if !returns || state.random.one_in(2) {
            state.signal(delay, Signal::AnnounceService(service));
            delay += 1 + state.random.below(20_000);
        }
        if returns {
            state.signal(delay, Signal::Restart(id));
        }
    }

    /// The disk was reset: it transfers nothing any more for anybody.
    pub fn disk_quiet(&self) {
        (0..self.scenario.services()).for_each(|service| self.service_quiet(service));
    }

    /// The driver stays down: the disk is reset, and the services learn that it is gone.
    pub fn leave_driver_down(&self) {
        self.reset_disk();
        self.state.borrow_mut().disk_gone = true;
        for service in 0..self.scenario.services() {
            self.windows[service].announce_lost(Side::Second);
            self.wake_side(service, Side::First);
        }
        self.disk_quiet();
    }

    /// A server says that a process is dead: its root task announces it, and starts it again perhaps.
    pub fn process_ended(&self, id: ProcessId, status: u64) {
        let index = usize::from(id.index);
        {
            let mut process = self.processes[index].borrow_mut();
            if process.id() != id {
                return;
            }
            process.end(self, status);
            let state = &mut *self.state.borrow_mut();
            let failed = process.ended.is_some_and(is_failure);
            let down = state.servers_down[self.scenario.cluster_of(index)];
            let may = failed && !down && !self.scenario.process_lies(index);
            if may && !state.calm && state.random.one_in(2) {
                let delay = state.random.below(5_000);
                state.signal(delay, Signal::Begin(index, id.generation));
            }
            // No server adopts it.
            process.procinfo.generation = 0;
        }
        self.stop_process(index);
        self.announce_process(index);
    }

    /// Lets a vcore run.
    pub fn start_vcore(&self, process: usize, vcore: usize) {
        let id = self.vcore(process, vcore);
        let state = &mut *self.state.borrow_mut();
        let status = &mut state.status[id];
        status.granted = true;
        status.asleep = false;
        // A vcore that was about to sleep when it was stopped looks at its rings again.
        status.rung = true;
        state.schedule(id, 0);
    }
}
