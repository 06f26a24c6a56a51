//! Cuts of the power: the whole machine stops at once, and all that is left of it is what is on the disk.

use std::rc::Rc;

use atoll_test_disk::Store;

use crate::ledger::Ledger;
use crate::random::Random;
use crate::raw::RawBlocks;
use crate::report::{Failure, Tally};
use crate::scenario::Scenario;
use crate::simulation::{Outcome, Simulation};
use crate::state::State;
use crate::trace::Trace;
use crate::written::WrittenFiles;

/// Points between two cuts, at most: one of these, so that boots and replays are cut too.
const DISTANCES: [u64; 3] = [400, 2_000, 12_000];

/// What is left of a machine when it is started again: the disk, and what the simulator knows.
pub struct Past {
    pub store: Store,
    pub ledger: Ledger,
    pub raw: RawBlocks,
    pub written: WrittenFiles,
    pub random: Random,
    pub now: u64,
    pub steps: u64,
    pub tally: Tally,
    pub trace: Trace,
    /// Cuts that are still to come.
    pub cuts: u64,
    /// The machine is started only to look at what is on the disk.
    pub looks: bool,
}

/// Runs one seed of a scenario: its machine, as often as that is started.
///
/// # Errors
/// The first violation of a check.
pub fn run(scenario: &'static Scenario, seed: u64) -> Result<Outcome, Box<Failure>> {
    let mut machine = Simulation::new(scenario, seed);
    loop {
        let outcome = machine.run()?;
        let Some(past) = machine.into_past() else {
            return Ok(outcome);
        };
        machine = Simulation::boot(scenario, seed, Some(past));
    }
}

/// Sectors that are written before a cut, at most, where those are counted: then something is in the disk's cache.
const SECTORS: u64 = 200;

impl State {
    /// The disk has written sectors: the power is cut soon, perhaps.
    pub fn has_written(&mut self, sectors: u64) {
        self.tally.sectors_written += sectors;
        if let Some(left) = &mut self.cut_after_sectors {
            *left = left.saturating_sub(sectors);
            if *left == 0 {
                self.cut_after_sectors = None;
                self.cut_at = Some(self.steps + 1 + self.random.below(60));
            }
        }
    }

    /// Decides when the power is cut.
    pub fn plan_cut(&mut self) {
        if self.cuts > 0 {
            if self.random.one_in(2) {
                self.cut_after_sectors = Some(1 + self.random.below(SECTORS));
                return;
            }
            let distance = DISTANCES[self.random.index(DISTANCES.len())];
            self.cut_at = Some(self.steps + 1 + self.random.below(distance));
        }
    }
}

impl Simulation {
    /// The power is cut.
    pub fn cut_power(&self, state: &mut State) {
        state.cuts -= 1;
        state.tally.power_cuts += 1;
        state.note(self.device(), "loses its power", [0; 2]);
        let mut store = self.disk.borrow_mut().take_store();
        // None of what is in its cache, all of it, or any part.
        let chance = state.random.below(5);
        store.cut(|| {
            let lands = state.random.below(4) < chance;
            state.tally.sectors_lost += u64::from(!lands);
            lands
        });
        state.store = Some(store);
        state.stop_all();
    }

    /// What is left, where the machine is to be started again; it is over.
    fn into_past(self: Rc<Simulation>) -> Option<Past> {
        let state = &mut *self.state.borrow_mut();
        let cut = state.store.take();
        let looks = cut.is_none();
        if looks && (!self.scenario.keeps() || state.looks || state.kill_test) {
            return None;
        }
        let processes = self.processes.iter().map(|process| process.borrow());
        let pending = processes.map(|process| process.pending.len() as u64);
        state.tally.ended_with_process += pending.sum::<u64>();
        state.raw.cut();
        state.written.cut();
        let store = cut.unwrap_or_else(|| {
            let mut store = self.disk.borrow_mut().take_store();
            store.cut(|| false);
            store
        });
        Some(Past {
            store,
            ledger: std::mem::take(&mut state.ledger),
            raw: std::mem::take(&mut state.raw),
            written: std::mem::take(&mut state.written),
            random: Random::new(state.random.next()),
            now: state.now,
            steps: state.steps,
            tally: std::mem::take(&mut state.tally),
            trace: std::mem::take(&mut state.trace),
            cuts: if looks { 0 } else { state.cuts },
            looks,
        })
    }
}
