//! The two machines, each in programs of its own, and whether their servers answer.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::linux::{Hardware, Linux};
use crate::child::{self, OnDeath, Running};
use crate::node::{KV, WEB};
use crate::simulate::{Pace, host_cores};
use crate::tools::Tools;
use crate::{interruption, locate};

/// Time in which a machine boots.
const BOOT: Duration = Duration::from_secs(240);

/// Time in which the other servers of a machine follow the first one.
const FOLLOW: Duration = Duration::from_secs(20);

/// Time of one attempt to have an answer.
const ATTEMPT: Duration = Duration::from_secs(2);

/// Pause between two.
const PAUSE: Duration = Duration::from_millis(300);

/// Bytes of an answer that is a line.
const MOST_LINE: u64 = 1 << 20;

/// Bytes of an answer to a question.
const MOST_ANSWER: usize = 4 << 10;

/// A machine that runs. Dropping it ends it.
pub struct Machine {
    name: &'static str,
    running: Running,
    /// Where its output goes.
    output: PathBuf,
    ports: Vec<(u16, u16)>,
}

impl Machine {
    /// Starts Atoll with a build, in a run of this program: a disk is made with the files of a folder.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub fn atoll(build: &Path, files: &Path, logs: &Path, ports: &[u16]) -> Result<Machine> {
        Machine::start_atoll(build, files, &logs.join("node-atoll"), ports, &[])
    }

    /// As [`Machine::atoll`], on a machine that counts instructions.
    ///
    /// # Errors
    /// As there.
    pub fn counted_atoll(
        build: &Path,
        files: &Path,
        logs: &Path,
        ports: &[u16],
    ) -> Result<Machine> {
        let logs = logs.join("node-counted");
        Machine::start_atoll(build, files, &logs, ports, &["--count-instructions"])
    }

    /// `log` is the name of its files, without their extensions.
    fn start_atoll(
        build: &Path,
        files: &Path,
        log: &Path,
        ports: &[u16],
        options: &[&str],
    ) -> Result<Machine> {
        let ports = free_ports(ports)?;
        let own = std::env::current_exe().context("cannot tell where this program is")?;
        let mut command = child::command(&own, OnDeath::Terminate);
        command.arg("simulate").arg("--build").arg(build);
        command.args(options);
        command.arg("--disk-from").arg(files);
        command.arg("--report").arg(log.with_extension("json"));
        for (host, guest) in &ports {
            command.arg("--forward").arg(format!("{host}:{guest}"));
        }
        let output = log.with_extension("log");
        Machine::start("Atoll", command, OnDeath::Terminate, output, ports)
    }

    /// Starts the Linux guest.
    ///
    /// # Errors
    /// As [`Machine::atoll`].
    pub fn linux(
        linux: &Linux,
        cores: u32,
        memory: u64,
        pace: Pace,
        logs: &Path,
        tools: &Tools,
    ) -> Result<Machine> {
        let ports = free_ports(&[KV, WEB])?;
        let hardware = Hardware {
            cores,
            memory,
            pace,
            ports: ports.clone(),
        };
        let mut command = child::command(&tools.path("qemu-system-x86_64"), OnDeath::Kill);
        command.args(linux.arguments(&hardware));
        let output = logs.join("node-linux.log");
        command.arg("-serial").arg("stdio");
        Machine::start("Linux", command, OnDeath::Kill, output, ports)
    }

    fn start(
        name: &'static str,
        mut command: Command,
        on_death: OnDeath,
        output: PathBuf,
        ports: Vec<(u16, u16)>,
    ) -> Result<Machine> {
        let file = fs::File::create(&output)
            .with_context(|| format!("cannot write {}", locate::shown(&output)))?;
        command
            .stdout(file.try_clone().context("cannot share a file")?)
            .stderr(file);
        Ok(Machine {
            name,
            running: Running::start(command, name, on_death)?,
            output,
            ports,
        })
    }

    /// Where the host reaches a port of the machine.
    pub fn server(&self, guest: u16) -> SocketAddr {
        let port = self.ports.iter().find(|(_, it)| *it == guest);
        SocketAddr::from((Ipv4Addr::LOCALHOST, port.map_or(0, |(host, _)| *host)))
    }

    /// Waits until the key-value store answers.
    ///
    /// # Errors
    /// Where the machine has ended, or does not boot in time.
    pub fn wait_until_it_serves(&mut self) -> Result<Duration> {
        let start = Instant::now();
        while self.ask(KV, b"PING\r\n").is_none_or(|it| it != "+PONG\r\n") {
            self.check()?;
            if start.elapsed() > BOOT {
                bail!(
                    "{} did not answer within {} s; its output is in {}",
                    self.name,
                    BOOT.as_secs(),
                    locate::shown(&self.output)
                );
            }
            thread::sleep(PAUSE);
        }
        Ok(start.elapsed())
    }

    /// Whether the web server has a file, or comes to have it.
    ///
    /// # Errors
    /// Where the machine has ended.
    pub fn has_file(&mut self, path: &str) -> Result<bool> {
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let start = Instant::now();
        loop {
            let answer = self.ask(WEB, request.as_bytes());
            if answer.is_some_and(|it| it.starts_with("HTTP/1.1 200")) {
                return Ok(true);
            }
            self.check()?;
            if start.elapsed() > FOLLOW {
                return Ok(false);
            }
            thread::sleep(PAUSE);
        }
    }

    /// Has the key-value store do something.
    ///
    /// # Errors
    /// Where it says nothing.
    pub fn command(&self, words: &[&str]) -> Result<String> {
        let line = words.join(" ") + "\r\n";
        let answer = self.ask(KV, line.as_bytes());
        answer.with_context(|| format!("{} does not answer {}", self.name, words.join(" ")))
    }

    /// Asks a server something that is one line, and so is the answer.
    ///
    /// # Errors
    /// Where none comes.
    pub fn line(&self, guest: u16, question: &str) -> Result<String> {
        let ask = || {
            let mut stream = TcpStream::connect_timeout(&self.server(guest), BOOT)?;
            stream.set_read_timeout(Some(BOOT))?;
            stream.write_all(format!("{question}\n").as_bytes())?;
            let mut answer = String::new();
            BufReader::new(stream.take(MOST_LINE)).read_line(&mut answer)?;
            std::io::Result::Ok(answer)
        };
        let answer = ask().with_context(|| format!("{} does not answer", self.name))?;
        anyhow::ensure!(answer.ends_with('\n'), "{} answers no line", self.name);
        Ok(answer)
    }

    /// The beginning of the answer to a question on a connection of its own.
    fn ask(&self, guest: u16, question: &[u8]) -> Option<String> {
        let mut stream = TcpStream::connect_timeout(&self.server(guest), ATTEMPT).ok()?;
        stream.set_read_timeout(Some(ATTEMPT)).ok()?;
        stream.write_all(question).ok()?;
        let mut answer = vec![0; MOST_ANSWER];
        let length = stream.read(&mut answer).ok()?;
        answer.truncate(length);
        (length > 0).then(|| String::from_utf8_lossy(&answer).into_owned())
    }

    /// Whether it still runs.
    ///
    /// # Errors
    /// Where it does not, or the user asked to stop.
    pub fn check(&mut self) -> Result<()> {
        if interruption::interrupted() {
            bail!("interrupted");
        }
        match self.running.ended()? {
            None => Ok(()),
            Some(status) => bail!(
                "{} has ended ({status}); its output is in {}",
                self.name,
                locate::shown(&self.output)
            ),
        }
    }

    /// Seconds of the host's processors that its programs have taken so far.
    pub fn cpu_seconds(&self) -> f64 {
        let ticks = ticks_below(self.running.id());
        ticks as f64 / rustix::param::clock_ticks_per_second() as f64
    }
}

