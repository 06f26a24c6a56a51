//! What all actors share: time, events, doorbells, the trace, and what was found wrong.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use atoll_test_disk::Store;

use crate::event::{Event, Signal};
use crate::flights::Flights;
use crate::ledger::Ledger;
use crate::links::Links;
use crate::power::Past;
use crate::random::Random;
use crate::raw::RawBlocks;
use crate::report::Tally;
use crate::scenario::Scenario;
use crate::trace::Trace;
use crate::written::WrittenFiles;

/// Names an actor.
pub type Id = usize;

/// How an actor is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Status {
    /// It was not killed.
    pub alive: bool,
    /// It has a core.
    pub granted: bool,
    /// It waits for its doorbell.
    pub asleep: bool,
    /// Its doorbell rang while it was awake.
    pub rung: bool,
    /// The badges of the doorbells that it has not asked for yet.
    pub badges: u64,
    /// A step of it is in the queue.
    pub scheduled: bool,
    /// Doorbells on their way to it.
    pub bells: u32,
    /// The points that it passed.
    pub points: u64,
    /// Dies after so many points more.
    pub dies_in: Option<u64>,
}

impl Status {
    /// Whether it can take a step now.
    pub fn runnable(&self) -> bool {
        self.alive && self.granted && !self.asleep
    }
}

/// What root tasks know of a service.
#[derive(Clone, Copy, Debug, Default)]
pub struct ServiceState {
    /// How often it has started again.
    pub life: u32,
    /// It is dead, and its clients do not know: the disk may still transfer for it.
    pub waits_for_quiet: bool,
}

/// Everything that is shared; see the module.
pub struct State {
    pub scenario: &'static Scenario,
    pub random: Random,
    /// Nanoseconds of virtual time.
    pub now: u64,
    serial: u64,
    events: BinaryHeap<Reverse<(u64, u64, Event)>>,
    signals: BinaryHeap<Reverse<(u64, u64, Signal)>>,
    pub status: Vec<Status>,
    pub links: Links,
    pub flights: Flights,
    pub tally: Tally,
    /// No fault happens any more.
    pub calm: bool,
    /// An actor dies at a certain point, whatever the phase.
    pub kill_test: bool,
    /// The file service or its driver died in this run.
    pub files_died: bool,
    /// Servers that died in this run.
    pub servers_died: Vec<bool>,
    /// Servers that stay down.
    pub servers_down: Vec<bool>,
    /// What is known of each service.
    pub services: [ServiceState; 2],
    /// The disk was reset and has no driver.
    pub disk_gone: bool,
    /// Points passed by all actors.
    pub steps: u64,
    /// Steps of actors inside one another.
    pub depth: u64,
    pub violation: Option<String>,
    pub trace: Trace,
    /// What the process that logs has logged.
    pub ledger: Ledger,
    /// What it has written without a log.
    pub raw: RawBlocks,
    /// What a process has done to files.
    pub written: WrittenFiles,
    /// Cuts of the power that are to come.
    pub cuts: u64,
    /// The step at which the next one comes.
    pub cut_at: Option<u64>,
    /// It is decided when so many sectors more are written.
    pub cut_after_sectors: Option<u64>,
    /// The power is cut, and this is on the disk.
    pub store: Option<Store>,
    /// The machine was started only to look at what is on the disk.
    pub looks: bool,
}

impl State {
    pub fn new(scenario: &'static Scenario, seed: u64, actors: usize, windows: usize) -> State {
        State {
            scenario,
            random: Random::new(seed),
            now: 0,
            serial: 0,
            events: BinaryHeap::new(),
            signals: BinaryHeap::new(),
            status: vec![Status::default(); actors],
            links: Links::default(),
            flights: Flights::new(windows),
            tally: Tally::default(),
            calm: false,
            kill_test: false,
            files_died: false,
            servers_died: vec![false; scenario.clusters],
            servers_down: vec![false; scenario.clusters],
            services: Default::default(),
            disk_gone: false,
            steps: 0,
            depth: 0,
            violation: None,
            trace: Trace::default(),
            ledger: Ledger::default(),
            raw: RawBlocks::default(),
            written: WrittenFiles::default(),
            cuts: scenario.power_cuts,
            cut_at: None,
            cut_after_sectors: None,
            store: None,
            looks: false,
        }
    }

