//! The start of a machine.

use std::cell::RefCell;
use std::rc::Rc;

use atoll_abi::connection::{Client, Connection};

use super::{Role, Simulation};
use crate::disk::Disk;
use crate::faults;
use crate::frames::Frames;
use crate::gate;
use crate::heap::ProcessMemory;
use crate::memory::{Pool, WakeMemory, Window};
use crate::power::Past;
use crate::process::{LATER_CALLS, Process};
use crate::scenario::Scenario;
use crate::state::State;

impl Simulation {
    /// A run that has not begun.
    pub fn new(scenario: &'static Scenario, seed: u64) -> Rc<Simulation> {
        Simulation::boot(scenario, seed, None)
    }

    /// A machine that starts, where it was stopped before with what is left of it.
    pub fn boot(scenario: &'static Scenario, seed: u64, past: Option<Past>) -> Rc<Simulation> {
        let processes = scenario.all_processes();
        let plan = scenario.plan();
        let connections: Vec<Connection> = plan.connections().collect();
        let vcores = processes * scenario.vcores;
        let actors = scenario.clusters + 4 + vcores;
        let windows = connections.len() + vcores;
        let (again, looks) = (past.is_some(), past.as_ref().is_some_and(|past| past.looks));
        let mut state = State::new(scenario, seed, actors, windows);
        let store = past.map(|past| state.go_on(past));
        gate::install();
        let world = Rc::new_cyclic(|me| Simulation {
            me: me.clone(),
            scenario,
            windows: (0..windows).map(|_| Window::new()).collect(),
            connections,
            roles: (0..actors).map(|_| RefCell::new(Role::Absent)).collect(),
            processes: (0..processes)
                .map(|index| {
                    let calls = match (
                        looks,
                        again && !scenario.process_logs(index) && !scenario.process_writes(index),
                    ) {
                        (true, _) => 0,
                        (_, true) => state.random.below(LATER_CALLS),
                        _ => scenario.calls / 2 + state.random.below(scenario.calls),
                    };
                    RefCell::new(Process::new(&plan, index, calls))
                })
                .collect(),
            pools: (0..processes + scenario.services())
                .map(|_| Pool::new())
                .collect(),
            frames: (0..scenario.clusters)
                .map(|cluster| RefCell::new(Frames::new(plan.frames_of(cluster as u32))))
                .collect(),
            plan,
            state: RefCell::new(state),
            wake_requests: (0..processes + scenario.services())
                .map(|_| WakeMemory::new())
                .collect(),
            wake_pages: (0..scenario.channels())
                .map(|_| [WakeMemory::new(), WakeMemory::new()])
                .collect(),
            disk: RefCell::new(Disk::new(store)),
            seed,
            memory: ProcessMemory::new(),
        });
        world.add_links();
        world.prepare_disk();
        for id in 0..actors {
            let role = world.cast(id, false);
            let status = &mut world.state.borrow_mut().status[id];
            status.alive = !matches!(role, Role::Absent);
            status.granted = !world.is_vcore(id);
            *world.roles[id].borrow_mut() = role;
        }
        faults::prepare(&world);
        world.state.borrow_mut().plan_cut();
        world
    }

    /// Watches every window; those of which a side lies are hostile.
    fn add_links(&self) {
        let scenario = self.scenario;
        let links = &mut self.state.borrow_mut().links;
        // What floods is valid.
        let lies = |process| scenario.lying_process && scenario.process_lies(process);
        for connection in &self.connections {
            links.add(match connection.client {
                Client::Service(_) => scenario.lying_driver || scenario.lying_service,
                Client::Vcore { process, .. } => scenario.lying_service || lies(process),
            });
        }
        for process in 0..scenario.all_processes() {
            (0..scenario.vcores).for_each(|_| links.add(lies(process)));
        }
    }
}
