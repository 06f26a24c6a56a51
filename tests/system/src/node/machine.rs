//! A node that runs.

use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::context::{Call, boot_to_serve, read_report};
use crate::leftovers::processes_with;
use crate::network::free_port;
use crate::{Context, Failure, check};

/// Time that a boot may take, with its build.
const BOOT: Duration = Duration::from_secs(10 * 60);

/// Time that it may take to end.
const ENDS: Duration = Duration::from_secs(60);

/// Time after which a peer that says nothing has failed.
pub const SILENCE: Duration = Duration::from_secs(60);

/// The ports of the node.
const WEB: u16 = 80;
const REDIS: u16 = 6379;

/// A node that runs, and the host's ports that lead to it.
pub struct Node {
    call: Call,
    /// Its report and logs.
    pub folder: PathBuf,
    disk: PathBuf,
    /// The port of its web server.
    pub web: u16,
    /// The port of its store.
    pub redis: u16,
}

/// Makes the disk of a node, whose volume has the content of a folder.
pub fn make_disk(context: &Context, folder: &Path, content: &Path) -> Result<PathBuf, Failure> {
    let disk = folder.join("disk.img");
    let mut make = context.xtask();
    make.args(["disk", "--partition"])
        .arg(format!("volume=folder:{}", content.display()))
        .args(["--partition", "log=empty:100663296", "--out"])
        .arg(&disk);
    let made = context.call(make, folder)?;
    check!(made.status.success(), "no disk was made: {}", made.shown());
    Ok(disk)
}

/// The serial logs in a folder.
fn logs(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    paths
        .filter(|path| path.extension().is_some_and(|it| it == "log"))
        .collect()
}

/// What came over all serial lines.
fn printed(folder: &Path) -> String {
    let logs = logs(folder).into_iter();
    logs.filter_map(|log| fs::read_to_string(log).ok())
        .collect()
}

impl Node {
    /// Boots the node as a user does, with a disk; waits until its programs listen.
    pub fn boot(context: &Context, folder: &Path, disk: &Path) -> Result<Node, Failure> {
        Node::boot_plan(context, folder, disk, &[], 2)
    }

    /// Boots a machine of a plan that has the node's programs; waits until so many programs listen.
    pub fn boot_plan(
        context: &Context,
        folder: &Path,
        disk: &Path,
        options: &[&str],
        listeners: usize,
    ) -> Result<Node, Failure> {
        let (web, redis) = (free_port()?, free_port()?);
        let call = boot_to_serve(|| {
            let mut command = context.xtask();
            command
                .arg("run")
                .args(options)
                .args(["--forward", &format!("{web}:{WEB}")])
                .args(["--forward", &format!("{redis}:{REDIS}")])
                .arg("--disk")
                .arg(disk)
                .arg("--report")
                .arg(folder.join("report.json"));
            // What an earlier boot printed must not count.
            for log in logs(folder) {
                fs::write(log, "")?;
            }
            let mut call = context.start(command, folder)?;
            let listens = |_: &Call| printed(folder).matches("] listening at").count() >= listeners;
            let serves = call.until(BOOT, listens)?;
            Ok((call, serves))
        })?;
        Ok(Node {
            call,
            folder: folder.to_path_buf(),
            disk: disk.to_path_buf(),
            web,
            redis,
        })
    }

    /// A connection to a port of the host.
    pub fn connect(port: u16) -> std::io::Result<TcpStream> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(SILENCE))?;
        stream.set_write_timeout(Some(SILENCE))?;
        Ok(stream)
    }

    /// What the programs have printed.
    pub fn log(&self) -> String {
        printed(&self.folder)
    }

    /// Ends it as a user does, with Ctrl-C; the report.
    pub fn end(self) -> Result<Value, Failure> {
        self.call.signal(Signal::INT)?;
        self.ends("stopped")
    }

    /// Waits until it ends by itself, because its programs have ended; the report, which has to have this verdict.
    pub fn ends(self, verdict: &str) -> Result<Value, Failure> {
        let ended = self.call.wait(ENDS)?;
        let report = read_report(&self.folder.join("report.json"), &ended)?;
        check!(
            ended.status.success() && report["verdict"] == verdict,
            "the node did not end well: {}\n{report}",
            ended.shown()
        );
        Ok(report)
    }

    /// Kills the emulator, as if the power went.
    pub fn kill(self) -> Result<(), Failure> {
        let running = processes_with(&self.disk);
        let qemu = running.iter().find(|it| it.contains("qemu-system"));
        let number = qemu.and_then(|it| it.split_whitespace().next()?.parse().ok());
        let Some(pid) = number.and_then(Pid::from_raw) else {
            return Err(anyhow::anyhow!("the emulator is gone: {}", self.call.stderr()).into());
        };
        kill_process(pid, Signal::KILL).map_err(anyhow::Error::from)?;
        let ended = self.call.wait(ENDS)?;
        check!(!ended.status.success(), "it went on: {}", ended.shown());
        Ok(())
    }
}
