//! A machine whose power is cut, and what it has printed until then.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::context::{Call, MOST_BOOTS, emulator_has_crashed};
use crate::leftovers::processes_with;
use crate::{Context, Failure, check};

/// Time that one boot may take until it has acknowledged what is waited for.
const BOOT: Duration = Duration::from_secs(5 * 60);

/// Time that the command line may take to end when QEMU is gone.
const ENDS: Duration = Duration::from_secs(60);

/// What a machine runs while its power is cut: a program that prints lines with `acknowledged`.
pub struct Program {
    /// Its plan.
    pub plan: &'static str,
    /// The partition of its disk, as `xtask disk` is told.
    pub partition: &'static str,
    /// What it prints when it has looked at what an earlier boot left.
    pub begins: &'static str,
}

/// What is booted, and with which disk.
pub struct Machine {
    /// Where its report and logs are.
    pub folder: PathBuf,
    /// Its disk, which stays from boot to boot.
    pub disk: PathBuf,
    build: PathBuf,
    begins: &'static str,
}

impl Machine {
    /// Builds it, and makes its disk.
    pub fn prepare(
        context: &Context,
        folder: PathBuf,
        program: &Program,
    ) -> Result<Machine, Failure> {
        let disk = folder.join("disk.img");
        let mut make = context.xtask();
        make.args(["disk", "--partition", program.partition, "--out"])
            .arg(&disk);
        let made = context.call(make, &folder)?;
        check!(made.status.success(), "no disk was made: {}", made.shown());
        let mut build = context.xtask();
        build.args(["build", "--plan", program.plan]);
        let built = context.call(build, &folder)?;
        let path = built.stdout.trim().strip_prefix("built ");
        let Some(build) = path.map(PathBuf::from) else {
            return Err(anyhow::anyhow!("nothing was built: {}", built.shown()).into());
        };
        Ok(Machine {
            folder,
            build,
            disk,
            begins: program.begins,
        })
    }

    /// A boot of it.
    pub fn command(&self, context: &Context) -> std::process::Command {
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
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("serial-compute.log")).unwrap_or_default()
    }

    /// Boots, and kills QEMU when so much has been acknowledged. Gives what was printed until then.
    pub fn cut_after(&self, context: &Context, acknowledgements: u64) -> Result<String, Failure> {
        let mut boots = 0;
        let call = loop {
            boots += 1;
            let (call, reached) = self.boot_until(context, acknowledgements)?;
            if reached {
                break call;
            }
            let (log, stderr) = (self.log(), call.stderr());
            // The emulator itself crashes once in some hundred boots. What was written stays, as at any cut, so this is one.
            let has_crashed = emulator_has_crashed(&stderr);
            check!(
                has_crashed && boots < MOST_BOOTS,
                "there were not {acknowledgements} acknowledgements: {stderr}\n{log}"
            );
            call.wait(ENDS)?;
            if log.contains(self.begins) {
                return Ok(log);
            }
            // Nothing was acknowledged yet.
        };
        let running = processes_with(&self.disk);
        let qemu = running.iter().find(|it| it.contains("qemu-system"));
        let number = qemu.and_then(|it| it.split_whitespace().next()?.parse().ok());
        let Some(pid) = number.and_then(Pid::from_raw) else {
            // It has come to its end in this moment.
            call.wait(ENDS)?;
            return Ok(self.log());
        };
        kill_process(pid, Signal::KILL).map_err(anyhow::Error::from)?;
        let ended = call.wait(ENDS)?;
        check!(!ended.status.success(), "it went on: {}", ended.shown());
        Ok(self.log())
    }

    /// Boots, and waits until so much has been acknowledged; whether it has been.
    fn boot_until(
        &self,
        context: &Context,
        acknowledgements: u64,
    ) -> Result<(Call, bool), Failure> {
        // What an earlier boot printed must not count.
        fs::write(self.folder.join("serial-compute.log"), "")?;
        let mut call = context.start(self.command(context), &self.folder)?;
        let enough = |log: &str| {
            let lines = log.lines().filter(|line| line.contains("acknowledged "));
            log.contains(self.begins) && lines.count() as u64 >= acknowledgements
        };
        let reached = call.until(BOOT, |_| enough(&self.log()))?;
        Ok((call, reached))
    }
}
