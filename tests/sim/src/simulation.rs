//! One run: the actors, the points at which they alternate, and the checks over all of them.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use atoll_abi::plan::Plan;

use crate::driver::Driver;
use crate::liar::Liar;
use crate::machine::POOL_BLOCKS;
use crate::memory::Window;
use crate::process::Process;
use crate::report::{Failure, Tally};
use crate::scenario::Scenario;
use crate::server::Server;
use crate::state::{Event, Id, Signal, State};
use crate::supervisor;
use crate::vcore::Vcore;

/// Points after which a run counts as one that never comes to rest.
const LIMIT: u64 = 2_000_000;

/// An actor.
pub enum Role {
    Server(Box<Server>),
    Driver(Driver),
    Vcore(Vcore),
    Liar(Liar),
    Nobody,
}

/// Who is killed at which of its points: for kill tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Victim {
    /// The server of a cluster.
    Server(usize),
    /// A process, by its vcore 0.
    Process(usize),
    /// The block driver of cluster 0.
    Driver,
}

/// One run.
pub struct Simulation {
    pub(crate) scenario: &'static Scenario,
    pub(crate) plan: Plan,
    pub(crate) state: RefCell<State>,
    pub(crate) roles: Vec<RefCell<Role>>,
    pub(crate) processes: Vec<RefCell<Process>>,
    pub(crate) windows: Vec<Window>,
    seed: u64,
}

/// How a run without a failure went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What it counted.
    pub tally: Tally,
    /// The same only for runs in which the same happened at the same times.
    pub hash: u64,
}

/// Runs one seed of a scenario.
///
/// # Errors
/// The first violation of a check.
pub fn run(scenario: &'static Scenario, seed: u64) -> Result<Outcome, Box<Failure>> {
    Simulation::new(scenario, seed).run()
}

impl Simulation {
    /// A run that has not begun.
    pub fn new(scenario: &'static Scenario, seed: u64) -> Simulation {
        let processes = scenario.all_processes();
        let actors = 2 * scenario.clusters + processes * scenario.vcores;
        let blocks = (processes + 1) * POOL_BLOCKS as usize;
        let mut state = State::new(scenario, seed, actors, blocks);
        let windows = scenario.channels() + scenario.clusters + processes * scenario.vcores;
        let lies = |cluster: usize| scenario.lying_cluster == Some(cluster);
        for channel in 0..scenario.channels() {
            state.links.add(lies(0) || lies(channel + 1));
        }
        for cluster in 0..scenario.clusters {
            state.links.add(lies(cluster) || scenario.lying_driver);
        }
        for process in 0..processes {
            let hostile = lies(scenario.cluster_of(process)) || scenario.process_lies(process);
            (0..scenario.vcores).for_each(|_| state.links.add(hostile));
        }
        let mut simulation = Simulation {
            scenario,
            plan: scenario.plan(),
            roles: (0..actors).map(|_| RefCell::new(Role::Nobody)).collect(),
            processes: Vec::new(),
            windows: (0..windows).map(|_| Window::new()).collect(),
            state: RefCell::new(state),
            seed,
        };
        for process in 0..processes {
            let honest = Process::new(&simulation, process);
            simulation.processes.push(RefCell::new(honest));
        }
        for id in 0..actors {
            let role = simulation.cast(id);
            let status = &mut simulation.state.borrow_mut().status[id];
            status.alive = !matches!(role, Role::Nobody);
            status.granted = id < 2 * scenario.clusters;
            simulation.roles[id] = RefCell::new(role);
        }
        supervisor::prepare(&simulation);
        simulation
    }

    /// A point between two steps of an actor: time passes, doorbells arrive, others act, and it may be killed. Tells
    /// whether it still runs.
    pub fn point(&self, me: Id) -> bool {
        let other = {
            let state = &mut *self.state.borrow_mut();
            state.now += 1 + state.random.below(40);
            state.steps += 1;
            let status = &mut state.status[me];
            if !status.alive || !status.granted {
                return false;
            }
            status.points += 1;
            if let Some(left) = &mut status.dies_in {
                if *left == 0 {
                    supervisor::kill(self, state, me);
                    return false;
                }
                *left -= 1;
            }
            let depth = state.depth;
            let acts = depth < 2 && state.steps < LIMIT && state.random.one_in(3 + 6 * depth);
            acts.then(|| state.random.index(self.roles.len()))
        };
        self.deliver_due();
        if let Some(other) = other.filter(|&other| other != me) {
            self.step(other);
        }
        let status = &self.state.borrow().status[me];
        status.alive && status.granted
    }

