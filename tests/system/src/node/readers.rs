//! Many clients of the web server at a time.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use super::machine::Node;
use crate::inputs::random;
use crate::{Failure, TestResult, check};

/// Clients that ask at a time.
const MANY: usize = 1000;

/// Clients that have connected before and ask for nothing: with the others they are more than the server has places for.
const STALLED: usize = 200;

/// Has many clients at a time ask for a file, which has this path and so many random bytes, while others are connected and silent.
pub fn many(node: &Node, path: &str, length: usize) -> TestResult {
    let connect = |number: usize| {
        let stream = Node::connect(node.web);
        stream.map_err(|error| anyhow::anyhow!("connection {number}: {error}"))
    };
    let stalled: Result<Vec<TcpStream>, _> = (0..STALLED).map(connect).collect();
    let stalled = stalled?;
    let clients: Result<Vec<TcpStream>, _> = (STALLED..STALLED + MANY).map(connect).collect();
    let mut clients = clients?;
    for client in &mut clients {
        write!(client, "GET {path} HTTP/1.1\r\nHost: node\r\n\r\n")?;
    }
    let expected = random(length);
    for (number, client) in clients.iter_mut().enumerate() {
        let body = answer(client).map_err(|failure| Failure {
            text: format!("client {number} of {MANY}: {}", failure.text),
            ..failure
        })?;
        check!(
            body == expected,
            "client {number} of {MANY} has another file, of {} bytes",
            body.len()
        );
    }
    drop(stalled);
    Ok(())
}

/// The body of the answer.
fn answer(client: &mut TcpStream) -> Result<Vec<u8>, Failure> {
    let mut reader = BufReader::new(client);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    check!(line.starts_with("HTTP/1.1 200 "), "it is answered {line:?}");
    let mut length = 0;
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        check!(!line.is_empty(), "the head of the answer has no end");
        if line == "\r\n" {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or(usize::MAX);
        }
    }
    check!(length <= 1 << 20, "it says that it has {length} bytes");
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(body)
}