    /// Goes on where the machine was stopped; what is on its disk.
    pub fn go_on(&mut self, past: Past) -> Store {
        self.random = past.random;
        (self.now, self.steps) = (past.now, past.steps);
        (self.tally, self.trace) = (past.tally, past.trace);
        (self.ledger, self.raw, self.written) = (past.ledger, past.raw, past.written);
        (self.cuts, self.looks) = (past.cuts, past.looks);
        // A machine that is started to look has no faults.
        self.calm = past.looks;
        past.store
    }

    /// Stops every actor, and forgets what was to happen.
    pub fn stop_all(&mut self) {
        for status in &mut self.status {
            (status.alive, status.granted) = (false, false);
        }
        self.events.clear();
        self.signals.clear();
    }

    /// Says that something is wrong; the first one counts.
    pub fn violate(&mut self, what: String) {
        self.violation.get_or_insert(what);
    }

    /// Puts an event into the queue.
    pub fn at(&mut self, delay: u64, event: Event) {
        self.serial += 1;
        self.events
            .push(Reverse((self.now + delay, self.serial, event)));
    }

    /// Puts a signal into the queue.
    pub fn signal(&mut self, delay: u64, signal: Signal) {
        if let Signal::Doorbell(to, _) = signal {
            self.status[to].bells += 1;
        }
        self.serial += 1;
        self.signals
            .push(Reverse((self.now + delay, self.serial, signal)));
    }

    /// The next event, if it is due before every signal; time goes on to it.
    pub fn next_event(&mut self) -> Option<Event> {
        let &Reverse((time, _, event)) = self.events.peek()?;
        if let Some(Reverse((signal, ..))) = self.signals.peek()
            && *signal < time
        {
            return None;
        }
        self.events.pop();
        self.now = self.now.max(time);
        Some(event)
    }

    /// The next signal that is due before a time.
    pub fn next_signal(&mut self, before: u64) -> Option<Signal> {
        let &Reverse((time, _, signal)) = self.signals.peek()?;
        if time > before {
            return None;
        }
        self.signals.pop();
        self.now = self.now.max(time);
        if let Signal::Doorbell(to, _) = signal {
            self.status[to].bells -= 1;
        }
        Some(signal)
    }

    /// An actor's doorbell is rung: it arrives some time later.
    pub fn ring(&mut self, from: Id, to: Id, badge: u64) {
        self.tally.doorbells += 1;
        self.note(from, "rings", [to as u64, badge]);
        let mut delay = 20 + self.random.below(200);
        if self.scenario.doorbell_chaos && !self.calm {
            self.tally.faults += 1;
            match self.random.below(5) {
                // Lost, and rung again much later by a sender that waits too long.
                0 => delay += 5_000 + self.random.below(20_000),
                1 => delay += self.random.below(2_000),
                2 => self.signal(delay / 2, Signal::Doorbell(to, badge)),
                3 => {
                    let other = self.random.index(self.status.len());
                    let late = self.random.below(3_000);
                    let badge = 1 << self.random.below(63);
                    self.signal(late, Signal::Doorbell(other, badge));
                }
                _ => self.tally.faults -= 1,
            }
        }
        self.signal(delay, Signal::Doorbell(to, badge));
    }

    /// A doorbell arrives: an actor that sleeps wakes; one that is awake will not fall asleep.
    pub fn wake(&mut self, actor: Id, badge: u64) {
        let status = &mut self.status[actor];
        status.badges |= badge;
        if !status.asleep {
            status.rung = true;
            return;
        }
        status.asleep = false;
        self.note(actor, "wakes", [0; 2]);
        self.schedule(actor, 0);
    }

    /// The badges of the doorbells that rang for an actor since it asked last.
    pub fn take_badges(&mut self, actor: Id) -> u64 {
        std::mem::take(&mut self.status[actor].badges)
    }

    /// An actor that has armed its rings blocks, unless its doorbell rang meanwhile. Tells whether it does.
    pub fn sleep(&mut self, actor: Id, deadline: Option<u64>) -> bool {
        let status = &mut self.status[actor];
        if std::mem::take(&mut status.rung) {
            return false;
        }
        status.asleep = true;
        self.note(actor, "sleeps", [0; 2]);
        if let Some(deadline) = deadline {
            let delay = deadline.saturating_sub(self.now);
            self.signal(delay, Signal::Timer(actor));
        }
        true
    }

    /// Lets an actor take its next step some time after now.
    pub fn schedule(&mut self, actor: Id, delay: u64) {
        let status = &mut self.status[actor];
        if status.runnable() && !status.scheduled {
            status.scheduled = true;
            let delay = delay + 50 + self.random.below(450);
            self.at(delay, Event::Step(actor));
        }
    }
}
