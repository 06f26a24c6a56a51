//! Clients that watch what others change.

mod support;

use atoll_kv::session::{Budget, Session};
use atoll_kv::store::{Settings, Store};
use support::{request, send};

/// Clients of one store.
struct Clients {
    store: Store,
    budget: Budget,
    sessions: Vec<Session>,
}

impl Clients {
    fn new(budget: usize) -> Clients {
        let store = support::store(Settings {
            has_calendar: true,
            keeps_changes: true,
            ..Settings::default()
        });
        store.set_time(1000);
        Clients {
            store,
            budget: Budget::new(budget),
            sessions: vec![Session::default(), Session::default()],
        }
    }

    fn ask(&mut self, client: usize, line: &str) -> String {
        let line = format!("{line}\r\n");
        let (store, budget) = (&self.store, &self.budget);
        let (answer, _) = send(&mut self.sessions[client], store, budget, line.as_bytes());
        String::from_utf8(answer).unwrap()
    }

    fn end(self) {
        for mut session in self.sessions {
            assert!(session.end(&self.store, &self.budget));
        }
        assert_eq!(self.budget.used(), 0);
    }
}

/// Whether a transaction is executed whose client watches a key, of which another one does something.
fn executes(before: &str, does: impl FnOnce(&mut Clients)) -> bool {
    let mut clients = Clients::new(1 << 20);
    if !before.is_empty() {
        clients.ask(1, before);
    }
    assert_eq!(clients.ask(0, "WATCH a b"), "+OK\r\n");
    does(&mut clients);
    clients.ask(0, "MULTI");
    assert_eq!(clients.ask(0, "INCR counter"), "+QUEUED\r\n");
    let answer = clients.ask(0, "EXEC");
    let is_done = clients.ask(1, "GET counter") == "$1\r\n1\r\n";
    assert_eq!(answer, if is_done { "*1\r\n:1\r\n" } else { "*-1\r\n" });
    // Nothing is watched any more.
    clients.ask(1, "SET a 9");
    clients.ask(0, "MULTI");
    assert_eq!(clients.ask(0, "EXEC"), "*0\r\n");
    clients.end();
    is_done
}

#[test]
fn a_transaction_whose_keys_were_changed_is_not_executed() {
    support::with_shards(|| {
        let asks = |line: &'static str| move |clients: &mut Clients| drop(clients.ask(1, line));
        assert!(executes("", |_| {}));
        assert!(executes("SET a 1", asks("GET a")));
        assert!(executes("SET a 1", asks("SET c 1")));
        assert!(executes("SET a 1", asks("SETNX a 2")));
        assert!(executes("", asks("DEL a")));
        assert!(executes("", asks("FLUSHALL")));
        assert!(executes("SADD a 1", asks("SADD a 1")));
        assert!(executes("SADD a 1", asks("SREM a 2")));
        for (before, does) in [
            ("SET a 1", "SET a 1"),
            ("SET a 1", "DEL a"),
            ("SET a 1", "FLUSHALL"),
            ("SET a 1", "EXPIRE a 100"),
            ("SET a 1", "RENAME a c"),
            ("SET c 1", "RENAME c a"),
            ("SET c 1", "COPY c b"),
            ("", "LPUSH a 1"),
            ("LPUSH a 1", "LPOP a"),
            ("LPUSH a 1", "LSET a 0 1"),
            ("HSET b f 1", "HINCRBY b f 1"),
            ("SADD a 1", "SPOP a"),
            ("SADD c 1", "SUNIONSTORE a c"),
            ("ZADD a 1 m", "ZADD a 2 m"),
            ("SET a 1 PX 100", "PERSIST a"),
        ] {
            assert!(!executes(before, asks(does)), "{before}; {does}");
        }
        // What came and went was changed, and so was what expired.
        assert!(!executes("", |clients| {
            clients.ask(1, "SET a 1");
            clients.ask(1, "DEL a");
        }));
        assert!(!executes("SET a 1 PX 100", |clients| clients
            .store
            .set_time(1100)));
        // By the client itself as well.
        assert!(!executes("", |clients| drop(clients.ask(0, "SET a 1"))));
        assert!(executes("", |clients| {
            clients.ask(1, "SET a 1");
            clients.ask(0, "UNWATCH");
        }));
    });
}

