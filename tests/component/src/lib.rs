//! Clusters on threads of the host: each server, the file service, the block driver and each vcore is a thread, and they meet
//! in real rings.
//!
//! It is the second of the three worlds of a personality, between the simulator, where every step is chosen, and seL4, where
//! none is: the same lines run under the scheduler and the memory model of the host.
//!
//! | module | is |
//! |---|---|
//! | `plan`, `disk`, `window` | the machine's plan, its volume, and shared memory: the fuzz targets use them too |
//! | `doorbell` | notifications, and how a component wakes another one |
//! | `wiring` | the two sides of every channel of the plan |
//! | `server`, `service`, `driver`, `vcore` | the life of each thread |
//! | `machine` | all of them, and what must be true at the end |

#![deny(unsafe_code)]

pub mod disk;
mod doorbell;
mod driver;
mod machine;
pub mod plan;
mod pool;
mod server;
mod service;
mod vcore;
pub mod window;
mod wiring;

pub use machine::{Machine, Told};
pub use vcore::{Port, Vcore};
