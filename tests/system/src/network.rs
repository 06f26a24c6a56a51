//! A machine on a network, as a client on the host meets it.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;

use crate::context::{Call, expect_pass, read_report};
use crate::inputs::random;
use crate::{Context, Failure, Test, TestResult, check};

const PLAN: &str = "tests/system/plans/echo.toml";

/// The port of the echo protocol.
const ECHO: u16 = 7;

/// Time that a boot may take, with its build.
const BOOT: Duration = Duration::from_secs(10 * 60);

/// Time after which a peer that says nothing has failed.
const SILENCE: Duration = Duration::from_secs(60);

/// The tests.
pub fn tests() -> Vec<Test> {
    vec![Test::new(
        "network-echo",
        "a program sends back what it receives by TCP and UDP, from many connections at once",
        echo,
    )]
}

/// A machine that runs `echo`, and the host's ports that lead to it.
struct Machine {
    call: Call,
    folder: PathBuf,
    tcp: u16,
    udp: u16,
}

/// A port of the host that nobody uses now.
fn free_port() -> Result<u16, Failure> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}

impl Machine {
    /// Boots, and waits until the program listens.
    fn boot(context: &Context, name: &str) -> Result<Machine, Failure> {
        let folder = context.folder(name)?;
        let (tcp, udp) = (free_port()?, free_port()?);
        let mut command = context.xtask();
        command
            .args(["run", "--plan", PLAN])
            .args(["--forward", &format!("{tcp}:{ECHO}")])
            .args(["--forward-udp", &format!("{udp}:{ECHO}")])
            .arg("--report")
            .arg(folder.join("report.json"));
        let mut call = context.start(command, &folder)?;
        let log = folder.join("serial-compute.log");
        let listens = |_: &Call| {
            let log = fs::read_to_string(&log).unwrap_or_default();
            log.contains("[echo] listening at")
        };
        let is_there = call.until(BOOT, listens)?;
        check!(is_there, "echo does not listen: {}", call.stderr());
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

    /// Has the program end, by a datagram; its report.
    fn end(self) -> Result<serde_json::Value, Failure> {
        let socket = self.datagrams()?;
        socket.send(b"end")?;
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
    let machine = Machine::boot(context, "network-echo")?;
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