#[test]
fn what_only_reads_and_removes_needs_no_room() {
    support::with_shards(|| {
        for (does, is_done) in [("", true), ("SET b 2", false)] {
            let mut clients = Clients::new(1 << 20);
            clients.ask(1, "MSET a 1 b 1 c 1 d 1 e 1");
            clients.ask(0, "WATCH a b");
            clients.ask(1, does);
            for line in ["MULTI", "GET c", "DEL d", "EXPIRE e 10", "TTL e"] {
                clients.ask(0, line);
            }
            let expected = match is_done {
                true => "*4\r\n$1\r\n1\r\n:1\r\n:1\r\n:10\r\n",
                false => "*-1\r\n",
            };
            assert_eq!(clients.ask(0, "EXEC"), expected);
            clients.end();
        }
    });
}

#[test]
fn a_transaction_is_one_unit() {
    support::with_shards(|| {
        let mut clients = Clients::new(1 << 20);
        for line in [
            "MULTI",
            "SET a 1",
            "GET a",
            "INCRBYFLOAT a 1.5",
            "LPUSH a x",
            "SPOP none",
        ] {
            clients.ask(0, line);
            assert_eq!(clients.store.changes_len(), 0);
        }
        clients.ask(0, "EXEC");
        let expected = [
            request(&[b"SET", b"a", b"1"]),
            request(&[b"SET", b"a", b"2.5", b"KEEPTTL"]),
        ];
        assert_eq!(clients.store.take_changes(), expected.concat());
        clients.end();
    });
}

#[test]
fn a_transaction_has_an_end() {
    support::with_shards(|| {
        let mut clients = Clients::new(8 << 20);
        clients.ask(0, "SADD s 1");
        clients.ask(0, "MULTI");
        // Each is refused with a text that is longer than the request.
        let all = "GET s\r\n".repeat(1 << 14);
        assert_eq!(
            clients.ask(0, all.trim_end()),
            "+QUEUED\r\n".repeat(1 << 14)
        );
        assert!(clients.ask(0, "GET s").starts_with("-ERR"));
        let answer = clients.ask(0, "EXEC");
        assert!(answer.starts_with("-EXECABORT"), "{}", answer.len());
        // The longest one is answered, within the longest answer.
        clients.ask(0, "MULTI");
        clients.ask(0, all.trim_end());
        let answer = clients.ask(0, "EXEC");
        assert!(
            answer.starts_with("*16384\r\n-WRONGTYPE"),
            "{}",
            answer.len()
        );
        assert!(answer.len() <= clients.store.settings().longest_answer);
        clients.end();
    });
}

#[test]
fn what_ends_the_program_is_not_queued() {
    support::with_shards(|| {
        let mut clients = Clients::new(1 << 20);
        clients.ask(0, "MULTI");
        assert_eq!(
            clients.ask(0, "SHUTDOWN"),
            "-ERR Command not allowed inside a transaction\r\n"
        );
        let answer = clients.ask(0, "EXEC");
        assert!(answer.starts_with("-EXECABORT"), "{answer}");
        clients.end();
    });
}

#[test]
fn what_is_queued_is_of_the_budget() {
    support::with_shards(|| {
        let mut clients = Clients::new(100_000);
        clients.ask(0, "MULTI");
        let long = format!("SET a {}", "x".repeat(5000));
        let mut queued = 0;
        while clients.ask(0, &long) == "+QUEUED\r\n" {
            queued += 1;
            assert!(clients.budget.used() <= 100_000);
        }
        assert!((4..20).contains(&queued), "{queued}");
        assert_eq!(
            clients.ask(0, "EXEC"),
            "-EXECABORT Transaction discarded because of previous errors.\r\n"
        );
        assert!(clients.budget.used() < 20_000);
        // So are keys that are watched.
        let mut watched = 0;
        while clients.ask(1, &format!("WATCH {watched}{}", "x".repeat(1000))) == "+OK\r\n" {
            watched += 1;
        }
        assert!((20..50).contains(&watched), "{watched}");
        clients.ask(1, "UNWATCH");
        assert_eq!(clients.ask(1, "WATCH a"), "+OK\r\n");
        // A client that goes in a transaction leaves nothing.
        clients.ask(1, "MULTI");
        clients.ask(1, &long);
        clients.end();
    });
}
