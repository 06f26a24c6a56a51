//! One run: the actors, the points at which they alternate, and the checks over all of them.

mod boot;

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Weak;

use atoll_abi::connection::Connection;
use atoll_abi::plan::EncodedPlan;
use atoll_blocks::BlockService;
use atoll_files::FileService;

use crate::component::Component;
use crate::disk::Disk;
use crate::driver::Driver;
use crate::event::{Event, Signal};
use crate::faults;
use crate::frames::Frames;
use crate::heap::ProcessMemory;
use crate::liar::Liar;
use crate::memory::{Pool, WakeMemory, Window};
use crate::process::Process;
use crate::report::{Failure, Tally};
use crate::scenario::Scenario;
use crate::server::Server;
use crate::state::{Id, State};
use crate::vcore::Vcore;

/// Points after which a run counts as one that never comes to rest.
const LIMIT: u64 = 2_000_000;

/// An actor.
pub enum Role {
    Server(Box<Server>),
    Files(Box<Component<FileService>>),
    Blocks(Box<Component<BlockService>>),
    Driver(Box<Driver>),
    /// The disk, which is [`Simulation::disk`].
    Device,
    Vcore(Box<Vcore>),
    Liar(Liar),
    /// One that there is not, or of a cluster whose server lies: it does nothing.
    Absent,
}

/// One run.
pub struct Simulation {
    /// Itself: rings and kernels reach the others through it.
    pub(crate) me: Weak<Simulation>,
    pub(crate) scenario: &'static Scenario,
    pub(crate) plan: EncodedPlan,
    pub(crate) connections: Vec<Connection>,
    pub(crate) state: RefCell<State>,
    pub(crate) roles: Vec<RefCell<Role>>,
    pub(crate) processes: Vec<RefCell<Process>>,
    /// Those of connections, then those of vcores with their servers.
    pub(crate) windows: Vec<Window>,
    /// Of each process, then of each service.
    pub(crate) pools: Vec<Pool>,
    /// Of each cluster.
    pub(crate) frames: Vec<RefCell<Frames>>,
    /// Of each process, then of each service.
    pub(crate) wake_requests: Vec<WakeMemory>,
    /// Of each channel between clusters, by end.
    pub(crate) wake_pages: Vec<[WakeMemory; 2]>,
    pub(crate) disk: RefCell<Disk>,
    seed: u64,
    /// The last one that is dropped.
    memory: ProcessMemory,
}

/// How a run without a failure went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What it counted.
    pub tally: Tally,
    /// The same only for runs in which the same happened at the same times.
    pub hash: u64,
}

impl Simulation {
    /// A point between two steps of an actor: time passes, doorbells arrive, others act, and it may be killed. Tells
    /// whether it still runs.
    pub fn point(&self, me: Id) -> bool {
        let other = {
            let state = &mut *self.state.borrow_mut();
            state.now += 1 + state.random.below(40);
            state.steps += 1;
            if state.cut_at.is_some_and(|step| step <= state.steps) && state.store.is_none() {
                self.cut_power(state);
            }
            let status = &mut state.status[me];
            if !status.alive || !status.granted {
                return false;
            }
            status.points += 1;
            if let Some(left) = &mut status.dies_in {
                if *left == 0 {
                    faults::kill(self, state, me);
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
        self.runs(me)
    }

    /// Whether an actor lives and has a core.
    pub fn runs(&self, id: Id) -> bool {
        let status = &self.state.borrow().status[id];
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
            Role::Files(files) => files.step(self),
            Role::Blocks(blocks) => blocks.step(self),
            Role::Driver(driver) => driver.step(self),
            Role::Device => self.step_disk(),
            Role::Vcore(vcore) => vcore.step(self),
            Role::Liar(liar) => liar.step(self, id),
            Role::Absent => {}
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
            Some(Signal::Doorbell(to, badge)) => self.state.borrow_mut().wake(to, badge),
            Some(Signal::Timer(to)) => self.state.borrow_mut().wake(to, 0),
            Some(Signal::AnnounceService(service)) => {
                if !self.state.borrow().status[self.service(service)].alive {
                    self.announce_service(service);
                }
            }
            Some(Signal::LeaveDriverDown) => {
                if !self.state.borrow().status[self.driver()].alive {
                    self.leave_driver_down();
                }
            }
            Some(Signal::Restart(id)) => self.restart(id),
            Some(Signal::Begin(process, life)) => self.begin(process, life),
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
            Some(violation) => {
                self.memory.keep();
                Err(Box::new(Failure {
                    scenario: self.scenario.name,
                    seed: self.seed,
                    step: state.steps,
                    violation,
                    trace: state.trace(|id| self.name(id)),
                }))
            }
        }
    }

    fn go(&self) {
        let mut turns = 0u64;
        loop {
            turns += 1;
            if turns.is_multiple_of(16) {
                self.check_sleepers();
                self.check_shares();
                self.check_owners();
            }
            if self.state.borrow().steps > LIMIT {
                let processes = self.processes.iter();
                let what = processes.map(|process| process.borrow().describe());
                let what: Vec<String> = what.collect();
                self.violate(format!("progress: it never comes to rest: {what:#?}"));
            }
            let event = {
                let state = &mut *self.state.borrow_mut();
                if state.violation.is_some() || state.store.is_some() {
                    return;
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
        self.check_end();
    }

    fn happen(&self, event: Event) {
        match event {
            Event::Step(id) => {
                self.state.borrow_mut().status[id].scheduled = false;
                self.step(id);
            }
            Event::Task(task) => faults::act(self, task),
        }
    }

    /// Says that something is wrong; the first one counts.
    pub fn violate(&self, what: String) {
        self.state.borrow_mut().violate(what);
    }
}
