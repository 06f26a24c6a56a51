//! The root tasks: they notice who died, say so to those who have to know, and start servers again. And the faults.

use atoll_channel::Side;

use crate::driver::Driver;
use crate::server::Server;
use crate::simulation::{Role, Simulation};
use crate::state::{Event, Id, Signal, State};

/// Nanoseconds of the fault phase, at most: about as long as the calls of a run take.
const FAULT_PHASE: u64 = 40_000;

/// What a supervisor does, or a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Task {
    /// A cluster's server is going to die at one of its next points.
    Doom(Id),
    /// A cluster's server died: its processes and its device are stopped.
    Mourn(usize),
    /// A driver died.
    LoseDriver(usize),
    /// A vcore of a process took a fault.
    Fault(usize),
    /// The fault phase is over.
    Calm,
}

/// Starts everybody, and plans the faults of a run.
pub fn prepare(simulation: &Simulation) {
    let scenario = simulation.scenario;
    let state = &mut *simulation.state.borrow_mut();
    let phase = FAULT_PHASE / 8 + state.random.below(FAULT_PHASE);
    for id in 0..state.status.len() {
        state.schedule(id, 0);
    }
    for _ in 0..scenario.server_deaths {
        let cluster = state.random.index(scenario.clusters);
        let when = state.random.below(phase);
        state.at(when, Event::Task(Task::Doom(cluster)));
    }
    for _ in 0..scenario.process_faults {
        let process = state.random.index(scenario.all_processes());
        let vcore = state.random.index(scenario.vcores);
        let when = state.random.below(phase);
        let victim = simulation.vcore(process, vcore);
        state.at(when, Event::Task(Task::Doom(victim)));
    }
    state.at(phase, Event::Task(Task::Calm));
}

/// An actor dies, now, in the middle of what it does.
pub fn kill(simulation: &Simulation, state: &mut State, id: Id) {
    let status = &mut state.status[id];
    status.dies_in = None;
    if !std::mem::take(&mut status.alive) {
        return;
    }
    state.tally.kills += 1;
    state.note(id, "dies", [0; 2]);
    let clusters = simulation.scenario.clusters;
    state.servers_died |= id < clusters;
    state.driver_died |= (clusters..2 * clusters).contains(&id);
    let delay = state.random.below(3_000);
    let task = match id {
        _ if id < clusters => Task::Mourn(id),
        _ if id < 2 * clusters => Task::LoseDriver(id - clusters),
        _ => Task::Fault((id - 2 * clusters) / simulation.scenario.vcores),
    };
    state.at(delay, Event::Task(task));
}

/// Does what a supervisor has to do. No actor is in the middle of a step.
pub fn act(simulation: &Simulation, task: Task) {
    match task {
        Task::Doom(id) => {
            let state = &mut *simulation.state.borrow_mut();
            if state.calm || !state.status[id].alive || !state.status[id].granted {
                return;
            }
            let points = state.random.below(60);
            state.status[id].dies_in = Some(points);
            if state.status[id].asleep {
                kill(simulation, state, id);
            }
        }
        Task::Mourn(cluster) => mourn(simulation, cluster),
        Task::LoseDriver(cluster) => lose_driver(simulation, cluster),
        Task::Fault(process) => fault(simulation, process),
        Task::Calm => calm(simulation),
    }
}

/// The processes of a dead server stop where they are, and its device is made quiet, before anybody hears of the death:
/// blocks that the device could still write are nobody else's yet.
fn mourn(simulation: &Simulation, cluster: usize) {
    if let Role::Driver(driver) = &mut *simulation.roles[simulation.driver(cluster)].borrow_mut() {
        driver.quiesce();
    }
    for process in simulation.processes_of(cluster) {
        simulation.processes[process].borrow_mut().orphaned = true;
    }
    let state = &mut *simulation.state.borrow_mut();
    for process in simulation.processes_of(cluster) {
        for vcore in 0..simulation.scenario.vcores {
            state.status[simulation.vcore(process, vcore)].granted = false;
        }
    }
    state.note(cluster, "is mourned", [0; 2]);
    // Whether it is announced, or back before anybody could be told.
    let mut delay = state.random.below(5_000);
    if state.random.one_in(2) {
        state.signal(delay, Signal::Announce(cluster));
        delay += 1 + state.random.below(20_000);
    }
    state.signal(delay, Signal::Restart(cluster));
}

/// Marks the dead server's side of all its channels, and rings everybody at their other sides.
pub fn announce(simulation: &Simulation, state: &mut State, cluster: usize) {
    let scenario = simulation.scenario;
    state.note(cluster, "is announced lost", [0; 2]);
    for channel in 0..scenario.channels() {
        match cluster {
            0 => simulation.windows[channel].announce_lost(Side::First),
            _ if cluster == channel + 1 => simulation.windows[channel].announce_lost(Side::Second),
            _ => continue,
        }
        let peer = if cluster == 0 { channel + 1 } else { 0 };
        state.ring(cluster, peer);
    }
    simulation.windows[scenario.channels() + cluster].announce_lost(Side::First);
    state.ring(cluster, simulation.driver(cluster));
    for process in simulation.processes_of(cluster) {
        for vcore in 0..scenario.vcores {
            let window = simulation.vcore_window(process, vcore);
            simulation.windows[window].announce_lost(Side::First);
        }
    }
}