    /// Lets an actor take one step, unless it is in the middle of one.
    fn step(&self, id: Id) {
        let Ok(mut role) = self.roles[id].try_borrow_mut() else {
            return;
        };
        if !self.state.borrow().status[id].runnable() {
            return;
        }
        self.state.borrow_mut().depth += 1;
        match &mut *role {
            Role::Server(server) => server.step(self),
            Role::Driver(driver) => driver.step(self),
            Role::Vcore(vcore) => vcore.step(self),
            Role::Liar(liar) => liar.step(self, id),
            Role::Nobody => {}
        }
        drop(role);
        let state = &mut *self.state.borrow_mut();
        state.depth -= 1;
        let often = if self.scenario.deep { 8 } else { 40 };
        let pause = if self.scenario.slow && !state.calm && state.random.one_in(often) {
            state.tally.faults += 1;
            state.random.below(8_000)
        } else {
            0
        };
        state.schedule(id, pause);
    }

    fn deliver_due(&self) {
        let now = self.state.borrow().now;
        while self.deliver_before(now) {}
    }

    /// Delivers the next signal that is due before a time. Tells whether there was one.
    fn deliver_before(&self, time: u64) -> bool {
        let signal = self.state.borrow_mut().next_signal(time);
        match signal {
            None => return false,
            Some(Signal::Bell(to) | Signal::Timer(to)) => self.state.borrow_mut().wake(to),
            Some(Signal::Announce(cluster)) => {
                supervisor::announce(self, &mut self.state.borrow_mut(), cluster);
            }
            Some(Signal::Restart(cluster)) => supervisor::restart(self, cluster),
        }
        true
    }

    /// Runs to the end.
    ///
    /// # Errors
    /// The first violation of a check; a panic is one.
    pub fn run(&self) -> Result<Outcome, Box<Failure>> {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.go())) {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            self.violate(format!("panic: {}", text.unwrap_or("of unknown kind")));
        }
        let mut state = self.state.borrow_mut();
        state.tally.points = state.steps;
        state.tally.runs = 1;
        match state.violation.take() {
            None => Ok(Outcome {
                tally: state.tally.clone(),
                hash: state.hash(),
            }),
            Some(violation) => Err(Box::new(Failure {
                scenario: self.scenario.name,
                seed: self.seed,
                step: state.steps,
                violation,
                trace: state.trace(|id| self.name(id)),
            })),
        }
    }

    fn go(&self) {
        let mut turns = 0u64;
        loop {
            turns += 1;
            if turns.is_multiple_of(16) {
                self.check_sleepers();
            }
            let event = {
                let state = &mut *self.state.borrow_mut();
                if state.steps > LIMIT {
                    state.violate("progress: it never comes to rest".to_owned());
                }
                if state.violation.is_some() {
                    break;
                }
                state.next_event()
            };
            match event {
                Some(event) => self.happen(event),
                None if self.deliver_before(u64::MAX) => {}
                None => break,
            }
        }
        self.check_sleepers();
        supervisor::check_end(self);
    }

    fn happen(&self, event: Event) {
        match event {
            Event::Step(id) => {
                self.state.borrow_mut().status[id].scheduled = false;
                self.step(id);
            }
            Event::Task(task) => supervisor::act(self, task),
        }
    }

    /// Nobody sleeps with work queued, unless a doorbell is on its way.
    fn check_sleepers(&self) {
        for (id, role) in self.roles.iter().enumerate() {
            let status = self.state.borrow().status[id];
            let sleeps = status.alive && status.granted && status.asleep && status.bells == 0;
            if !sleeps {
                continue;
            }
            let port = match &*role.borrow() {
                Role::Server(server) => server.backlog(self),
                Role::Driver(driver) => driver.backlog(self),
                Role::Vcore(vcore) => vcore.backlog(self),
                Role::Liar(_) | Role::Nobody => None,
            };
            if let Some((window, waiting)) = port {
                let name = self.name(id);
                self.violate(format!(
                    "lost wake-up: {name} sleeps with {waiting} messages in window {window}, and no doorbell is on its way"
                ));
            }
        }
    }

    /// Says that something is wrong; the first one counts.
    pub fn violate(&self, what: String) {
        self.state.borrow_mut().violate(what);
    }

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
            Victim::Driver => self.driver(0),
        }
    }
}
