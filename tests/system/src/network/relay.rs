//! A relay between clients and servers of the host, which keeps copies of what the clients send on a disk.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use atoll_relay::copies::{Header, PLACE, State, header_of};
use atoll_relay::line::Upstream;

use super::{Machine, SILENCE, round_trip};
use crate::inputs::random;
use crate::{Context, Failure, TestResult, check};

const PLAN: &str = "tests/system/plans/relay.toml";

/// The host, as QEMU's router of the machine's network has it.
const HOST: [u8; 4] = [10, 0, 2, 2];

/// Where the first partition begins, as `xtask disk` has it.
const PARTITION: usize = 1 << 20;

const BLOCK: usize = 4096;

/// Bytes that a place has room for.
const ROOM: usize = (PLACE as usize - 1) * BLOCK;

/// What each client sends, and what its server answers: bytes. There are three places for copies.
const CONNECTIONS: [(usize, usize); 4] = [
    (100_001, 300_000),
    (2 << 20, 5),
    (8 * BLOCK, 70_000),
    (1000, 1000),
];

/// Serves a connection: takes what comes until nothing follows, and answers meanwhile. What came.
fn serve(listener: &TcpListener, answer: &[u8]) -> Result<Vec<u8>, Failure> {
    round_trip(&accept(listener)?, answer)
}

/// The next connection of a server, where one comes before long.
fn accept(listener: &TcpListener) -> Result<TcpStream, Failure> {
    listener.set_nonblocking(true)?;
    let begin = Instant::now();
    let stream = loop {
        match listener.accept() {
            Ok((stream, _)) => break stream,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                check!(begin.elapsed() < SILENCE, "nobody connects to a server");
                std::thread::sleep(Duration::from_millis(10));
            }
            Err(error) => return Err(error.into()),
        }
    };
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(SILENCE))?;
    stream.set_write_timeout(Some(SILENCE))?;
    Ok(stream)
}

/// Relays one connection to a server of its own.
fn relay_one(machine: &Machine, listener: &TcpListener, sent: &[u8], answer: &[u8]) -> TestResult {
    let line = format!("{}\n", upstream(listener)?);
    std::thread::scope(|scope| {
        let server = scope.spawn(|| serve(listener, answer));
        let mut client = machine.connect()?;
        client.write_all(line.as_bytes())?;
        let back = round_trip(&client, sent)?;
        let Ok(came) = server.join() else {
            return Err(anyhow::anyhow!("the server fell").into());
        };
        check!(back == answer, "{} bytes came back", back.len());
        check!(came? == sent, "something else came to the server");
        Ok(())
    })
}

/// Where the machine finds a server.
fn upstream(listener: &TcpListener) -> Result<Upstream, Failure> {
    Ok(Upstream {
        address: HOST,
        port: listener.local_addr()?.port(),
    })
}

/// A client that asks for something that cannot be; its connection ends with nothing.
fn is_refused(machine: &Machine, line: &[u8]) -> TestResult {
    let mut client = machine.connect()?;
    client.write_all(line)?;
    let mut found = Vec::new();
    // It may be told that the connection was reset, where it had sent more.
    let _ = client.read_to_end(&mut found);
    check!(found.is_empty(), "it is answered: {}", found.escape_ascii());
    Ok(())
}