/// How a machine of so many cores, all of one kernel, runs on this host.
pub fn pace_of(cores: u32) -> Pace {
    match cores as usize > host_cores() {
        true => Pace::InTurns,
        false => Pace::Together,
    }
}

/// A free port of the host for each of these.
fn free_ports(guests: &[u16]) -> Result<Vec<(u16, u16)>> {
    // All are held until all are found, so that each is another one.
    let mut held = Vec::new();
    let mut ports = Vec::new();
    for guest in guests {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        let listener = listener.context("this host has no free port at 127.0.0.1")?;
        ports.push((listener.local_addr()?.port(), *guest));
        held.push(listener);
    }
    Ok(ports)
}

/// Clock ticks that a program and those that it has started have taken.
fn ticks_below(root: u32) -> u64 {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let programs: Vec<Program> = entries
        .filter_map(|entry| {
            let id = entry.file_name().to_str()?.parse().ok()?;
            parse_program(id, &fs::read_to_string(entry.path().join("stat")).ok()?)
        })
        .collect();
    let mut below = vec![root];
    let mut index = 0;
    while let Some(parent) = below.get(index) {
        let children = programs.iter().filter(|it| it.parent == *parent);
        below.extend(children.map(|it| it.id).collect::<Vec<_>>());
        index += 1;
    }
    let counted = programs.iter().filter(|it| below.contains(&it.id));
    counted.map(|it| it.ticks).sum()
}

/// A program of the host.
#[derive(Debug, PartialEq)]
struct Program {
    id: u32,
    parent: u32,
    ticks: u64,
}

/// Reads what the system says of a program: behind its name, which is in parentheses, the second field is its parent, the 12th and
/// 13th are user and system time.
fn parse_program(id: u32, text: &str) -> Option<Program> {
    let (_, fields) = text.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let user: u64 = fields.get(11)?.parse().ok()?;
    let system: u64 = fields.get(12)?.parse().ok()?;
    Some(Program {
        id,
        parent: fields.get(1)?.parse().ok()?,
        ticks: user + system,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_behind_the_name_of_a_program() {
        let text = "7 (a) b) S 3 7 7 0 -1 4194560 1 2 3 4 50 6 70 80 20 0";
        let expected = Program {
            id: 7,
            parent: 3,
            ticks: 56,
        };
        assert_eq!(parse_program(7, text), Some(expected));
        assert_eq!(parse_program(7, "7 (a) S 3"), None);
    }

    #[test]
    fn a_programs_children_count() {
        let script = "sh -c 'i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; sleep 60'; true";
        let mut shell = Command::new("sh");
        shell.args(["-c", script]);
        let running = Running::start(shell, "sh", OnDeath::Terminate).unwrap();
        let started = Instant::now();
        // Those of the shell that the first one has started: it takes none itself.
        while ticks_below(running.id()) == 0 {
            assert!(started.elapsed() < Duration::from_secs(60));
            thread::sleep(child::POLL);
        }
    }

    #[test]
    fn ports_differ() {
        let ports = free_ports(&[1, 2]).unwrap();
        assert_ne!(ports[0].0, ports[1].0);
        assert_eq!((ports[0].1, ports[1].1), (1, 2));
    }
}
