//! What the fuzz targets in `tests` share: a reader that turns a fuzzer's bytes into decisions, a peer that scribbles on a
//! window, and models that know what must be true of what a component does.
//!
//! `cargo test -p atoll-fuzz` runs a bounded number of random inputs of each target; where one fails it prints
//! `BOLERO_RANDOM_SEED=...`, which replays it. `cargo bolero test -p atoll-fuzz --test ring a_hostile_producer` runs the
//! same target with a coverage-guided fuzzer.
//!
//! Windows, plans and disks are those of `atoll_component_tests`.

#![forbid(unsafe_code)]

pub mod cluster;
pub mod files;
mod scribble;
pub mod script;
pub mod seen;

pub use scribble::scribble;
pub use script::Script;
pub use seen::Seen;

/// Defines a test that runs a target on random bytes, and requires that certain things were seen.
#[macro_export]
macro_rules! target {
    ($name:ident, $runs:expr, $bytes:expr, $run:expr, $all:expr) => {
        #[test]
        fn $name() {
            let seen: &'static $crate::Seen = Box::leak(Box::new($crate::Seen::new()));
            let run: fn(&[u8], &'static $crate::Seen) = $run;
            bolero::check!()
                .with_iterations($runs)
                .with_generator(bolero::produce::<Vec<u8>>().with().len(0..=$bytes))
                .for_each(move |bytes: &Vec<u8>| run(bytes, seen));
            seen.require(stringify!($name), &$all);
        }
    };
}
