//! Requests and what is answered, as clients see them.

mod support;

use atoll_kv::session::{Budget, Outcome, Session};
use atoll_kv::store::Settings;
use support::{Client, MEMORY as MOST, request};

/// Has each line answered as is said.
fn dialogue(lines: &[(&str, &str)]) {
    support::with_shards(|| support::dialogue(&mut Client::new(), lines));
}

#[test]
fn strings() {
    dialogue(&[
        ("GET a", "$-1"),
        ("SET a 1", "+OK"),
        ("get a", "$1\n1"),
        ("SET a 2 NX", "$-1"),
        ("SET b 2 XX", "$-1"),
        ("SET a 2 XX", "+OK"),
        ("SET a 3 GET", "$1\n2"),
        ("SET c 3 GET", "$-1"),
        ("SET a 4 NX GET", "$1\n3"),
        ("GET a", "$1\n3"),
        ("SETNX a 5", ":0"),
        ("SETNX d 5", ":1"),
        ("GETSET d 6", "$1\n5"),
        ("GETDEL d", "$1\n6"),
        ("GETDEL d", "$-1"),
        ("APPEND d xy", ":2"),
        ("APPEND d z", ":3"),
        ("STRLEN d", ":3"),
        ("STRLEN none", ":0"),
        ("MSET x 1 y 2", "+OK"),
        ("MGET x y z", "*3\n$1\n1\n$1\n2\n$-1"),
        (
            "MSET x 1 y",
            "-ERR wrong number of arguments for 'mset' command",
        ),
        ("MSET x 1 x 2", "+OK"),
        ("GET x", "$1\n2"),
        ("SET a 1 NX XX", "-ERR syntax error"),
        ("SET a 1 EX", "-ERR syntax error"),
        ("SET a 1 EX 0", "-ERR invalid expire time in 'set' command"),
        (
            "SET a 1 EX x",
            "-ERR value is not an integer or out of range",
        ),
        ("SET a 1 EX 5 KEEPTTL", "-ERR syntax error"),
        (
            "SET a 1 EXAT 5",
            "-ERR this machine has no calendar; use EX or PX, with a time from now",
        ),
        ("GET", "-ERR wrong number of arguments for 'get' command"),
        ("SET a", "-ERR wrong number of arguments for 'set' command"),
    ]);
}

#[test]
fn counters() {
    dialogue(&[
        ("INCR n", ":1"),
        ("INCRBY n 9", ":10"),
        ("DECR n", ":9"),
        ("DECRBY n 19", ":-10"),
        ("GET n", "$3\n-10"),
        ("SET n 9223372036854775807", "+OK"),
        ("INCR n", "-ERR increment or decrement would overflow"),
        (
            "DECRBY n -9223372036854775808",
            "-ERR decrement would overflow",
        ),
        ("SET n 01", "+OK"),
        ("INCR n", "-ERR value is not an integer or out of range"),
        ("SET n +1", "+OK"),
        ("INCR n", "-ERR value is not an integer or out of range"),
        ("SET n -0", "+OK"),
        ("INCR n", "-ERR value is not an integer or out of range"),
        ("SET n 0", "+OK"),
        ("INCRBY n -5", ":-5"),
    ]);
}

#[test]
fn keys_expire() {
    support::with_shards(|| {
        let mut client = Client::new();
        client.store.set_time(1_000_000);
        assert_eq!(client.ask("SET a 1 EX 10"), "+OK\r\n");
        assert_eq!(client.ask("SET b 1 PX 1500"), "+OK\r\n");
        assert_eq!(client.ask("TTL a"), ":10\r\n");
        assert_eq!(client.ask("PTTL b"), ":1500\r\n");
        assert_eq!(client.ask("SET c 1"), "+OK\r\n");
        assert_eq!(client.ask("TTL c"), ":-1\r\n");
        assert_eq!(client.ask("TTL none"), ":-2\r\n");
        assert_eq!(client.ask("EXPIRE c 5"), ":1\r\n");
        assert_eq!(client.ask("EXPIRE none 5"), ":0\r\n");
        assert_eq!(client.ask("APPEND a 2"), ":2\r\n");
        client.store.set_time(1_001_499);
        assert_eq!(client.ask("EXISTS a b c"), ":3\r\n");
        client.store.set_time(1_001_500);
        assert_eq!(client.ask("EXISTS a b c"), ":2\r\n");
        assert_eq!(client.ask("SET c 2 KEEPTTL"), "+OK\r\n");
        assert_eq!(client.ask("PTTL c"), ":3500\r\n");
        assert_eq!(client.ask("PERSIST c"), ":1\r\n");
        assert_eq!(client.ask("PERSIST c"), ":0\r\n");
        client.store.set_time(1_010_000);
        assert_eq!(client.ask("GET a"), "$-1\r\n");
        assert_eq!(client.ask("GET c"), "$1\r\n2\r\n");
        assert_eq!(client.ask("EXPIRE c -1"), ":1\r\n");
        assert_eq!(client.ask("DBSIZE"), ":0\r\n");
        assert_eq!(client.store.used(), 0, "nothing is left of them");
        for command in ["SETEX k 10 v", "PSETEX k 10 v"] {
            assert_eq!(client.ask(command), "+OK\r\n");
        }
        assert_eq!(client.ask("PTTL k"), ":10\r\n");
        let far = client.ask("EXPIRE k 9223372036854775807");
        assert_eq!(far, "-ERR invalid expire time in 'expire' command\r\n");
    });
}

