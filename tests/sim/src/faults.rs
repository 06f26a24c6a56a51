//! What goes wrong in a run, and what is done about it first.

use atoll_abi::process::FAULTED;

use crate::event::{Event, Signal};
use crate::simulation::Simulation;
use crate::state::{Id, State};

/// Nanoseconds that the calls of a run take, about.
const CALLS: u64 = 40_000;

/// Nanoseconds that a file service takes to start, about: it answers nothing before.
const START: u64 = 110_000;

/// Who is killed: for kill tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Victim {
    /// The server of a cluster.
    Server(usize),
    /// The file service.
    Service,
    /// Its block driver.
    Driver,
    /// A process, by its vcore 0.
    Process(usize),
}

/// What happens while no actor is in the middle of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Task {
    /// An actor is going to die at one of its next points.
    Doom(Id),
    /// A cluster's server died.
    LoseServer(usize),
    /// A service died.
    LoseService(usize),
    /// The driver died.
    LoseDriver,
    /// A vcore of a process took a fault, in this life of the process.
    Fault(usize, u32),
    /// The fault phase is over.
    Calm,
}

/// Starts every actor, and plans the faults of a run.
pub fn prepare(world: &Simulation) {
    let scenario = world.scenario;
    let state = &mut *world.state.borrow_mut();
    // A flood has to rise.
    let calls = CALLS * if scenario.flooding_process { 4 } else { 1 };
    for id in 0..state.status.len() {
        state.schedule(id, 0);
    }
    let mut last = 0;
    let mut doom = |state: &mut State, victim: Id| {
        let when = match state.random.below(4) {
            // While everything starts.
            0 => state.random.below(START),
            // While most calls are made that nothing has disturbed.
            1 | 2 => START + state.random.below(calls),
            // When something may have died and have come back.
            _ => START + state.random.below(calls + START),
        };
        last = last.max(when);
        state.at(when, Event::Task(Task::Doom(victim)));
    };
    for _ in 0..scenario.server_deaths {
        let cluster = state.random.index(scenario.clusters);
        doom(state, world.server(cluster));
    }
    for _ in 0..scenario.service_deaths {
        let service = state.random.index(scenario.services());
        doom(state, world.service(service));
    }
    for _ in 0..scenario.driver_deaths {
        doom(state, world.driver());
    }
    for _ in 0..scenario.process_faults {
        let process = state.random.index(scenario.all_processes());
        let vcore = state.random.index(scenario.vcores);
        doom(state, world.vcore(process, vcore));
    }
    let rest = START + calls / 8 + state.random.below(calls);
    state.at(last.max(rest), Event::Task(Task::Calm));
}

/// An actor dies, now, in the middle of what it does.
pub fn kill(world: &Simulation, state: &mut State, id: Id) {
    let status = &mut state.status[id];
    status.dies_in = None;
    if !std::mem::take(&mut status.alive) {
        return;
    }
    state.tally.kills += 1;
    state.note(id, "dies", [0; 2]);
    state.files_died |= id == world.service(0) || id == world.driver();
    if let Some(died) = state.servers_died.get_mut(id) {
        *died = true;
    }
    let task = match id {
        _ if id < world.scenario.clusters => Task::LoseServer(id),
        _ if id == world.driver() => Task::LoseDriver,
        _ => match world.service_number(id) {
            Some(service) => Task::LoseService(service),
            None => {
                let (process, _) = world.vcore_of(id);
                Task::Fault(process, world.life_of(process))
            }
        },
    };
    let delay = state.random.below(3_000);
    state.at(delay, Event::Task(task));
}

