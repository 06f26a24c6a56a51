//! A client of a store, and a reader of what it is answered.

#![allow(dead_code)]

use std::cell::Cell;

use atoll_kv::session::{Budget, Outcome, Session};
use atoll_kv::store::{Settings, Store};

/// Numbers of shards with which tests are done.
pub const SHARDS: [usize; 3] = [1, 2, 5];

thread_local! {
    static NUMBER: Cell<usize> = const { Cell::new(1) };
}

/// Has stores of this thread have so many shards.
pub fn use_shards(number: usize) {
    NUMBER.set(number);
}

/// Does a test with each number of shards.
pub fn with_shards(test: impl Fn()) {
    for number in SHARDS {
        use_shards(number);
        test();
    }
}

/// A store with as many shards as it is to have.
pub fn store(settings: Settings) -> Store {
    Store::with(Settings {
        shards: NUMBER.get(),
        ..settings
    })
}

pub const MEMORY: usize = 1 << 20;
pub const BUDGET: usize = 8 << 20;

/// A client and a store.
pub struct Client {
    pub store: Store,
    pub session: Session,
    pub budget: Budget,
}

impl Client {
    pub fn new() -> Client {
        Client::with(Settings {
            memory: MEMORY,
            ..Settings::default()
        })
    }

    pub fn with(settings: Settings) -> Client {
        Client {
            store: store(settings),
            session: Session::default(),
            budget: Budget::new(BUDGET),
        }
    }

    /// Sends bytes; all that is answered, and whether the connection goes on.
    pub fn send(&mut self, bytes: &[u8]) -> (Vec<u8>, bool) {
        let (store, budget) = (&self.store, &self.budget);
        send(&mut self.session, store, budget, bytes)
    }

    /// Sends a line; what is answered.
    pub fn ask(&mut self, line: &str) -> String {
        let (answer, _) = self.send(format!("{line}\r\n").as_bytes());
        String::from_utf8(answer).unwrap()
    }

    /// Sends words; what is answered.
    pub fn ask_words(&mut self, words: &[&[u8]]) -> Vec<u8> {
        self.send(&request(words)).0
    }
}

/// Sends bytes of a client; all that is answered, and whether the connection goes on.
pub fn send(
    session: &mut Session,
    store: &Store,
    budget: &Budget,
    bytes: &[u8],
) -> (Vec<u8>, bool) {
    session.received(budget, bytes);
    let mut answer = Vec::new();
    loop {
        match session.step(store, budget, &mut answer) {
            Outcome::Answered => {}
            Outcome::Needs => return (answer, true),
            Outcome::Ends | Outcome::Stops => return (answer, false),
            Outcome::Waits => std::thread::yield_now(),
        }
    }
}

/// A request as clients send it.
pub fn request(words: &[&[u8]]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend(format!("${}\r\n", word.len()).bytes());
        bytes.extend(*word);
        bytes.extend(b"\r\n");
    }
    bytes
}

/// Has each line answered as is said.
pub fn dialogue(client: &mut Client, lines: &[(&str, &str)]) {
    for (line, expected) in lines {
        let expected = expected.replace('\n', "\r\n") + "\r\n";
        assert_eq!(client.ask(line), expected, "{line}");
    }
}

/// Something that was answered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answer {
    /// A line with its mark.
    Line(Vec<u8>),
    Bytes(Vec<u8>),
    Null,
    Many(u8, Vec<Answer>),
}

/// Reads one answer from the beginning of some bytes; `None` where they are none, or not whole.
pub fn read(bytes: &mut &[u8]) -> Option<Answer> {
    let end = bytes.windows(2).position(|two| two == b"\r\n")?;
    let (line, rest) = (&bytes[..end], &bytes[end + 2..]);
    let (mark, text) = line.split_first()?;
    let number = || std::str::from_utf8(text).ok()?.parse::<i64>().ok();
    *bytes = rest;
    match mark {
        b'+' | b'-' => Some(Answer::Line(line.to_vec())),
        b':' => number().map(|_| Answer::Line(line.to_vec())),
        b',' => {
            let text = std::str::from_utf8(text).ok()?;
            text.parse::<f64>()
                .ok()
                .map(|_| Answer::Line(line.to_vec()))
        }
        b'_' => text.is_empty().then_some(Answer::Null),
        b'$' | b'=' => {
            let Ok(length) = usize::try_from(number()?) else {
                return (text == b"-1").then_some(Answer::Null);
            };
            let found = bytes.get(..length)?.to_vec();
            *bytes = bytes.get(length..)?.strip_prefix(b"\r\n")?;
            Some(Answer::Bytes(found))
        }
        b'*' | b'~' | b'%' => {
            let Ok(count) = usize::try_from(number()?) else {
                return (text == b"-1").then_some(Answer::Null);
            };
            let count = if *mark == b'%' { 2 * count } else { count };
            let all = (0..count).map(|_| read(bytes)).collect::<Option<_>>()?;
            Some(Answer::Many(*mark, all))
        }
        _ => None,
    }
}

/// All answers of some bytes; `None` where they are no answers.
pub fn read_all(mut bytes: &[u8]) -> Option<Vec<Answer>> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        all.push(read(&mut bytes)?);
    }
    Some(all)
}

/// All that a store holds, in an order that does not depend on how it came there.
pub fn content(store: &Store) -> Vec<(Vec<u8>, Vec<Answer>)> {
    let (mut session, budget) = (Session::default(), Budget::new(BUDGET));
    let mut ask = |words: &[&[u8]]| {
        let (answer, _) = send(&mut session, store, &budget, &request(words));
        read_all(&answer).unwrap().remove(0)
    };
    let Answer::Many(_, keys) = ask(&[b"KEYS", b"*"]) else {
        panic!("no keys");
    };
    let mut all = Vec::new();
    for key in keys {
        let Answer::Bytes(key) = key else {
            panic!("no key")
        };
        let kind = ask(&[b"TYPE", &key]);
        let mut held = match &kind {
            Answer::Line(kind) if kind == b"+string" => ask(&[b"GET", &key]),
            Answer::Line(kind) if kind == b"+list" => ask(&[b"LRANGE", &key, b"0", b"-1"]),
            Answer::Line(kind) if kind == b"+set" => ask(&[b"SMEMBERS", &key]),
            Answer::Line(kind) if kind == b"+hash" => ask(&[b"HGETALL", &key]),
            Answer::Line(kind) if kind == b"+zset" => {
                ask(&[b"ZRANGE", &key, b"0", b"-1", b"WITHSCORES"])
            }
            other => panic!("{other:?}"),
        };
        if let Answer::Many(_, held) = &mut held {
            if kind == Answer::Line(b"+set".to_vec()) {
                held.sort();
            } else if kind == Answer::Line(b"+hash".to_vec()) {
                let mut pairs: Vec<_> = held.chunks(2).map(<[Answer]>::to_vec).collect();
                pairs.sort();
                *held = pairs.concat();
            }
        }
        let expires = ask(&[b"PEXPIRETIME", &key]);
        all.push((key, vec![kind, held, expires]));
    }
    all.sort();
    all
}