#[test]
fn keys_of_a_server() {
    dialogue(&[
        ("PING", "+PONG"),
        ("PING hi", "$2\nhi"),
        ("ECHO hi", "$2\nhi"),
        ("SELECT 0", "+OK"),
        ("SELECT 1", "-ERR DB index is out of range"),
        ("SET a 1", "+OK"),
        ("SET b 1", "+OK"),
        ("TYPE a", "+string"),
        ("TYPE c", "+none"),
        ("DEL a c", ":1"),
        ("UNLINK b", ":1"),
        ("MSET a 1 b 2", "+OK"),
        ("DBSIZE", ":2"),
        ("FLUSHALL ASYNC", "+OK"),
        ("DBSIZE", ":0"),
        ("FLUSHDB now", "-ERR syntax error"),
        (
            "CONFIG GET save appendonly",
            "*4\n$10\nappendonly\n$2\nno\n$4\nsave\n$0\n",
        ),
        (
            "CONFIG SET save x",
            "-ERR CONFIG SET failed (possibly related to argument 'save') - can't set immutable config",
        ),
        ("COMMAND DOCS", "*0"),
        ("CLIENT SETNAME x", "+OK"),
        ("HELLO 4", "-NOPROTO unsupported protocol version"),
        (
            "BLPOP a b",
            "-ERR unknown command 'BLPOP', with args beginning with: 'a' 'b' ",
        ),
    ]);
    let mut client = Client::new();
    assert!(client.ask("HELLO 2").starts_with("*14\r\n$6\r\nserver\r\n"));
    assert!(client.ask("INFO").contains("redis_version:"));
    assert_eq!(
        client.send(b"QUIT\r\nPING\r\n"),
        (b"+OK\r\n".to_vec(), false)
    );
}

#[test]
fn what_does_not_fit_is_refused_and_changes_nothing() {
    support::with_shards(|| {
        let mut client = Client::new();
        let large = vec![b'x'; MOST / 2];
        let set = |key: &[u8]| request(&[b"SET", key, &large]);
        assert_eq!(client.send(&set(b"a")).0, b"+OK\r\n");
        let full = b"-OOM command not allowed when used memory > 'maxmemory'.\r\n";
        assert_eq!(client.send(&set(b"b")).0, full);
        let used = client.store.used();
        let many = request(&[b"MSET", b"c", b"1", b"a", b"2", b"d", &large, b"e", &large]);
        assert_eq!(client.send(&many).0, full);
        assert_eq!(client.store.used(), used);
        assert_eq!(client.ask("EXISTS c d e"), ":0\r\n");
        assert_eq!(client.ask("STRLEN a"), format!(":{}\r\n", MOST / 2));
        let more = request(&[b"APPEND", b"a", &vec![b'x'; MOST / 2 + 1]]);
        let long = client.send(&more).0;
        assert!(
            long.starts_with(b"-ERR string exceeds"),
            "{}",
            long.escape_ascii()
        );
        assert_eq!(client.ask("SET a 1"), "+OK\r\n");
    });
}

#[test]
fn requests_may_come_in_any_pieces() {
    support::with_shards(|| {
        let value: Vec<u8> = (0..=255).cycle().take(5000).collect();
        let mut all = request(&[b"SET", b"k\r\n\0", &value]);
        all.extend(request(&[b"GET", b"k\r\n\0"]));
        all.extend(b"*0\r\n\r\nPING\n  \r\n*-1\r\n");
        let mut expected = b"+OK\r\n$5000\r\n".to_vec();
        expected.extend(&value);
        expected.extend(b"\r\n+PONG\r\n");
        for size in [1, 2, 3, 7, 64, 1000, 4096, all.len()] {
            let mut client = Client::new();
            let mut answers = Vec::new();
            for piece in all.chunks(size) {
                let (answer, goes_on) = client.send(piece);
                assert!(goes_on);
                answers.extend(answer);
            }
            assert!(answers == expected, "in pieces of {size}");
        }
    });
}

