//! The deterministic simulator: the real servers, services, runtimes and call libraries over the real rings, in one thread,
//! from one seed, in virtual time.
//!
//! Each cluster is a kernel of its own. Between any two steps of a ring, and between any two things that a component asks of
//! its kernel, others act: vcores, servers, the file service, its driver, those that lie, and those that die. An honest process
//! is the runtime that programs link on the kernels, and a program of random calls on it. Each of its vcores is a coroutine,
//! which stops before accesses to its rings; one that is killed never goes on. A fault phase is followed by a calm phase, in
//! which everything must finish. The checkers are always on: one end for each call, one completion for each call that was
//! sent, order in each ring, no component asleep with work queued, blocks and credits conserved, data whole. What they find is
//! told with the seed, which replays it exactly.
//!
//! "Checked under N seeds" is what a clean run shows, and no more.
//!
//! | module | what |
//! |---|---|
//! | `scenario`, `machine` | what each scenario has, and the plan of its machine |
//! | `simulation`, `state`, `event`, `trace` | the actors, the points at which they alternate, time, doorbells, the trace |
//! | `port`, `links`, `memory` | rings, blocks, and what is under way in rings |
//! | `server`, `component`, `driver`, `disk`, `vcore`, `liar` | the actors |
//! | `gate`, `world`, `heap` | the border between the simulator and a process: where a vcore stops, what it asks of its kernel, its heap |
//! | `program` | what an honest process does, and demands |
//! | `tap`, `flights`, `observed` | what honest vcores send and take, calls in flight, and the blocks that they have |
//! | `power`, `ledger`, `raw`, `written` | cuts of the power, and what has to survive them |
//! | `process`, `supervisor`, `restart`, `faults` | the root tasks, and what goes wrong |
//! | `checks` | what must always hold, and what must hold at the end |

#![deny(unsafe_code)]

mod cast;
mod checks;
mod component;
mod disk;
mod driver;
mod event;
mod faults;
mod flights;
mod frames;
mod gate;
mod heap;
mod ledger;
mod liar;
mod links;
mod machine;
mod memory;
mod observed;
mod port;
mod power;
mod process;
mod program;
mod random;
mod raw;
mod report;
mod restart;
mod scenario;
mod server;
mod simulation;
mod state;
mod supervisor;
mod tap;
mod trace;
mod vcore;
mod world;
mod written;

pub use faults::Victim;
pub use power::run;
pub use report::{Failure, Tally};
pub use scenario::{KILL, SCENARIOS, Scenario, find};
pub use simulation::{Outcome, Simulation};
