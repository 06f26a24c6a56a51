//! The system writes a volume, whose power is cut or not: a host has to find it clean, with the files that were acknowledged.

use std::collections::BTreeMap;
use std::fs;

use atoll_scribe::{FILES, ROUNDS, byte, length, name};
use atoll_test_support::e2fsprogs::{dump, recovered};

use crate::context::{expect_pass, read_report};
use crate::inputs::Numbers;
use crate::power::machine::{Machine, Program};
use crate::{Context, Failure, TestResult, check};

/// The program, which writes files on a volume.
const SCRIBE: Program = Program {
    plan: "tests/system/plans/scribe.toml",
    partition: "files=folder:tests/system/plans",
    begins: "found 5 ",
};

/// Where the first partition begins, as `xtask disk` has it.
const PARTITION: usize = 1 << 20;

/// Rounds after which the power is cut at the latest.
const MOST_ROUNDS: u64 = 25;

/// The round that each file was last acknowledged with.
type Rounds = BTreeMap<u64, u64>;

/// Writes until the program is done, and has the host read what it wrote.
pub fn to_the_end(context: &Context) -> TestResult {
    let machine = Machine::prepare(context, context.folder("volume-written")?, &SCRIBE)?;
    finish(context, &machine, Rounds::new())
}

/// Cuts the power while the program writes.
pub fn cuts(context: &Context, cuts: u32) -> TestResult {
    let machine = Machine::prepare(context, context.folder("volume-cuts")?, &SCRIBE)?;
    let mut acknowledged = Rounds::new();
    let mut numbers = Numbers::new(9);
    for _ in 0..cuts {
        let log = machine.cut_after(context, numbers.below(MOST_ROUNDS))?;
        check_log(&log, &mut acknowledged)?;
        // The host's own recovery is tried on a copy; the system's is next.
        clean_volume(&machine)?;
    }
    check!(
        acknowledged.values().any(|round| *round > u64::from(cuts)),
        "hardly anything was acknowledged: {acknowledged:?}"
    );
    finish(context, &machine, acknowledged)
}

/// Boots once more, to the end.
fn finish(context: &Context, machine: &Machine, acknowledged: Rounds) -> TestResult {
    let mut acknowledged = acknowledged;
    let ended = context.call(machine.command(context), &machine.folder)?;
    let report = read_report(&machine.folder.join("report.json"), &ended)?;
    expect_pass(&ended, &report)?;
    check_log(&machine.log(), &mut acknowledged)?;
    let volume = clean_volume(machine)?;
    check!(
        acknowledged.len() as u64 == FILES && acknowledged.values().max() >= Some(&ROUNDS),
        "not all rounds were acknowledged: {acknowledged:?}"
    );
    for (file, round) in acknowledged {
        let path = String::from_utf8_lossy(&name(file)).into_owned();
        let found = dump(&volume, &path);
        let expected: Vec<u8> = (0..length(round)).map(|place| byte(round, place)).collect();
        check!(found == expected, "{path} is not that of round {round}");
    }
    let plan = fs::read("tests/system/plans/scribe.toml")?;
    check!(
        dump(&volume, "/scribe.toml") == plan,
        "a file that was there before is not what it was"
    );
    Ok(())
}

/// The volume of a machine that does not run, its journal recovered by the host.
fn clean_volume(machine: &Machine) -> Result<Vec<u8>, Failure> {
    let disk = fs::read(&machine.disk)?;
    let volume = recovered(disk.get(PARTITION..).unwrap_or_default());
    Ok(volume.map_err(|wrong| anyhow::anyhow!("the volume is not clean: {wrong}"))?)
}

/// Checks which files a boot found, and notes what it acknowledged.
fn check_log(log: &str, acknowledged: &mut Rounds) -> TestResult {
    let mut found = 0;
    for (_, text) in log.lines().filter_map(|line| line.split_once("[scribe] ")) {
        let words: Vec<_> = text.split(' ').collect();
        let number = |place: usize| words.get(place).and_then(|word| word.parse::<u64>().ok());
        match (words.first(), number(1), number(2)) {
            (Some(&"found"), Some(file), Some(round)) => {
                let last = acknowledged.get(&file).copied().unwrap_or(0);
                check!(
                    round >= last,
                    "file {file} is that of round {round}, but round {last} was acknowledged"
                );
                found += 1;
            }
            (Some(&"acknowledged"), Some(round), _) => {
                acknowledged.insert(round % FILES, round);
            }
            (Some(&"file"), ..) => return Err(anyhow::anyhow!("{text}").into()),
            _ => {}
        }
    }
    check!(found == FILES, "not all files were looked at:\n{log}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_older_than_acknowledged_is_found() {
        let found = |first: u64| -> String {
            let line = |file| format!("x: [scribe] found {file} {}\n", first + file);
            (0..FILES).map(line).collect()
        };
        let mut acknowledged = Rounds::new();
        let log = found(0) + "x: [scribe] acknowledged 13\nx: [scribe] acknow";
        assert!(check_log(&log, &mut acknowledged).is_ok());
        assert_eq!(acknowledged, Rounds::from([(1, 13)]));
        assert!(check_log(&found(12), &mut acknowledged).is_ok());
        assert!(check_log(&found(11), &mut acknowledged).is_err());
        assert!(check_log("", &mut acknowledged).is_err());
    }
}
