//! Clients of the key-value store that send anything: each request is answered once and whole, a client that is not understood is ended, and
//! no bytes of a client take more memory than its budget says.

use atoll_fuzz::script::spoil;
use atoll_fuzz::{Script, Seen, target};
use atoll_kv::session::{Budget, Outcome, Session};
use atoll_kv::store::{Settings, Store};

const RUNS: usize = 3000;

/// Bytes that keys and values may take, and that requests may which are not complete.
const MEMORY: usize = 16 << 10;
const BUDGET: usize = 32 << 10;

/// Clients at a time.
const CLIENTS: usize = 2;

const COMMANDS: [&[u8]; 30] = [
    b"SET",
    b"GET",
    b"APPEND",
    b"INCR",
    b"MSET",
    b"MGET",
    b"DEL",
    b"EXPIRE",
    b"TTL",
    b"RENAME",
    b"LPUSH",
    b"LRANGE",
    b"LMOVE",
    b"SADD",
    b"SINTERSTORE",
    b"HSET",
    b"HINCRBYFLOAT",
    b"ZADD",
    b"ZRANGE",
    b"ZUNIONSTORE",
    b"SCAN",
    b"MULTI",
    b"EXEC",
    b"WATCH",
    b"DISCARD",
    b"HELLO",
    b"CONFIG",
    b"FLUSHALL",
    b"OBJECT",
    b"NONE",
];

const WORDS: [&[u8]; 24] = [
    b"a",
    b"b",
    b"{a}b",
    b"1",
    b"0",
    b"-1",
    b"3.5",
    b"inf",
    b"nan",
    b"9223372036854775807",
    b"18446744073709551616",
    b"EX",
    b"NX",
    b"GET",
    b"LEFT",
    b"RIGHT",
    b"(1",
    b"[a",
    b"+",
    b"MATCH",
    b"*",
    b"WITHSCORES",
    b"",
    b"\xff\r\n",
];

/// A request, or what is nearly one.
fn request(script: &mut Script<'_>) -> Vec<u8> {
    if script.once_in(8) {
        // A line, as people type it.
        let mut line = script.pick(&COMMANDS).unwrap_or_default().to_vec();
        for _ in 0..script.below(4) {
            line.push(b" \"'"[script.below(3)]);
            line.extend(script.pick(&WORDS).unwrap_or_default());
        }
        line.extend(b"\r\n");
        return line;
    }
    let count = script.below(6);
    let mut bytes = format!("*{}\r\n", count + 1).into_bytes();
    for place in 0..=count {
        let word = match place {
            0 => script.pick(&COMMANDS),
            _ => script.pick(&WORDS),
        };
        let mut word = word.unwrap_or_default().to_vec();
        if place > 0 && script.once_in(10) {
            word = vec![script.byte(); 100 * script.below(80)];
        }
        bytes.extend(format!("${}\r\n", word.len()).bytes());
        bytes.extend(word);
        bytes.extend(b"\r\n");
    }
    match script.once_in(40) {
        true => spoil(bytes, script),
        false => bytes,
    }
}

/// Skips one whole answer; what is behind it.
fn answer(bytes: &[u8]) -> Option<&[u8]> {
    let end = bytes.windows(2).position(|two| two == b"\r\n")?;
    let (line, rest) = (&bytes[..end], &bytes[end + 2..]);
    let (mark, text) = line.split_first()?;
    let number = || std::str::from_utf8(text).ok()?.parse::<i64>().ok();
    let many = |count: usize, mut rest| {
        for _ in 0..count {
            rest = answer(rest)?;
        }
        Some(rest)
    };
    match mark {
        b'+' | b'-' => Some(rest),
        b':' => number().map(|_| rest),
        b',' => Some(rest),
        b'_' | b'#' => Some(rest),
        b'$' | b'=' => match usize::try_from(number()?) {
            Err(_) => Some(rest),
            Ok(length) => rest.get(length..)?.strip_prefix(b"\r\n"),
        },
        b'*' | b'~' | b'>' => many(usize::try_from(number()?).unwrap_or(0), rest),
        b'%' => many(2 * usize::try_from(number()?).ok()?, rest),
        _ => None,
    }
}

/// A client, and whether it was understood so far.
struct Client {
    session: Session,
    /// What it has not sent yet of a request that was cut.
    rest: Vec<u8>,
}

fn clients(bytes: &[u8], seen: &Seen) {
    let mut script = Script::new(bytes);
    let shards = 1 + script.below(3);
    let store = Store::with(Settings {
        memory: MEMORY,
        shards,
        ..Settings::default()
    });
    let budget = Budget::new(BUDGET);
    let client = || Client {
        session: Session::default(),
        rest: Vec::new(),
    };
    let mut clients: Vec<Client> = (0..CLIENTS).map(|_| client()).collect();
    while !script.is_done() {
        store.set_time(1_000_000 + 1000 * script.below(256) as u64);
        let which = script.below(CLIENTS);
        let own = &mut clients[which];
        own.rest.extend(request(&mut script));
        let length = match script.below(4) {
            0 => script.raw() as usize % (own.rest.len() + 1),
            _ => own.rest.len(),
        };
        let sent: Vec<u8> = own.rest.drain(..length).collect();
        own.session.received(&budget, &sent);
        let mut answered = 0;
        let mut answers = Vec::new();
        let ends = loop {
            match own.session.step(&store, &budget, &mut answers) {
                Outcome::Answered => answered += 1,
                Outcome::Needs => break false,
                Outcome::Ends => break true,
                Outcome::Stops => panic!("nobody has asked for that"),
                Outcome::Waits => panic!("nobody holds a shard"),
            }
        };
        let mut found = 0;
        let mut rest = &answers[..];
        while !rest.is_empty() {
            rest = answer(rest).unwrap_or_else(|| panic!("no whole answer: {rest:?}"));
            found += 1;
        }
        // An empty request has no answer; the last one may tell why the client is ended.
        assert!(
            found <= answered + usize::from(ends),
            "{found} of {answered}"
        );
        let says = |text: &[u8]| answers.windows(text.len()).any(|it| it == text);
        for (text, what) in [
            (&b"-ERR Protocol error"[..], "not understood"),
            (b"-OOM", "no room"),
            (b"-ERR too many requests", "beyond its budget"),
            (b"-EXECABORT", "a spoilt transaction"),
            (b"+QUEUED", "a transaction"),
        ] {
            if says(text) {
                seen.note(what);
            }
        }
        if answered > 0 && !answers.starts_with(b"-") {
            seen.note("answered");
        }
        if ends {
            seen.note("ended");
            let mut gone = std::mem::replace(own, client());
            assert!(gone.session.end(&store, &budget), "nobody holds a shard");
        }
        assert!(store.used() <= MEMORY, "{} bytes", store.used());
        assert!(budget.used() <= BUDGET, "{} bytes", budget.used());
    }
    for mut client in clients {
        assert!(client.session.end(&store, &budget), "nobody holds a shard");
    }
    assert_eq!(budget.used(), 0, "clients that are gone have nothing");
}

target!(
    clients_of_the_store,
    RUNS,
    900,
    clients,
    [
        "answered",
        "ended",
        "not understood",
        "no room",
        "beyond its budget",
        "a transaction",
        "a spoilt transaction"
    ]
);
