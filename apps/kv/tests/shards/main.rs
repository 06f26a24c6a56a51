//! Several threads use a store at a time: what a command or a transaction does is done at one moment for all others, and what is in the
//! journal is what happened.

mod clients;
#[path = "../support/mod.rs"]
mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use atoll_kv::session::{Budget, Outcome, Session};
use atoll_kv::store::{Policy, Store};
use clients::{Client, ROUNDS, integer, many, mixed, run, store};
use support::{Answer, BUDGET};

#[test]
fn keys_that_are_set_together_are_read_together() {
    let store = store(1 << 20);
    let keys: Vec<String> = (0..8).map(|number| format!("key:{number}")).collect();
    let reads = run(
        &store,
        |client, number, round| {
            let value = format!("{number}:{round}");
            let mut words = vec!["MSET"];
            for key in &keys {
                words.extend([key.as_str(), &value]);
            }
            assert_eq!(client.ask(&words), Answer::Line(b"+OK".to_vec()));
        },
        |client| {
            let mut words = vec!["MGET"];
            words.extend(keys.iter().map(String::as_str));
            let found = many(client.ask(&words));
            assert!(found.windows(2).all(|two| two[0] == two[1]), "{found:?}");
        },
    );
    assert!(reads > 10, "{reads}");
}

/// Accounts of the next tests, and what is in all of them together.
const ACCOUNTS: usize = 12;
const SUM: i64 = 1200;

fn accounts() -> Vec<String> {
    (0..ACCOUNTS)
        .map(|number| format!("account:{number}"))
        .collect()
}

fn open_accounts(store: &Store) {
    let budget = Budget::new(BUDGET);
    let mut client = Client::new(store, &budget);
    for account in accounts() {
        client.ask(&["SET", &account, "100"]);
    }
}

fn check_accounts(client: &mut Client<'_>) {
    let names = accounts();
    let mut words = vec!["MGET"];
    words.extend(names.iter().map(String::as_str));
    let found = many(client.ask(&words));
    let sum: i64 = found.iter().map(integer).sum();
    assert_eq!(sum, SUM, "{found:?}");
}

fn two_accounts(number: usize, round: usize) -> (usize, usize) {
    let mixed = mixed(number * ROUNDS + round);
    let from = mixed % ACCOUNTS;
    (
        from,
        (from + 1 + mixed / ACCOUNTS % (ACCOUNTS - 1)) % ACCOUNTS,
    )
}

#[test]
fn transactions_are_done_at_one_moment() {
    let store = store(1 << 20);
    open_accounts(&store);
    run(
        &store,
        |client, number, round| {
            let (from, to) = two_accounts(number, round);
            client.ask(&["MULTI"]);
            client.ask_line(&format!("DECRBY account:{from} 7"));
            client.ask_line(&format!("INCRBY account:{to} 7"));
            assert_eq!(many(client.ask(&["EXEC"])).len(), 2);
        },
        check_accounts,
    );
}

