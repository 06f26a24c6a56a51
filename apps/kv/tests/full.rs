//! What happens when there is no room.

mod support;

use atoll_kv::store::{Policy, Settings};
use proptest::prelude::*;
use support::{Client, request};

const MEMORY: usize = 100_000;
const FULL: &[u8] = b"-OOM command not allowed when used memory > 'maxmemory'.\r\n";

fn client(policy: &str) -> Client {
    let mut client = Client::with(Settings {
        memory: MEMORY,
        has_calendar: true,
        ..Settings::default()
    });
    client.store.set_time(1000);
    let set = format!("CONFIG SET maxmemory-policy {policy}");
    assert_eq!(client.ask(&set), "+OK\r\n");
    client
}

/// Sets so many keys of 1000 bytes each, every second one with a time.
fn fill(client: &mut Client, keys: std::ops::Range<usize>) {
    let value = vec![b'x'; 1000];
    for number in keys {
        let key = format!("key {number}").into_bytes();
        let time = (1_000_000 + number).to_string().into_bytes();
        let answer = match number % 2 {
            0 => client.ask_words(&[b"SET", &key, &value]),
            _ => client.ask_words(&[b"SET", &key, &value, b"PX", &time]),
        };
        assert_eq!(answer, b"+OK\r\n", "{number}");
        assert!(client.store.used() <= MEMORY);
    }
}

fn is_there(client: &mut Client, number: usize) -> bool {
    let key = format!("key {number}").into_bytes();
    client.ask_words(&[b"EXISTS", &key]) == b":1\r\n"
}

#[test]
fn without_a_policy_what_does_not_fit_is_refused() {
    support::with_shards(|| {
        let mut client = client("noeviction");
        fill(&mut client, 0..70);
        let value = vec![b'x'; 50_000];
        for words in [
            [b"SET".as_slice(), b"more", &value].as_slice(),
            &[b"APPEND", b"key 0", &value],
            &[b"SETRANGE", b"key 0", b"50000", b"x"],
            &[b"RPUSH", b"more", &value],
            &[b"SADD", b"more", &value],
            &[b"HSET", b"more", b"f", &value],
            &[b"ZADD", b"more", b"1", &value],
            &[b"MSET", b"more", b"1", b"other", &value],
            &[b"GETSET", b"more", &value],
        ] {
            let before = client.store.used();
            assert_eq!(client.ask_words(words), FULL, "{}", words[0].escape_ascii());
            assert_eq!((client.store.used(), client.store.len()), (before, 70));
        }
        // What takes no room goes on, and so does what replaces more than it needs.
        assert_eq!(client.ask("DEL more"), ":0\r\n");
        let ninety = vec![b'y'; 900];
        while client.ask_words(&[b"RPUSH", b"l", b"0123456789"]) != FULL {}
        assert_eq!(client.ask_words(&[b"SET", b"key 0", &ninety]), b"+OK\r\n");
        assert_eq!(client.ask("LPOP l"), "$10\r\n0123456789\r\n");
    });
}

#[test]
fn keys_go_until_there_is_room() {
    support::with_shards(|| {
        for policy in ["allkeys-lru", "allkeys-random"] {
            let mut client = client(policy);
            fill(&mut client, 0..1000);
            assert!((60..90).contains(&client.store.len()), "{policy}");
            assert!(is_there(&mut client, 999), "{policy}: the last one");
            // What cannot fit at all takes nothing with it.
            let keys = client.store.len();
            let value = vec![b'x'; MEMORY];
            assert_eq!(client.ask_words(&[b"SET", b"more", &value]), FULL);
            assert_eq!(client.store.len(), keys);
            // Nor does a key go that grows.
            let value = vec![b'x'; MEMORY / 2];
            assert_eq!(
                client.ask_words(&[b"APPEND", b"key 999", &value]),
                format!(":{}\r\n", 1000 + MEMORY / 2).into_bytes()
            );
        }
    });
}

#[test]
fn a_key_that_grows_takes_the_place_of_others() {
    support::with_shards(|| {
        for policy in [
            "allkeys-lru",
            "allkeys-random",
            "volatile-lru",
            "volatile-random",
            "volatile-ttl",
        ] {
            let mut client = client(policy);
            // It expires before all others.
            assert_eq!(client.ask("SET grows 0 PX 1000"), "+OK\r\n");
            for number in 0..75 {
                let key = format!("key {number}").into_bytes();
                let set: [&[u8]; 5] = [b"SET", &key, &[b'x'; 1000], b"PX", b"10000"];
                assert_eq!(client.ask_words(&set), b"+OK\r\n");
            }
            for length in (1000..70_000).step_by(1000) {
                let append: [&[u8]; 3] = [b"APPEND", b"grows", &[b'y'; 1000]];
                let expected = format!(":{}\r\n", length + 1);
                assert_eq!(client.ask_words(&append), expected.into_bytes(), "{policy}");
            }
            assert!(client.store.len() < 40);
        }
    });
}

