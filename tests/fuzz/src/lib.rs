//! What the fuzz targets in `tests` share: a reader that turns a fuzzer's bytes into decisions, a window of shared memory
//! that a peer scribbles on, and a world for a personality whose every neighbour lies.
//!
//! `cargo test -p atoll-fuzz` runs a bounded number of random inputs of each target; where one fails it prints
//! `BOLERO_RANDOM_SEED=...`, which replays it. `cargo bolero test -p atoll-fuzz --test ring a_hostile_producer` runs the
//! same target with a coverage-guided fuzzer.

#![deny(unsafe_code)]

pub mod plan;
pub mod script;
pub mod seen;
pub mod window;
pub mod world;

pub use script::Script;
pub use seen::Seen;
