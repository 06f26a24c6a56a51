//! A connection with a client and a tree of files in memory.
#![allow(dead_code)]

mod answers;
mod tree;

use std::collections::VecDeque;

use atoll_web::connection::{Action, Connection, Event, Patience, Settings};
use atoll_web::metrics::Node;

pub use answers::{Answer, parse};
pub use tree::Tree;

/// The most that a host receives at once.
pub const PIECE: usize = 4096;

/// What the server of the tests allows.
pub const SETTINGS: Settings = Settings {
    most_upload: 1_000_000,
};

/// What a client does when it has sent all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// It says that nothing more comes.
    Ends,
    /// It says nothing.
    Waits,
}

/// What has become of a connection.
#[derive(Debug)]
pub struct Outcome {
    /// What the client got.
    pub bytes: Vec<u8>,
    /// What the server said of its answers.
    pub classes: [u64; 5],
    /// Bytes of the client that were received.
    pub received: usize,
    /// Most bytes that the connection held.
    pub most_buffered: usize,
    /// How the server waited last.
    pub last_wait: Option<Patience>,
    /// What was done, but for receiving and sending.
    pub done: Vec<String>,
    /// The connection ended before the client did anything but send.
    pub ended_by_server: bool,
}

impl Outcome {
    /// The answers to requests with these methods.
    pub fn answers(&self, methods: &[&str]) -> Vec<Answer> {
        parse(&self.bytes, methods)
    }
}

/// Has a client send pieces to a server of a tree, until the connection ends.
pub fn talk(tree: &mut Tree, pieces: &[&[u8]], then: Then) -> Outcome {
    let mut connection = Connection::new(SETTINGS);
    connection.set_time(tree::NOW);
    let mut pieces: VecDeque<&[u8]> = pieces.iter().copied().filter(|it| !it.is_empty()).collect();
    let mut outcome = Outcome {
        bytes: Vec::new(),
        classes: [0; 5],
        received: 0,
        most_buffered: 0,
        last_wait: None,
        done: Vec::new(),
        ended_by_server: true,
    };
    let mut action = connection.start();
    for _ in 0..100_000 {
        outcome.most_buffered = outcome.most_buffered.max(connection.buffered());
        action = match action {
            Action::End => {
                tree.end();
                outcome.classes = connection.take_answers();
                return outcome;
            }
            Action::Receive(patience) => {
                tree.close();
                outcome.last_wait = Some(patience);
                match pieces.pop_front() {
                    Some(piece) => {
                        outcome.received += piece.len();
                        connection.handle(Event::Received(piece))
                    }
                    None => {
                        outcome.ended_by_server = false;
                        connection.handle(match then {
                            Then::Ends => Event::Ended,
                            Then::Waits => Event::Late,
                        })
                    }
                }
            }
            Action::Send(bytes) => {
                assert!(!bytes.is_empty());
                outcome.bytes.extend(bytes);
                connection.handle(Event::Done)
            }
            Action::SendFile { offset, length } => {
                let (part, event) = tree.read(offset, length);
                outcome.bytes.extend(part);
                connection.handle(event)
            }
            Action::List => {
                let entries = tree.list();
                connection.handle(Event::Listed(&entries))
            }
            Action::Measure => connection.handle(Event::Measured(&Node::default())),
            other => {
                if !matches!(other, Action::Write(_)) {
                    outcome.done.push(format!("{other:?}"));
                }
                connection.handle(tree.change(other))
            }
        };
    }
    panic!("the connection does not end")
}

/// As [`talk`], of a client that sends all at once, as a host receives that, and then ends.
pub fn ask(tree: &mut Tree, bytes: &[u8]) -> Outcome {
    let pieces: Vec<&[u8]> = bytes.chunks(PIECE).collect();
    talk(tree, &pieces, Then::Ends)
}

/// The one answer to one request, of which this is the head without its last line.
pub fn answer(tree: &mut Tree, head: &str) -> Answer {
    answer_with(tree, head, b"")
}

/// As [`answer`], with a body.
pub fn answer_with(tree: &mut Tree, head: &str, body: &[u8]) -> Answer {
    let method = head.split(' ').next().unwrap();
    let mut bytes = head.trim_end().replace('\n', "\r\n").into_bytes();
    if !head.contains("\nHost:") {
        bytes.extend(b"\r\nHost: atoll");
    }
    bytes.extend(b"\r\n\r\n");
    bytes.extend(body);
    let outcome = ask(tree, &bytes);
    let mut answers = outcome.answers(&[method]);
    answers.retain(|answer| answer.status != 100);
    assert_eq!(answers.len(), 1, "{head}");
    answers.remove(0)
}