#[test]
fn only_keys_that_expire_go() {
    support::with_shards(|| {
        for policy in ["volatile-lru", "volatile-random", "volatile-ttl"] {
            let mut client = client(policy);
            fill(&mut client, 0..70);
            // Of which half expire: each that comes without a time takes the place of one of them.
            for number in (1000..).step_by(2) {
                let key = format!("key {number}").into_bytes();
                let answer = client.ask_words(&[b"SET", &key, &[b'x'; 1000]]);
                if answer == FULL {
                    break;
                }
            }
            assert_eq!(client.store.expiring(), 0, "{policy}: all have gone");
            assert!(
                (0..70)
                    .step_by(2)
                    .all(|number| is_there(&mut client, number)),
                "{policy}"
            );
        }
    });
}

#[test]
fn keys_that_expire_next_go_first() {
    support::with_shards(|| {
        let mut client = client("volatile-ttl");
        fill(&mut client, 0..150);
        let last: Vec<usize> = (1..150)
            .step_by(2)
            .filter(|number| is_there(&mut client, *number))
            .collect();
        assert!(!last.is_empty() && last.len() < 70);
        assert!(
            last.windows(2).all(|two| two[1] == two[0] + 2) && last.last() == Some(&149),
            "{last:?}"
        );
    });
}

#[test]
fn keys_that_are_used_stay_longer() {
    support::with_shards(|| {
        let mut client = client("allkeys-lru");
        fill(&mut client, 0..60);
        for number in 0..60 {
            for used in 0..10 {
                assert!(is_there(&mut client, used), "{used} before {number}");
            }
            fill(&mut client, 1000 + number..1001 + number);
        }
        // The first ten were used all the time; of the others some had to go.
        let stay = (10..60)
            .filter(|number| is_there(&mut client, *number))
            .count();
        let used = (0..10)
            .filter(|number| is_there(&mut client, *number))
            .count();
        assert!(used == 10 && stay < 50, "{used} and {stay}");
    });
}

#[test]
fn the_limit_may_be_lowered_and_not_raised() {
    support::with_shards(|| {
        let mut client = client("noeviction");
        fill(&mut client, 0..40);
        assert_eq!(client.ask("CONFIG SET maxmemory 20kb"), "+OK\r\n");
        assert_eq!(client.ask_words(&[b"INCR", b"n"]), FULL);
        assert_eq!(
            client.ask("CONFIG SET maxmemory-policy allkeys-random"),
            "+OK\r\n"
        );
        assert_eq!(client.ask_words(&[b"INCR", b"n"]), b":1\r\n");
        assert!(client.store.used() <= 20 << 10);
        let refused = client.ask("CONFIG SET maxmemory 1gb");
        assert!(refused.starts_with("-ERR CONFIG SET failed"), "{refused}");
        assert_eq!(client.ask("CONFIG SET maxmemory 0"), "+OK\r\n");
        assert_eq!(client.store.most(), MEMORY);
    });
}

#[test]
fn the_same_seed_evicts_the_same() {
    support::with_shards(|| {
        let run = |seed| {
            let store = support::store(Settings {
                memory: 20_000,
                seed,
                ..Settings::default()
            });
            store.set_policy(Policy::AllLru);
            let mut client = Client {
                store,
                ..Client::new()
            };
            for number in 0..300 {
                client.ask(&format!("SET key:{number} {number}"));
            }
            client.ask("KEYS *")
        };
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
    });
}

proptest! {
    #[test]
    fn what_is_removed_takes_no_room(
        adds in prop::collection::vec((0..5usize, 0..200u32, 0..300usize), 0..300),
        shards in prop::sample::select(support::SHARDS.to_vec()),
    ) {
        support::use_shards(shards);
        let mut client = Client::new();
        let mut bytes = 0;
        for (kind, element, length) in adds {
            let element = format!("{element}").into_bytes();
            let long = vec![b'x'; length];
            let words: &[&[u8]] = match kind {
                0 => &[b"RPUSH", b"l", &element, &long],
                1 => &[b"SADD", b"s", &element, &long],
                2 => &[b"HSET", b"h", &element, &long],
                3 => &[b"ZADD", b"z", &element, &long],
                _ => &[b"APPEND", b"t", &long],
            };
            client.ask_words(words);
            bytes += length;
            prop_assert!(client.store.used() < 800 * 300 + 2 * bytes + 2000);
        }
        while client.send(&request(&[b"LPOP", b"l"])).0 != b"$-1\r\n" {}
        while client.send(&request(&[b"SPOP", b"s"])).0 != b"$-1\r\n" {}
        while client.send(&request(&[b"ZPOPMAX", b"z"])).0 != b"*0\r\n" {}
        while let answer = client.ask("HSCAN h 0 COUNT 1") && !answer.ends_with("*0\r\n") {
            let field = answer.split("\r\n").nth(5).unwrap().to_string();
            client.ask_words(&[b"HDEL", b"h", field.as_bytes()]);
        }
        client.ask("DEL t");
        prop_assert_eq!((client.store.len(), client.store.used()), (0, 0));
    }
}
