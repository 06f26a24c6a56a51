//! Volumes: what a host puts on them the system reads, and what the system writes a host finds, wherever the power was cut.

mod survey;
mod written;

use crate::{Test, Wanted};

/// How often the power is cut where nothing else is said.
const CUTS: u32 = 6;

/// The tests; the long ones too where they are wanted.
pub fn tests(wanted: Wanted) -> Vec<Test> {
    let cuts = wanted.cuts.unwrap_or(CUTS);
    let mut tests = vec![
        Test::new(
            "volume-survey",
            "a folder of the host with files of many sizes, holes, odd names and deep paths is the same in the system",
            survey::folder,
        ),
        Test::new(
            "volume-written",
            "what the system writes to a volume is what the host reads from it, and the volume is clean",
            written::to_the_end,
        ),
        Test::new(
            "volume-cuts",
            format!(
                "files that were synced are there after {cuts} cuts of the power, and the volume is clean"
            ),
            move |context| written::cuts(context, cuts),
        ),
    ];
    if wanted.long {
        tests.push(Test::new(
            "volume-large",
            "a file of 1 GiB is the same in the system",
            survey::large,
        ));
    }
    tests
}
