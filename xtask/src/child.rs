//! Programs that this one starts: they end when it ends, however it ends.

use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};

use crate::tools::SearchPath;
use crate::{interruption, leftovers, scratch};

/// Pause between two looks at a child.
pub const POLL: Duration = Duration::from_millis(10);

/// Time that a child and its children get to end when they are asked to.
const PATIENCE: Duration = Duration::from_millis(300);

/// What a child gets when this program dies without a chance to end it.
#[derive(Clone, Copy)]
pub enum OnDeath {
    /// It has children of its own and can end them: it leads a process group, and the group is ended as a whole.
    Terminate,
    /// It has nothing to clean up.
    Kill,
    /// As `Terminate`, except that it is only asked to end: what it has begun it has to finish.
    Ask,
}

/// Variables by which a user has compilers wrapped.
const WRAPPERS: [&str; 3] = [
    "RUSTC_WRAPPER",
    "CARGO_BUILD_RUSTC_WRAPPER",
    "CMAKE_C_COMPILER_LAUNCHER",
];

/// A command whose process gets a signal when this program dies, as far as util-linux is there to arrange that, and whose
/// temporary files go where this program's do.
pub fn command(program: &Path, on_death: OnDeath) -> Command {
    let signal = match on_death {
        OnDeath::Terminate | OnDeath::Ask => "TERM",
        OnDeath::Kill => "KILL",
    };
    let mut command = match SearchPath::of_environment().find("setpriv") {
        Some(setpriv) => {
            let mut command = Command::new(setpriv);
            command.args(["--pdeathsig", signal, "--"]).arg(program);
            command
        }
        None => Command::new(program),
    };
    command.stdin(Stdio::null());
    if let Some(folder) = scratch::existing() {
        command.env(leftovers::VARIABLE, &folder);
        // A wrapper of compilers may leave a server behind, for builds to come, which is to keep its own folder.
        if WRAPPERS
            .into_iter()
            .all(|name| std::env::var_os(name).is_none())
        {
            command.env("TMPDIR", &folder);
        }
    }
    command
}

/// A running child; dropping it ends the child.
pub struct Running {
    child: Child,
    on_death: OnDeath,
}

impl Running {
    /// Starts a command.
    ///
    /// # Errors
    /// Names the program that cannot be started.
    pub fn start(mut command: Command, name: &str, on_death: OnDeath) -> Result<Running> {
        if !matches!(on_death, OnDeath::Kill) {
            command.process_group(0);
        }
        let child = command
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        Ok(Running { child, on_death })
    }

    /// The child's process number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What the child reads from its standard input, where that was asked for, and nobody has taken it.
    pub fn input(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// How the child ended, if it has.
    ///
    /// # Errors
    /// Where the system cannot say.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Waits for the child, and ends it when the user asks to stop.
    ///
    /// # Errors
    /// Where the user asked to stop.
    pub fn wait(&mut self) -> Result<ExitStatus> {
        loop {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            if interruption::interrupted() {
                self.end();
                bail!("interrupted");
            }
            std::thread::sleep(POLL);
        }
    }

    /// Ends the child and waits until it is gone; one that is only [asked](OnDeath::Ask) to end is not waited for.
    pub fn end(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        match self.on_death {
            OnDeath::Kill => {}
            OnDeath::Terminate => self.end_group(),
            OnDeath::Ask => {
                let _ = kill_process_group(Pid::from_child(&self.child), Signal::TERM);
                return;
            }
        }
        // Both fail only where the child is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks the child and its children to end, gives them some time, and ends what is left.
    fn end_group(&mut self) {
        let group = Pid::from_child(&self.child);
        let _ = kill_process_group(group, Signal::TERM);
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            if test_kill_process_group(group).is_err() {
                return;
            }
            // A child that was not waited for stays in its group.
            let _ = self.child.try_wait();
            std::thread::sleep(POLL);
        }
        let _ = kill_process_group(group, Signal::KILL);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

/// The first line that a program prints, on either stream; `None` where it cannot be run or fails.
pub fn first_line<S: AsRef<OsStr>>(program: &Path, arguments: &[S]) -> Option<String> {
    let output = command(program, OnDeath::Kill)
        .args(arguments)
        .output()
        .ok()?;
    if !output.status.success() {
        return None;
    }
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    Some(text.lines().next().unwrap_or_default().trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_child_is_gone() {
        let mut sleep = Command::new("sleep");
        sleep.arg("60");
        let running = Running::start(sleep, "sleep", OnDeath::Kill).unwrap();
        let folder = format!("/proc/{}", running.id());
        assert!(Path::new(&folder).exists());
        drop(running);
        assert!(!Path::new(&folder).exists());
    }

    #[test]
    fn a_dropped_child_takes_its_children_along() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let mut shell = Command::new("sh");
        let script = format!("sleep 60 & echo $! > {}; wait", file.display());
        shell.args(["-c", &script]);
        let running = Running::start(shell, "sh", OnDeath::Terminate).unwrap();
        let grandchild = loop {
            let text = std::fs::read_to_string(&file).unwrap_or_default();
            if text.ends_with('\n') {
                break text.trim().to_owned();
            }
            std::thread::sleep(POLL);
        };
        drop(running);
        let state = std::fs::read_to_string(format!("/proc/{grandchild}/stat"));
        assert!(state.is_err() || state.unwrap().contains(") Z "));
    }

    #[test]
    fn a_program_that_does_not_exist_is_named() {
        let error = Running::start(
            Command::new("/nowhere/program"),
            "the program",
            OnDeath::Kill,
        );
        let text = format!("{:#}", error.err().unwrap());
        assert!(text.contains("cannot start the program"), "{text}");
    }
}
