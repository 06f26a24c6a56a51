//! A machine on a network, as a client on the host meets it.

mod kv;
mod relay;

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;

use crate::context::{Call, boot_to_serve, expect_pass, read_report};
use crate::inputs::random;
use crate::{Context, Failure, Test, TestResult, check};

const PLAN: &str = "tests/system/plans/echo.toml";

/// The same, with a process that stops the driver and the service.
const RESTART: &str = "tests/system/plans/echo-restart.toml";

/// The port of the echo protocol.
const ECHO: u16 = 7;

/// Time that a boot may take, with its build.
const BOOT: Duration = Duration::from_secs(10 * 60);

/// Time after which a peer that says nothing has failed.
const SILENCE: Duration = Duration::from_secs(60);

/// The tests.
pub fn tests() -> Vec<Test> {
    vec![
        Test::new(
            "network-echo",
            "a program sends back what it receives by TCP and UDP, from many connections at once",
            echo,
        ),
        Test::new(
            "network-kv",
            "clients of Redis store and find values, in pipelines, at once, and of every size",
            kv::kv,
        ),
        Test::new(
            "network-relay",
            "connections are relayed to where their clients say, and copies of what they send are on a disk",
            relay::relay,
        ),
        Test::new(
            "network-restart",
            "a connection outlives the driver, and a program the service of its network",
            restart,
        ),
    ]
}

/// A machine whose program serves, and the host's ports that lead to it.
struct Machine {
    call: Call,
    folder: PathBuf,
    tcp: u16,
    udp: u16,
}

/// A port of the host that nobody uses now.
pub(crate) fn free_port() -> Result<u16, Failure> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}

impl Machine {
    /// Boots, and waits until the program listens.
    fn boot(context: &Context, name: &str, plan: &str, port: u16) -> Result<Machine, Failure> {
        Machine::boot_in(context, context.folder(name)?, plan, port, None)
    }

    /// As [`Machine::boot`], with a folder for its files, and a disk that is kept.
    fn boot_in(
        context: &Context,
        folder: PathBuf,
        plan: &str,
        port: u16,
        disk: Option<&Path>,
    ) -> Result<Machine, Failure> {
        let (tcp, udp) = (free_port()?, free_port()?);
        let call = boot_to_serve(|| {
            let mut command = context.xtask();
            command
                .args(["run", "--plan", plan])
                .args(["--forward", &format!("{tcp}:{port}")])
                .args(["--forward-udp", &format!("{udp}:{port}")])
                .arg("--report")
                .arg(folder.join("report.json"));
            if let Some(disk) = disk {
                command.arg("--disk").arg(disk);
            }
            let log = folder.join("serial-compute.log");
            // What an earlier boot printed must not count.
            fs::write(&log, "")?;
            let mut call = context.start(command, &folder)?;
            let listens = |_: &Call| {
                let log = fs::read_to_string(&log).unwrap_or_default();
                log.contains("] listening at")
            };
            let serves = call.until(BOOT, listens)?;
            Ok((call, serves))
        })?;
        Ok(Machine {
            call,
            folder,
            tcp,
            udp,
        })
    }

    fn connect(&self) -> Result<TcpStream, Failure> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.tcp))?;
        stream.set_read_timeout(Some(SILENCE))?;
        stream.set_write_timeout(Some(SILENCE))?;
        Ok(stream)
    }

    /// How often the operator has stopped a component.
    fn stops(&self, component: &str) -> usize {
        let log = fs::read_to_string(self.folder.join("serial-io.log")).unwrap_or_default();
        let said = format!("[operator] the {component} is stopped");
        log.lines().filter(|line| line.contains(&said)).count()
    }

    /// Has `echo` end, by a datagram; the report.
    fn end(self) -> Result<serde_json::Value, Failure> {
        self.datagrams()?.send(b"end")?;
        self.ends()
    }

    /// The program comes to its end; the report.
    fn ends(self) -> Result<serde_json::Value, Failure> {
        let ended = self.call.wait(SILENCE)?;
        let report = read_report(&self.folder.join("report.json"), &ended)?;
        expect_pass(&ended, &report)?;
        Ok(report)
    }

    fn datagrams(&self) -> Result<UdpSocket, Failure> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.connect((Ipv4Addr::LOCALHOST, self.udp))?;
        socket.set_read_timeout(Some(SILENCE))?;
        Ok(socket)
    }
}

