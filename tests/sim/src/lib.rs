//! The deterministic simulator: the real personalities over the real rings, in one thread, from one seed, in virtual time.
//!
//! Between any two calls of an environment, and between any two steps of a ring, others act: processes, servers, drivers,
//! those that lie, and those that die. A fault phase is followed by a calm phase, in which everything must finish. The
//! checkers are always on: exactly one completion for each call, order in each ring, nobody asleep with work queued, blocks
//! and credits conserved, data whole. What they find is told with the seed, which replays it exactly.
//!
//! "Checked under N seeds" is what a clean run shows, and no more.

#![deny(unsafe_code)]

mod cast;
mod driver;
mod liar;
mod links;
mod machine;
mod memory;
mod port;
mod process;
mod random;
mod report;
mod scenario;
mod server;
mod simulation;
mod state;
mod supervisor;
mod vcore;
mod verdict;
mod workload;
mod world;

pub use report::{Failure, Tally};
pub use scenario::{KILL, SCENARIOS, Scenario, find};
pub use simulation::{Outcome, Simulation, Victim, run};
