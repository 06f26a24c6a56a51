//! The world of a simulated process.

use atoll_abi::frame::FrameState;
use atoll_abi::process::ProcInfo;
use atoll_channel::Side;
use atoll_runtime::world::World;

use crate::gate::{self, Stop};
use crate::simulation::Simulation;

/// Ticks of a microsecond: a tick is a nanosecond of virtual time.
const TICKS: u64 = 1000;

/// What one process reaches.
pub struct ProcessWorld {
    process: usize,
}

impl ProcessWorld {
    /// That of a process.
    pub fn new(process: usize) -> ProcessWorld {
        ProcessWorld { process }
    }
}

impl World for ProcessWorld {
    fn ring_server(&self) {
        gate::ask(|world| world.ring_server_of(self.process));
    }

    fn ring_port(&self, _port: usize, vcore: usize) {
        if !gate::ask(|world| world.ring_service(self.process, vcore)) {
            self.ring_server();
        }
    }

    fn wake_vcore(&self, vcore: usize) {
        let caller = atoll_runtime::current_vcore();
        gate::ask(|world| world.wake_own_vcore(self.process, caller, vcore));
    }

    fn wait(&self, _vcore: usize) {
        gate::stop(Stop::Wait);
    }

    fn ticks(&self) -> u64 {
        gate::now()
    }

    fn ticks_per_microsecond(&self) -> u64 {
        TICKS
    }

    fn procinfo(&self) -> ProcInfo {
        gate::ask(|world| world.processes[self.process].borrow().procinfo)
    }

    fn frame(&self, number: usize) -> FrameState {
        gate::ask(|world| {
            let cluster = world.scenario.cluster_of(self.process);
            world.frames[cluster].borrow().state(number)
        })
    }

    fn exit_without_server(&self, _vcore: usize, status: u64) {
        gate::ask(|world| world.exit_without_server(self.process, status));
    }
}

impl Simulation {
    /// Rings the service for a vcore; `false` where the server of the process has to be rung for that.
    fn ring_service(&self, process: usize, vcore: usize) -> bool {
        let me = self.vcore(process, vcore);
        let connection = &self.connections[self.connection_of(process, vcore)];
        if self.plan.crosses_kernels(connection) {
            self.request_wake(me, connection.number);
            return false;
        }
        let badge = self.badge_of(connection, Side::Second);
        self.state
            .borrow_mut()
            .ring(me, self.service_of(process), badge);
        true
    }

    fn ring_server_of(&self, process: usize) {
        let server = self.server(self.scenario.cluster_of(process));
        let me = self.vcore(process, 0);
        self.state.borrow_mut().ring(me, server, 0);
    }

    /// A vcore wakes one of its process, or itself, for which there is no way to go.
    fn wake_own_vcore(&self, process: usize, caller: usize, vcore: usize) {
        let [me, other] = [caller, vcore].map(|vcore| self.vcore(process, vcore));
        let state = &mut *self.state.borrow_mut();
        match me == other {
            true => state.wake(me, 0),
            false => state.ring(me, other, 0),
        }
    }
}