/// Starts a server again, and its driver where that is dead too; a little later where one of them has not quite stopped.
pub fn restart(simulation: &Simulation, cluster: usize) {
    let driver = simulation.driver(cluster);
    let places = [&simulation.roles[cluster], &simulation.roles[driver]];
    let [Ok(mut server_role), Ok(mut driver_role)] = places.map(|role| role.try_borrow_mut())
    else {
        let state = &mut *simulation.state.borrow_mut();
        state.signal(100, Signal::Restart(cluster));
        return;
    };
    let driver_died = !simulation.state.borrow().status[driver].alive;
    if let (Role::Driver(role), true) = (&mut *driver_role, driver_died) {
        *role = Driver::new(simulation, true);
    }
    *server_role = Role::Server(Box::new(Server::new(simulation, cluster, true)));
    let state = &mut *simulation.state.borrow_mut();
    state.note(cluster, "starts again", [0; 2]);
    state.alarms[cluster].clear();
    let back = match (&*driver_role, driver_died) {
        (Role::Driver(_), true) => vec![cluster, driver],
        _ => vec![cluster],
    };
    for id in back {
        state.status[id].alive = true;
        state.status[id].asleep = false;
        state.schedule(id, 0);
    }
    for channel in 0..simulation.scenario.channels() {
        if cluster == 0 || cluster == channel + 1 {
            let peer = if cluster == 0 { channel + 1 } else { 0 };
            state.ring(cluster, peer);
        }
    }
    state.ring(cluster, driver);
}

/// Marks a dead driver's side of its channel, unless its cluster's server has died too, and both are back.
fn lose_driver(simulation: &Simulation, cluster: usize) {
    if simulation.state.borrow().status[simulation.driver(cluster)].alive {
        return;
    }
    let window = simulation.scenario.channels() + cluster;
    simulation.windows[window].announce_lost(Side::Second);
    let state = &mut *simulation.state.borrow_mut();
    state.ring(simulation.driver(cluster), cluster);
}

/// Tells a server that one of its processes took a fault.
fn fault(simulation: &Simulation, process: usize) {
    let cluster = simulation.scenario.cluster_of(process);
    simulation.processes[process].borrow_mut().faulted = true;
    let state = &mut *simulation.state.borrow_mut();
    state.alarms[cluster].push(process);
    state.ring(cluster, cluster);
}

/// Those who lie are ended, and nothing goes wrong any more.
fn calm(simulation: &Simulation) {
    let scenario = simulation.scenario;
    {
        let state = &mut *simulation.state.borrow_mut();
        state.calm = true;
        state.note(0, "calm", [0; 2]);
        for status in state.status.iter_mut().filter(|_| !state.kill_test) {
            status.dies_in = None;
        }
        if let Some(liar) = scenario.lying_cluster {
            state.status[liar].alive = false;
            announce(simulation, state, liar);
        }
        if scenario.lying_driver {
            let driver = simulation.driver(0);
            kill(simulation, state, driver);
        }
    }
    for process in 0..scenario.all_processes() {
        if scenario.process_lies(process) {
            for vcore in 0..scenario.vcores {
                let id = simulation.vcore(process, vcore);
                simulation.state.borrow_mut().status[id].alive = false;
            }
            fault(simulation, process);
        }
    }
}

/// What must hold when everybody sleeps and nothing is on its way.
pub fn check_end(simulation: &Simulation) {
    if simulation.state.borrow().violation.is_some() {
        return;
    }
    for process in &simulation.processes {
        process.borrow().check_end(simulation);
    }
    for (id, role) in simulation.roles.iter().enumerate() {
        let Role::Server(server) = &*role.borrow() else {
            continue;
        };
        let name = simulation.name(id);
        let personality = &server.personality;
        if !personality.finished() {
            simulation.violate(format!("progress: {name} has processes that are not dead"));
        }
        let left = [
            ("calls outstanding", personality.outstanding()),
            ("blocks in use", personality.blocks_in_use()),
            ("files open", personality.open_files()),
        ];
        for (what, count) in left {
            if count > 0 {
                simulation.violate(format!(
                    "conservation: {name} has {count} {what} at the end"
                ));
            }
        }
        let counters = personality.counters();
        let without_blame = [
            ("malformed answers", counters.malformed_answers),
            ("faults of processes", counters.process_faults),
            ("lost channels", counters.lost_channels),
            ("stale requests", counters.stale_requests),
            ("stale answers", counters.stale_answers),
            ("stale replies", counters.stale_replies),
        ];
        for (what, count) in without_blame {
            if count > 0 && simulation.nobody_to_blame() {
                simulation.violate(format!(
                    "honesty: {name} counts {count} {what}, and all are honest and alive"
                ));
            }
        }
        let state = &mut *simulation.state.borrow_mut();
        state.tally.stale +=
            counters.stale_answers + counters.stale_replies + counters.stale_requests;
    }
    let state = &mut *simulation.state.borrow_mut();
    state.tally.stale += state.links.left();
}

impl Simulation {
    /// Whether everybody in this run was honest, and nobody died.
    fn nobody_to_blame(&self) -> bool {
        let scenario = self.scenario;
        let honest = scenario.lying_cluster.is_none() && !scenario.lying_driver;
        honest && !scenario.lying_process && self.state.borrow().tally.kills == 0
    }

    /// The processes of a cluster.
    pub fn processes_of(&self, cluster: usize) -> std::ops::Range<usize> {
        let each = self.scenario.processes;
        cluster * each..(cluster + 1) * each
    }
}
