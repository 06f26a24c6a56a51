//! A key-value store, as clients of Redis meet it.

use std::io::{Read, Write};
use std::net::TcpStream;

use anyhow::Context as _;

use super::Machine;
use crate::inputs::random;
use crate::node::redis::request;
use crate::{Context, Failure, TestResult, check};

const PLAN: &str = "tests/system/plans/kv.toml";

/// The port of Redis.
const REDIS: u16 = 6379;

/// A value as it is answered.
fn value(bytes: &[u8]) -> Vec<u8> {
    let mut answer = format!("${}\r\n", bytes.len()).into_bytes();
    answer.extend(bytes);
    answer.extend(b"\r\n");
    answer
}

/// Sends requests while it takes the answers, which have to be these.
fn talk(stream: &TcpStream, requests: &[u8], answers: &[u8]) -> TestResult {
    std::thread::scope(|scope| {
        let sender = scope.spawn(move || {
            let mut stream = stream;
            stream.write_all(requests)
        });
        let mut found = vec![0; answers.len()];
        let mut reader = stream;
        let read = reader.read_exact(&mut found);
        if let Ok(sent) = sender.join() {
            sent.context("cannot send")?;
        }
        read.context("there are too few answers")?;
        let wrong = found.iter().zip(answers).position(|(a, b)| a != b);
        check!(
            wrong.is_none(),
            "the answers are wrong from byte {wrong:?} on"
        );
        Ok(())
    })
}

/// Clients that talk at once.
const CLIENTS: usize = 12;

/// Requests of a pipeline.
const PIPELINE: usize = 16;

/// Values of every size, pipelines, and many clients at once.
pub(super) fn kv(context: &Context) -> TestResult {
    let machine = Machine::boot(context, "network-kv", PLAN, REDIS)?;
    // Values of every size, and one that is too large.
    let stream = machine.connect()?;
    for length in [0, 1, 1459, 1460, 4096, 65_536, 1 << 20] {
        let bytes = random(length);
        let mut requests = request(&[b"SET", b"key", &bytes]);
        requests.extend(request(&[b"GET", b"key"]));
        let mut answers = b"+OK\r\n".to_vec();
        answers.extend(value(&bytes));
        talk(&stream, &requests, &answers)?;
    }
    let too_large = machine.connect()?;
    let answer = b"-ERR Protocol error: invalid bulk length\r\n";
    talk(&too_large, b"*2\r\n$3\r\nGET\r\n$1048577\r\n", answer)?;
    let mut rest = Vec::new();
    let mut reader = &too_large;
    reader.read_to_end(&mut rest)?;
    check!(
        rest.is_empty(),
        "a client that is not understood is not ended"
    );
    // Clients that count with one key, and keep values of their own, in pipelines.
    let streams = (0..CLIENTS).map(|_| machine.connect());
    let streams: Vec<TcpStream> = streams.collect::<Result<_, Failure>>()?;
    const ROUNDS: usize = 10;
    let talks = |number: usize, stream: &TcpStream| -> TestResult {
        for round in 0..ROUNDS {
            let (mut requests, mut answers) = (Vec::new(), Vec::new());
            for index in 0..PIPELINE {
                let key = format!("{number}:{index}").into_bytes();
                let bytes = random(number * 40 + index * 3 + round);
                requests.extend(request(&[b"SET", &key, &bytes]));
                requests.extend(request(&[b"GET", &key]));
                answers.extend(b"+OK\r\n");
                answers.extend(value(&bytes));
            }
            talk(stream, &requests, &answers)?;
            let mut stream = stream;
            stream.write_all(&request(&[b"INCR", b"count"]))?;
            let mut line = Vec::new();
            while !line.ends_with(b"\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte)?;
                line.extend(byte);
            }
            check!(
                line.starts_with(b":"),
                "a counter is {}",
                line.escape_ascii()
            );
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let clients = streams.iter().enumerate();
        let clients: Vec<_> = clients
            .map(|(number, stream)| scope.spawn(move || talks(number, stream)))
            .collect();
        let mut ends = clients.into_iter().map(|client| client.join());
        ends.try_for_each(|end| {
            end.unwrap_or_else(|_| Err(anyhow::anyhow!("a client fell").into()))
        })
    })?;
    let mut requests = request(&[b"GET", b"count"]);
    requests.extend(request(&[b"DBSIZE"]));
    let mut answers = value((CLIENTS * ROUNDS).to_string().as_bytes());
    let keys = CLIENTS * PIPELINE + 2;
    answers.extend(format!(":{keys}\r\n").into_bytes());
    talk(&stream, &requests, &answers)?;
    let mut last = &stream;
    last.write_all(b"SHUTDOWN\r\n")?;
    let report = machine.ends()?;
    check!(
        report["verdict"] == "pass",
        "the run did not pass: {report}"
    );
    Ok(())
}
