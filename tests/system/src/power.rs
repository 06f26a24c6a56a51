//! The machine ends at once while a program logs: what it had acknowledged is there when the machine boots again.
//!
//! QEMU is killed, and what it has written by then is in the host's memory and survives. What a disk loses that was written and
//! not flushed is tried by the simulator and by the tests of the log.

pub mod machine;

use crate::context::{expect_pass, read_report};
use crate::inputs::Numbers;
use crate::{Context, Test, TestResult, check};
use machine::{Machine, Program};

/// How often the power is cut where nothing else is said.
pub const CUTS: u32 = 20;

/// The program, which logs on a partition.
const LEDGER: Program = Program {
    plan: "tests/system/plans/ledger.toml",
    partition: "log=empty:2MiB",
    begins: "replayed ",
};

/// Acknowledgements after which the power is cut at the latest.
const MOST_ACKNOWLEDGED: u64 = 200;

/// Writers of the program.
const WRITERS: usize = 4;

/// How many records each writer has.
type Counts = [u64; WRITERS];

/// The tests.
pub fn tests(cuts: u32) -> Vec<Test> {
    vec![Test::new(
        "power-cuts",
        format!("a log has every record that was acknowledged, after {cuts} cuts of the power"),
        move |context| power_cuts(context, cuts),
    )]
}

fn power_cuts(context: &Context, cuts: u32) -> TestResult {
    let machine = Machine::prepare(context, context.folder("power-cuts")?, &LEDGER)?;
    let mut acknowledged = Counts::default();
    let mut numbers = Numbers::new(0);
    for cut in 0..cuts {
        let log = machine.cut_after(context, numbers.below(MOST_ACKNOWLEDGED))?;
        check_log(&log, &mut acknowledged, cut)?;
    }
    let records: u64 = acknowledged.iter().sum();
    check!(
        records > u64::from(cuts),
        "only {records} records were acknowledged"
    );
    // And once to its end.
    let ended = context.call(machine.command(context), &machine.folder)?;
    let report = read_report(&machine.folder.join("report.json"), &ended)?;
    check_log(&machine.log(), &mut acknowledged, cuts)?;
    expect_pass(&ended, &report)
}

/// Checks what a boot replayed, and notes what it acknowledged.
fn check_log(log: &str, acknowledged: &mut Counts, cut: u32) -> TestResult {
    let texts = log.lines().filter_map(|line| line.split_once("[ledger] "));
    let mut replayed = false;
    for (_, text) in texts {
        let mut words = text.split_whitespace();
        match words.next() {
            Some("replayed") => {
                replayed = true;
                let found: Vec<u64> = words.filter_map(|word| word.parse().ok()).collect();
                let missing = acknowledged.iter().zip(&found).any(|(had, has)| has < had);
                check!(
                    found.len() == WRITERS && !missing,
                    "after cut {cut}: {acknowledged:?} were acknowledged, and {found:?} are there"
                );
            }
            Some("acknowledged") => {
                let mut numbers = words.filter_map(|word| word.parse::<u64>().ok());
                if let (Some(writer), Some(number)) = (numbers.next(), numbers.next())
                    && let Some(count) = acknowledged.get_mut(writer as usize)
                {
                    *count = (*count).max(number);
                }
            }
            _ => {}
        }
    }
    check!(replayed, "cut {cut}: the log was not replayed:\n{log}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_that_is_missing_is_found() {
        let mut acknowledged = Counts::default();
        let log = "compute: [ledger] replayed 0 0 0 0\ncompute: [ledger] acknowledged 2 7\ncompute: [ledger] acknow";
        assert!(check_log(log, &mut acknowledged, 0).is_ok());
        assert_eq!(acknowledged, [0, 0, 7, 0]);
        let replayed = |text: &str| format!("x: [ledger] replayed {text}");
        assert!(check_log(&replayed("1 0 8 0"), &mut acknowledged, 1).is_ok());
        assert!(check_log(&replayed("9 9 6 9"), &mut acknowledged, 1).is_err());
        assert!(check_log("", &mut acknowledged, 1).is_err());
    }
}