/// Does what has to be done. No actor is in the middle of a step.
pub fn act(world: &Simulation, task: Task) {
    match task {
        Task::Doom(id) => {
            let state = &mut *world.state.borrow_mut();
            if state.calm || !state.status[id].alive || !state.status[id].granted {
                return;
            }
            let points = state.random.below(60);
            state.status[id].dies_in = Some(points);
            if state.status[id].asleep {
                kill(world, state, id);
            }
        }
        Task::LoseServer(cluster) => on_server_lost(world, cluster),
        Task::LoseService(service) => on_service_lost(world, service),
        Task::LoseDriver => on_driver_lost(world),
        Task::Fault(process, life) => {
            if world.life_of(process) == life {
                fault(world, process);
            }
        }
        Task::Calm => calm(world),
    }
}

/// The processes of a dead server go on; their vcores learn that it is gone.
fn on_server_lost(world: &Simulation, cluster: usize) {
    let down = {
        let state = &mut *world.state.borrow_mut();
        let may = world.scenario.servers_stay_down && cluster > 0;
        may && state.random.one_in(2)
    };
    if down {
        world.leave_server_down(cluster);
        return;
    }
    world.announce_server(cluster);
    let state = &mut *world.state.borrow_mut();
    state.note(cluster, "is noticed dead", [0; 2]);
    let delay = 1 + state.random.below(20_000);
    state.signal(delay, Signal::Restart(world.server(cluster)));
}

/// A dead service is announced to its clients when the disk is quiet, or is back before it could be announced.
fn on_service_lost(world: &Simulation, service: usize) {
    let id = world.service(service);
    world.state.borrow_mut().note(id, "is noticed dead", [0; 2]);
    world.tell_driver(service);
}

/// A dead driver's disk goes on until it is reset. A driver may stay away for good.
fn on_driver_lost(world: &Simulation) {
    let state = &mut *world.state.borrow_mut();
    state.note(world.driver(), "is noticed dead", [0; 2]);
    let mut delay = state.random.below(5_000);
    let scenario = world.scenario;
    let may_stay_away = scenario.device_fails && !state.kill_test && state.random.one_in(4);
    let returns = !may_stay_away && !scenario.lying_driver;
    if !returns || state.random.one_in(2) {
        state.signal(delay, Signal::LeaveDriverDown);
        delay += 1 + state.random.below(10_000);
    }
    if returns {
        state.signal(delay, Signal::Restart(world.driver()));
    }
}

/// A process that took a fault is stopped, and its server is told.
fn fault(world: &Simulation, process: usize) {
    let ended = {
        let mut own = world.processes[process].borrow_mut();
        own.faulted = true;
        own.ended.is_some()
    };
    if !ended {
        world.end_or_condemn(process, FAULTED);
    }
}

/// Those who lie are ended, and nothing goes wrong any more.
fn calm(world: &Simulation) {
    let scenario = world.scenario;
    {
        let state = &mut *world.state.borrow_mut();
        state.calm = true;
        state.note(0, "calm", [0; 2]);
        for status in state.status.iter_mut().filter(|_| !state.kill_test) {
            status.dies_in = None;
        }
        if scenario.lying_server {
            state.status[scenario.clusters - 1].alive = false;
        }
        if scenario.lying_driver {
            kill(world, state, world.driver());
        }
        if scenario.lying_service {
            state.status[world.service(0)].alive = false;
        }
    }
    if scenario.lying_service {
        world.tell_driver(0);
    }
    for process in 0..scenario.all_processes() {
        if scenario.process_lies(process) {
            for vcore in 0..scenario.vcores {
                let id = world.vcore(process, vcore);
                world.state.borrow_mut().status[id].alive = false;
            }
            fault(world, process);
        }
    }
}

impl Simulation {
    /// Kills an actor at one of its points, counted from zero.
    pub fn kill_at(&self, victim: Victim, point: u64) {
        let id = self.victim(victim);
        let state = &mut *self.state.borrow_mut();
        state.kill_test = true;
        state.status[id].dies_in = Some(point);
    }

    fn victim(&self, victim: Victim) -> Id {
        match victim {
            Victim::Server(cluster) => self.server(cluster),
            Victim::Process(process) => self.vcore(process, 0),
            Victim::Service => self.service(0),
            Victim::Driver => self.driver(),
        }
    }
}
