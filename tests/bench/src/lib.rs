//! Benchmarks of the channel on the host, against the floor of the machine and against other channels.
//!
//! Times are never told as such: a figure is the ratio of two medians that were measured within milliseconds of each
//! other, between two measurements of the floor that agree. See [`pair`].

pub mod bare;
pub mod blocking;
pub mod candidate;
pub mod compare;
pub mod copies;
pub mod doorbells;
pub mod floor;
pub mod instructions;
pub mod load;
pub mod pair;
pub mod pin;
pub mod report;
pub mod statistics;
pub mod work;

/// How long the benchmarks take.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Processes that measure candidates.
    pub processes: usize,
    /// Rounds of each process; each measures every candidate once in every way.
    pub rounds: usize,
    /// Chunks in each measurement.
    pub chunks: usize,
    /// Messages of the run that counts doorbells.
    pub messages: u64,
    /// Bursts of a run of the doorbells and of the poll budgets.
    pub bursts: u64,
    /// Repetitions of what does not compare candidates.
    pub repeats: usize,
    /// Messages of the two times that instructions are counted.
    pub traced: instructions::Times,
}

impl Effort {
    /// Long enough for the figures to mean something: about two minutes.
    pub const FULL: Effort = Effort {
        processes: 8,
        rounds: 13,
        chunks: 96,
        messages: 1_000_000,
        bursts: 40,
        repeats: 41,
        traced: [32, 160],
    };

    /// Long enough to see that everything works.
    pub const QUICK: Effort = Effort {
        processes: 2,
        rounds: 1,
        chunks: 8,
        messages: 10_000,
        bursts: 10,
        repeats: 2,
        traced: [0, 32],
    };
}
