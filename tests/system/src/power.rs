//! The machine ends at once while a program logs: what it had acknowledged is there when the machine boots again.
//!
//! QEMU is killed, and what it has written by then is in the host's memory and survives. What a disk loses that was written and
//! not flushed is tried by the simulator and by the tests of the log.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::context::{expect_pass, read_report};
use crate::leftovers::processes_with;
use crate::{Context, Failure, Test, TestResult, check};

/// How often the power is cut where nothing else is said.
pub const CUTS: u32 = 20;

/// Time that one boot may take until it has logged.
const LOGS: Duration = Duration::from_secs(5 * 60);

/// Time that the command line may take to end when QEMU is gone.
const ENDS: Duration = Duration::from_secs(60);

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
    let machine = Machine::prepare(context, context.folder("power-cuts")?)?;
    let mut acknowledged = Counts::default();
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    for cut in 0..cuts {
        seed = seed
            .wrapping_mul(0x5851_f42d_4c95_7f2d)
            .wrapping_add(cut.into());
        let log = cut_after(context, &machine, (seed >> 33) % MOST_ACKNOWLEDGED)?;
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

/// What is booted, and with which disk.
struct Machine {
    folder: PathBuf,
    build: PathBuf,
    disk: PathBuf,
}

impl Machine {
    /// Builds it, and makes an empty disk.
    fn prepare(context: &Context, folder: PathBuf) -> Result<Machine, Failure> {
        let disk = folder.join("disk.img");
        let mut make = context.xtask();
        make.args(["disk", "--partition", "log=empty:2MiB", "--out"])
            .arg(&disk);
        let made = context.call(make, &folder)?;
        check!(made.status.success(), "no disk was made: {}", made.shown());
        let mut build = context.xtask();
        build.args(["build", "--plan", "tests/system/plans/ledger.toml"]);
        let built = context.call(build, &folder)?;
        let path = built.stdout.trim().strip_prefix("built ");
        let Some(build) = path.map(PathBuf::from) else {
            return Err(anyhow::anyhow!("nothing was built: {}", built.shown()).into());
        };
        Ok(Machine {
            folder,
            build,
            disk,
        })
    }

    /// A boot of it.
    fn command(&self, context: &Context) -> std::process::Command {
        let mut command = context.xtask();
        command
            .args(["simulate", "--build"])
            .arg(&self.build)
            .arg("--disk")
            .arg(&self.disk)
            .arg("--report")
            .arg(self.folder.join("report.json"));
        command
    }

    /// What the program's cluster has printed.
    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("serial-compute.log")).unwrap_or_default()
    }
}

/// Boots, and kills QEMU when so many records have been acknowledged. Gives what was printed until then.
fn cut_after(
    context: &Context,
    machine: &Machine,
    acknowledgements: u64,
) -> Result<String, Failure> {
    // What an earlier boot printed must not count.
    fs::write(machine.folder.join("serial-compute.log"), "")?;
    let mut call = context.start(machine.command(context), &machine.folder)?;
    let enough = |log: &str| {
        let lines = log.lines().filter(|line| line.contains("acknowledged "));
        log.contains("replayed ") && lines.count() as u64 >= acknowledgements
    };
    let reached = call.until(LOGS, |_| enough(&machine.log()))?;
    check!(
        reached,
        "{acknowledgements} records were not acknowledged: {}\n{}",
        call.stderr(),
        machine.log()
    );
    let running = processes_with(&machine.disk);
    let qemu = running.iter().find(|it| it.contains("qemu-system"));
    let number = qemu.and_then(|it| it.split_whitespace().next()?.parse().ok());
    let Some(pid) = number.and_then(Pid::from_raw) else {
        // It has come to its end in this moment.
        call.wait(ENDS)?;
        return Ok(machine.log());
    };
    kill_process(pid, Signal::KILL).map_err(anyhow::Error::from)?;
    let ended = call.wait(ENDS)?;
    check!(!ended.status.success(), "it went on: {}", ended.shown());
    Ok(machine.log())
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