#[test]
fn a_client_that_is_not_understood_is_told_why_and_ended() {
    support::with_shards(|| {
        for (bytes, expected) in [
            (b"*x\r\n".to_vec(), "invalid multibulk length"),
            (b"*16385\r\n".to_vec(), "invalid multibulk length"),
            (b"*1\r\n:1\r\n".to_vec(), "expected '$', got ':'"),
            (b"*1\r\n*1\r\n".to_vec(), "expected '$', got '*'"),
            (b"*1\r\n$x\r\n".to_vec(), "invalid bulk length"),
            (b"*1\r\n$-1\r\n".to_vec(), "invalid bulk length"),
            (b"*1\r\n$1048577\r\n".to_vec(), "invalid bulk length"),
            (b"*1\r\n$4\r\nPING--".to_vec(), "a bulk string has no end"),
            (vec![b'x'; 1 << 14], "too big inline request"),
            (
                [b"*1\r\n$", [b'1'; 1 << 14].as_slice()].concat(),
                "too big bulk count string",
            ),
        ] {
            let mut client = Client::new();
            let (answer, goes_on) = client.send(&bytes);
            let expected = format!("-ERR Protocol error: {expected}\r\n");
            assert_eq!(String::from_utf8(answer).unwrap(), expected);
            assert!(!goes_on, "{expected}");
        }
        let word = vec![b'x'; 1 << 20];
        let mut client = Client::new();
        let (answer, goes_on) = client.send(&request(&[b"MSET", b"a", &word, b"b", &word]));
        assert_eq!(answer, b"-ERR Protocol error: too big request\r\n");
        assert!(!goes_on);
        // What a client names cannot end the line of an error.
        let (answer, _) = Client::new().send(&request(&[b"x\r\n+OK", b"\xff'"]));
        let expected = b"-ERR unknown command 'x  +OK', with args beginning with: '\xff'' \r\n";
        assert_eq!(answer, expected);
    });
}

#[test]
fn all_clients_together_have_a_budget() {
    support::with_shards(|| {
        let store = support::store(Settings {
            memory: MOST,
            ..Settings::default()
        });
        let budget = Budget::new(1 << 20);
        let mut answer = Vec::new();
        let begin = b"*2\r\n$3\r\nGET\r\n$1048576\r\n";
        let mut clients: Vec<Session> = (0..64).map(|_| Session::default()).collect();
        let mut refused = 0;
        // Each begins a long request and does not end it.
        for client in &mut clients {
            client.received(&budget, begin);
            for _ in 0..16 {
                client.received(&budget, &[b'x'; 4096]);
            }
            refused += usize::from(client.step(&store, &budget, &mut answer) == Outcome::Ends);
            assert!(budget.used() <= 1 << 20, "more than the budget");
        }
        assert!((1..64).contains(&refused), "{refused} were refused");
        assert!(answer.starts_with(b"-ERR too many requests"));
        for mut client in clients {
            assert!(client.end(&store, &budget));
        }
        assert_eq!(budget.used(), 0, "clients that are gone have nothing");
        let mut next = Session::default();
        next.received(&budget, b"PING\r\n");
        assert_eq!(next.step(&store, &budget, &mut answer), Outcome::Answered);
    });
}

#[test]
fn an_answer_has_an_end() {
    support::with_shards(|| {
        let mut client = Client::with(Settings {
            memory: MOST,
            longest_answer: 1 << 20,
            ..Settings::default()
        });
        let set = request(&[b"SET", b"a", &vec![b'x'; 300_000]]);
        assert_eq!(client.send(&set).0, b"+OK\r\n");
        assert!(client.send(b"MGET a a a\r\n").0.len() > 900_000);
        let long = "-ERR the values are too long for one answer; ask for fewer\r\n";
        assert_eq!(client.ask("MGET a a a a"), long);
        // Nor is what a transaction answers longer, and what cannot be told is not removed.
        for line in ["MULTI", "GET a", "GET a", "GET a", "GETDEL a"] {
            assert!(client.ask(line).starts_with('+'));
        }
        let answer = client.ask("EXEC");
        assert!(answer.ends_with(long), "{}", answer.len());
        assert_eq!(client.ask("EXISTS a"), ":1\r\n");
        assert_eq!(client.ask("DEL a"), ":1\r\n");
        let element = vec![b'y'; 1000];
        for _ in 0..800 {
            client.ask_words(&[b"RPUSH", b"l", &element]);
            client.ask_words(&[b"SADD", b"s", &element[..100]]);
        }
        let three = "RPOPLPUSH l l\r\n".repeat(3);
        assert!(client.send(three.as_bytes()).1);
        client.ask_words(&[b"SUNIONSTORE", b"s2", b"s"]);
        assert!(client.send(b"LRANGE l 0 -1\r\n").0.len() > 800_000);
        assert_eq!(client.ask("LLEN l"), ":800\r\n");
        assert!(client.send(b"LPOP l 800\r\n").0.len() > 800_000);
    });
}