#[test]
fn what_is_watched_is_as_it_was() {
    let store = store(1 << 20);
    open_accounts(&store);
    let (done, disturbed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    run(
        &store,
        |client, number, round| {
            let (from, to) = two_accounts(number, round);
            client.ask_line(&format!("WATCH account:{from} account:{to}"));
            let mut read = |account| integer(&client.ask_line(&format!("GET account:{account}")));
            let (there, here) = (read(from), read(to));
            // Others have time to disturb it.
            if round % 16 == 0 {
                thread::yield_now();
            }
            client.ask(&["MULTI"]);
            client.ask_line(&format!("SET account:{from} {}", there - 3));
            client.ask_line(&format!("SET account:{to} {}", here + 3));
            match client.ask(&["EXEC"]) {
                Answer::Null => disturbed.fetch_add(1, Ordering::Relaxed),
                Answer::Many(_, all) if all.len() == 2 => done.fetch_add(1, Ordering::Relaxed),
                other => panic!("{other:?}"),
            };
        },
        check_accounts,
    );
    let (done, disturbed) = (done.into_inner(), disturbed.into_inner());
    assert!(done > 100 && disturbed > 0, "{done} and {disturbed}");
}

#[test]
fn what_moves_from_key_to_key_is_never_lost() {
    let store = store(1 << 20);
    {
        let budget = Budget::new(BUDGET);
        let mut client = Client::new(&store, &budget);
        client.ask(&["RPUSH", "list:0", "a", "b", "c", "d"]);
        client.ask(&["SADD", "set:0", "1", "2", "3"]);
        client.ask(&["SET", "token:0", "it"]);
    }
    run(
        &store,
        |client, number, round| {
            let mixed = mixed(number * ROUNDS + round);
            let (from, to) = (mixed % 6, mixed / 6 % 6);
            match round % 3 {
                0 => drop(client.ask_line(&format!("LMOVE list:{from} list:{to} LEFT RIGHT"))),
                1 => drop(client.ask_line(&format!("SMOVE set:{from} set:{to} {}", 1 + mixed % 3))),
                _ => drop(client.ask_line(&format!("RENAMENX token:{from} token:{to}"))),
            }
        },
        |client| {
            client.ask(&["MULTI"]);
            for number in 0..6 {
                client.ask_line(&format!("LLEN list:{number}"));
                client.ask_line(&format!("SCARD set:{number}"));
                client.ask_line(&format!("EXISTS token:{number}"));
            }
            let found: Vec<i64> = many(client.ask(&["EXEC"])).iter().map(integer).collect();
            let sum = |kind: usize| found.iter().skip(kind).step_by(3).sum::<i64>();
            assert_eq!([sum(0), sum(1), sum(2)], [4, 3, 1], "{found:?}");
            // All keys are looked at together as well.
            let keys = many(client.ask(&["KEYS", "token:*"]));
            assert_eq!(keys.len(), 1, "{keys:?}");
        },
    );
}

#[test]
fn the_memory_of_all_shards_has_one_limit() {
    for policy in [Policy::NoEviction, Policy::AllLru, Policy::VolatileTtl] {
        let store = store(60_000);
        store.set_policy(policy);
        let refused = AtomicUsize::new(0);
        run(
            &store,
            |client, number, round| {
                let mixed = mixed(number * ROUNDS + round);
                let value = "x".repeat(mixed % 900);
                let (key, other) = (mixed % 150, mixed / 150 % 150);
                let answer = match mixed % 5 {
                    0 => client.ask_line(&format!("DEL {key}")),
                    1 => client.ask_line(&format!("MSET {key} {value}x {other} {value}x")),
                    2 => client.ask_line(&format!("SET {key} {value}x PX 1000000")),
                    _ => client.ask_line(&format!("SET {key} {value}x")),
                };
                if matches!(&answer, Answer::Line(line) if line.starts_with(b"-OOM")) {
                    refused.fetch_add(1, Ordering::Relaxed);
                }
            },
            |client| {
                let used = client.store.used();
                assert!(used <= client.store.most(), "{used} bytes are used");
            },
        );
        let refused = refused.into_inner();
        let is_refused = policy != Policy::AllLru;
        assert_eq!(refused > 0, is_refused, "{policy:?}: {refused}");
        assert!(store.used() > 30_000, "{policy:?}: {}", store.used());
    }
}

#[test]
fn a_frozen_store_has_clients_wait() {
    let store = store(1 << 20);
    let budget = Budget::new(BUDGET);
    let (mut session, mut answer) = (Session::default(), Vec::new());
    session.received(&budget, b"WATCH a\r\nPING\r\nGET \"a b\"\r\n");
    assert_eq!(
        session.step(&store, &budget, &mut answer),
        Outcome::Answered
    );
    let frozen = store.freeze();
    // What needs no key is answered, and the other one is left as it was.
    assert_eq!(
        session.step(&store, &budget, &mut answer),
        Outcome::Answered
    );
    for _ in 0..3 {
        assert_eq!(session.step(&store, &budget, &mut answer), Outcome::Waits);
        session.received(&budget, b"PING\r\n");
        assert!(!session.end(&store, &budget), "it watches a key");
    }
    drop(frozen);
    for _ in 0..4 {
        assert_eq!(
            session.step(&store, &budget, &mut answer),
            Outcome::Answered
        );
    }
    assert_eq!(session.step(&store, &budget, &mut answer), Outcome::Needs);
    assert_eq!(
        answer,
        b"+OK\r\n+PONG\r\n$-1\r\n+PONG\r\n+PONG\r\n+PONG\r\n"
    );
    assert!(session.end(&store, &budget));
    assert_eq!(budget.used(), 0);
}