/// Sends bytes, and takes back as many as there are, at the same time.
fn round_trip(stream: &TcpStream, bytes: &[u8]) -> Result<Vec<u8>, Failure> {
    std::thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let mut stream = stream;
            stream.write_all(bytes)?;
            stream.shutdown(Shutdown::Write)
        });
        let mut back = Vec::new();
        let mut reader = stream;
        let read = reader.read_to_end(&mut back);
        let sent = sender.join();
        read.context("nothing comes back")?;
        if let Ok(sent) = sent {
            sent.context("cannot send")?;
        }
        Ok(back)
    })
}

fn echo(context: &Context) -> TestResult {
    let machine = Machine::boot(context, "network-echo", PLAN, ECHO)?;
    for length in [1, 1460, 4097, 100_000, 2 << 20] {
        let bytes = random(length);
        let back = round_trip(&machine.connect()?, &bytes)?;
        check!(back == bytes, "{length} bytes came back as {}", back.len());
    }
    // More than a ring has credits, all open at once.
    let streams = (0..70).map(|_| machine.connect());
    let mut streams: Vec<TcpStream> = streams.collect::<Result<_, Failure>>()?;
    // QEMU takes one connection of a port at a time, and the host tries again each second where that is too few.
    for round in 0..3 {
        for (number, stream) in streams.iter_mut().enumerate() {
            stream.write_all(&random(100 + number * 7 + round))?;
        }
        for (number, stream) in streams.iter_mut().enumerate() {
            let expected = random(100 + number * 7 + round);
            let mut back = vec![0; expected.len()];
            stream.read_exact(&mut back)?;
            check!(back == expected, "connection {number} got something else");
        }
    }
    drop(streams);
    let socket = machine.datagrams()?;
    for length in [0, 1, 512, 1400] {
        let bytes = random(length);
        let mut back = vec![0; 2048];
        socket.send(&bytes)?;
        let count = socket.recv(&mut back)?;
        check!(
            back[..count] == bytes,
            "a datagram of {length} bytes came back as {count}"
        );
    }
    let report = machine.end()?;
    let forwarded = report["forwarded"].as_array().map_or(0, Vec::len);
    check!(
        forwarded == 2,
        "the report names {forwarded} forwarded ports"
    );
    Ok(())
}

/// Sends some bytes and waits until they are back; `false` where the connection has ended.
fn comes_back(stream: &mut TcpStream, round: usize) -> Result<bool, Failure> {
    let bytes = random(700 + round % 900);
    let mut back = vec![0; bytes.len()];
    let both = stream.write_all(&bytes);
    match both.and_then(|()| stream.read_exact(&mut back)) {
        Ok(()) => {
            check!(back == bytes, "round {round}: something else came back");
            Ok(true)
        }
        Err(error) if error.kind() == ErrorKind::WouldBlock => {
            Err(anyhow::anyhow!("round {round}: nothing comes back").into())
        }
        Err(_) => Ok(false),
    }
}

/// Rounds after which the operator must have stopped everything.
const MOST_ROUNDS: usize = 5000;

fn restart(context: &Context) -> TestResult {
    let machine = Machine::boot(context, "network-restart", RESTART, ECHO)?;
    let mut stream = machine.connect()?;
    let mut rounds = 0..MOST_ROUNDS;
    let mut after_driver = 0;
    let lost = rounds
        .by_ref()
        .find_map(|round| match comes_back(&mut stream, round) {
            Ok(true) => {
                after_driver += machine.stops("driver");
                None
            }
            Ok(false) => Some(Ok(round)),
            Err(failure) => Some(Err(failure)),
        });
    let Some(round) = lost.transpose()? else {
        return Err(anyhow::anyhow!("the service was never stopped").into());
    };
    check!(
        machine.stops("service") == 1,
        "round {round}: the connection was lost before the service was stopped"
    );
    check!(
        after_driver > 0,
        "the connection did not outlive the driver"
    );
    // The program finds the next life of the service, and listens again.
    let mut served = false;
    for round in rounds {
        // Until it does, QEMU takes connections and ends them.
        if comes_back(&mut machine.connect()?, round)? {
            served = true;
            break;
        }
    }
    check!(served, "nobody is served by the next life of the service");
    let report = machine.end()?;
    let restarts = report["restarts"].as_array().map_or(0, Vec::len);
    check!(
        restarts == 2,
        "{restarts} components were started again: {report}"
    );
    Ok(())
}
