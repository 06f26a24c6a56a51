//! What a run counts, and how a failed one is told.

use std::fmt;

use atoll_abi::syscall::Status;

/// Counts of one run, or of many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Calls that were put into a ring.
    pub calls: u64,
    /// Calls that ended, by status.
    pub completions: [u64; Status::ALL.len()],
    /// Calls that a process had under way when it ended, or the power was cut.
    pub ended_with_process: u64,
    /// Messages that were published.
    pub messages: u64,
    /// Messages, requests and answers of an old generation that were refused.
    pub stale: u64,
    /// Doorbells that were rung.
    pub doorbells: u64,
    /// Servers, drivers and processes that were killed.
    pub kills: u64,
    /// Other faults: lies, device errors, doorbells gone wrong, pauses.
    pub faults: u64,
    /// Reads whose data was compared.
    pub reads_checked: u64,
    /// Calls with handles of lives that were over.
    pub stale_handles: u64,
    /// Frames that were given to another process.
    pub frames_given: u64,
    /// Looks at frames that were there.
    pub frames_seen: u64,
    /// Looks at frames of which the lease had ended.
    pub leases_ended: u64,
    /// Cuts of the power.
    pub power_cuts: u64,
    /// Records of logs that were acknowledged.
    pub records_acknowledged: u64,
    /// Records that were replayed and checked.
    pub records_replayed: u64,
    /// Blocks that were read without a log and checked.
    pub blocks_checked: u64,
    /// Sectors that the disk has written.
    pub sectors_written: u64,
    /// Writes of sectors that were lost with the power.
    pub sectors_lost: u64,
    /// Points at which others could act.
    pub points: u64,
    /// Runs.
    pub runs: u64,
}

impl Tally {
    /// Adds another run's counts.
    pub fn add(&mut self, other: &Tally) {
        for (sum, more) in self.completions.iter_mut().zip(other.completions) {
            *sum += more;
        }
        self.calls += other.calls;
        self.ended_with_process += other.ended_with_process;
        self.messages += other.messages;
        self.stale += other.stale;
        self.doorbells += other.doorbells;
        self.kills += other.kills;
        self.faults += other.faults;
        self.reads_checked += other.reads_checked;
        self.stale_handles += other.stale_handles;
        self.frames_given += other.frames_given;
        self.frames_seen += other.frames_seen;
        self.leases_ended += other.leases_ended;
        self.power_cuts += other.power_cuts;
        self.records_acknowledged += other.records_acknowledged;
        self.records_replayed += other.records_replayed;
        self.blocks_checked += other.blocks_checked;
        self.sectors_written += other.sectors_written;
        self.sectors_lost += other.sectors_lost;
        self.points += other.points;
        self.runs += other.runs;
    }

    /// Calls that ended with a status.
    pub fn ended(&self, status: Status) -> u64 {
        self.completions[status as usize]
    }
}

/// A run in which a checker found something.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The scenario.
    pub scenario: &'static str,
    /// The seed.
    pub seed: u64,
    /// Points passed when it was found.
    pub step: u64,
    /// The check that was violated, and how.
    pub violation: String,
    /// What happened last.
    pub trace: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failure {
            scenario,
            seed,
            step,
            violation,
            trace,
        } = self;
        write!(
            formatter,
            "scenario {scenario}, seed {seed}, step {step}: {violation}\nwhat happened last:\n{trace}\
             replay it with: cargo xtask sim --seed {seed} --scenario {scenario}"
        )
    }
}
