//! Clusters on threads of the host: each server, each vcore and each block driver is a thread, and they meet in real rings.
//!
//! It is the second of the three worlds of a personality, between the simulator, where every step is chosen, and seL4, where
//! none is: the same lines run under the scheduler and the memory model of the host.

#![deny(unsafe_code)]

mod bell;
mod cluster;
mod disk;
mod machine;
mod memory;
mod world;

pub use bell::Bell;
pub use machine::{Machine, Told, Vcore};