/// Relays, and looks at the copies when the machine has ended.
pub(super) fn relay(context: &Context) -> TestResult {
    let folder = context.folder("network-relay")?;
    let disk = folder.join("disk.img");
    let mut make = context.xtask();
    make.args(["disk", "--partition", "copies=empty:3MiB", "--out"])
        .arg(&disk);
    let made = context.call(make, &folder)?;
    check!(made.status.success(), "no disk was made: {}", made.shown());
    let port = atoll_relay::PORT;
    let machine = Machine::boot_in(context, folder.clone(), PLAN, port, Some(&disk))?;
    is_refused(&machine, b"GET / HTTP/1.1\r\n\r\n")?;
    is_refused(&machine, b"10.0.2.002:80\n")?;
    // Nobody listens any more.
    let gone = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let line = format!("{}\n", upstream(&gone)?);
    drop(gone);
    is_refused(&machine, line.as_bytes())?;
    let mut hosts = Vec::new();
    for (sent, answered) in CONNECTIONS {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        relay_one(&machine, &listener, &random(sent), &random(answered))?;
        hosts.push(upstream(&listener)?);
    }
    // A server that says nothing and ends the connection.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    ends_with_its_server(&machine, &listener)?;
    machine.end()?;
    let log = fs::read_to_string(folder.join("serial-compute.log"))?;
    check_result(&log)?;
    check_copies(&disk, &hosts)
}

fn ends_with_its_server(machine: &Machine, listener: &TcpListener) -> TestResult {
    let mut client = machine.connect()?;
    client.write_all(format!("{}\n", upstream(listener)?).as_bytes())?;
    let server = accept(listener)?;
    server.shutdown(Shutdown::Both)?;
    drop(server);
    let mut found = Vec::new();
    let ended = client.read_to_end(&mut found);
    check!(
        ended.is_ok() && found.is_empty(),
        "a connection does not end with its server: {ended:?}"
    );
    drop::<TcpStream>(client);
    Ok(())
}

/// What the program says that it has done.
fn check_result(log: &str) -> TestResult {
    for said in [
        "its line is no `a.b.c.d:port`",
        "the host that it named takes no connection",
        "ends behind 1044480 bytes: its place is full",
        "the partition is full",
    ] {
        check!(log.contains(said), "it was not said: {said}\n{log}");
    }
    let result = log
        .lines()
        .find_map(|line| line.split_once("[relay] result "));
    let (_, result) = result.context("there is no result")?;
    let result: serde_json::Value = serde_json::from_str(result).context("the result")?;
    let number = |key: &str| result[key].as_u64().unwrap_or(u64::MAX);
    let there: usize = CONNECTIONS.iter().map(|it| it.0).sum();
    let back: usize = CONNECTIONS.iter().map(|it| it.1).sum();
    let kept = CONNECTIONS.iter().take(3).map(|it| it.0.min(ROOM)).sum();
    let expected = [there, back, kept].map(|it: usize| it as u64);
    let found = ["there", "back", "kept"].map(number);
    check!(
        found == expected,
        "{found:?} instead of {expected:?}: {result}"
    );
    // Each byte is copied out of the service's buffer and into it again; and moved for the copy, where it is not where a block begins.
    let [there, back, kept] = expected;
    let copied = number("copied");
    let least = 2 * (there + back);
    check!(
        copied >= least && copied <= least + 3 * kept + (64 << 10),
        "{copied} bytes were copied for {least}: {result}"
    );
    Ok(())
}

/// Looks at the copies on the disk.
fn check_copies(disk: &Path, hosts: &[Upstream]) -> TestResult {
    let disk = fs::read(disk)?;
    let partition = disk.get(PARTITION..).unwrap_or_default();
    for (place, ((sent, _), upstream)) in CONNECTIONS.iter().zip(hosts).take(3).enumerate() {
        let at = header_of(place as u64) as usize * BLOCK;
        let block = partition.get(at..).unwrap_or_default();
        let bytes = (*sent).min(ROOM);
        let expected = Header {
            state: match bytes < *sent {
                true => State::Cut,
                false => State::Whole,
            },
            upstream: *upstream,
            bytes: bytes as u64,
        };
        let found = Header::decode(block);
        check!(
            found == Some(expected),
            "the header of copy {place} is {found:?} instead of {expected:?}"
        );
        let copy = block.get(BLOCK..BLOCK + bytes).unwrap_or_default();
        check!(
            random(*sent).get(..bytes) == Some(copy),
            "copy {place} is not what was sent"
        );
    }
    Ok(())
}
