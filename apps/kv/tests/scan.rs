//! Cursors tell what is there all the time, whatever comes and goes meanwhile.

mod support;

use std::collections::BTreeSet;

use proptest::prelude::*;
use support::{Answer, Client, read_all};

/// What one look finds, and the next cursor.
fn look(client: &mut Client, words: &[&[u8]]) -> (Vec<u8>, Vec<Vec<u8>>) {
    let answer = read_all(&client.ask_words(words)).unwrap().remove(0);
    let Answer::Many(_, parts) = answer else {
        panic!("{answer:?}");
    };
    let [Answer::Bytes(cursor), Answer::Many(_, found)] = parts.as_slice() else {
        panic!("{parts:?}");
    };
    let found = found.iter().map(|it| match it {
        Answer::Bytes(bytes) => bytes.clone(),
        other => panic!("{other:?}"),
    });
    (cursor.clone(), found.collect())
}

/// Kinds: keys themselves, and those that have elements, with what adds, removes and looks.
const KINDS: [[&str; 3]; 4] = [
    ["SET", "DEL", "SCAN"],
    ["SADD c", "SREM c", "SSCAN c"],
    ["HSET c", "HDEL c", "HSCAN c"],
    ["ZADD c 1", "ZREM c", "ZSCAN c"],
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn what_is_there_all_the_time_is_told(
        kind in 0..4usize,
        stays in 1..300u32,
        count in 1..50u32,
        changes in prop::collection::vec((any::<bool>(), 1000..1400u32), 0..600),
        shards in prop::sample::select(support::SHARDS.to_vec()),
    ) {
        support::use_shards(shards);
        let mut client = Client::new();
        let [add, remove, scan] = KINDS[kind];
        let value = if kind == 0 || kind == 2 { " value" } else { "" };
        for number in 0..stays {
            client.ask(&format!("{add} {number}{value}"));
        }
        let mut cursor = b"0".to_vec();
        let (mut found, mut changes) = (BTreeSet::new(), changes.into_iter());
        for turn in 0.. {
            let words = format!("{scan} {} COUNT {count}", String::from_utf8(cursor).unwrap());
            let words: Vec<&[u8]> = words.split(' ').map(str::as_bytes).collect();
            let (next, names) = look(&mut client, &words);
            found.extend(names);
            if next == b"0" {
                break;
            }
            cursor = next;
            prop_assert!(turn < 2000, "it does not end");
            for (adds, number) in changes.by_ref().take(20) {
                match adds {
                    true => client.ask(&format!("{add} {number}{value}")),
                    false => client.ask(&format!("{remove} {number}")),
                };
            }
        }
        for number in 0..stays {
            prop_assert!(found.contains(number.to_string().as_bytes()), "{} is missing", number);
        }
    }

    #[test]
    fn sorted_sets_are_sorted(
        adds in prop::collection::vec((0..400u32, -50..50i32), 0..600),
        removes in prop::collection::vec(0..400u32, 0..300),
        bounds in (-50..50i32, -50..50i32),
        shards in prop::sample::select(support::SHARDS.to_vec()),
    ) {
        support::use_shards(shards);
        let mut client = Client::new();
        let mut model = std::collections::HashMap::new();
        for (member, score) in adds {
            client.ask(&format!("ZADD z {score} {member:05}"));
            model.insert(member, score);
        }
        for member in removes {
            client.ask(&format!("ZREM z {member:05}"));
            model.remove(&member);
        }
        let mut sorted: Vec<(i32, u32)> = model.into_iter().map(|(member, score)| (score, member)).collect();
        sorted.sort();
        let answer = |members: &[(i32, u32)]| {
            let members = members.iter().map(|(_, member)| format!("$5\r\n{member:05}\r\n"));
            format!("*{}\r\n", members.len()) + &members.collect::<String>()
        };
        prop_assert_eq!(client.ask("ZRANGE z 0 -1"), answer(&sorted));
        for (rank, (score, member)) in sorted.iter().enumerate() {
            prop_assert_eq!(client.ask(&format!("ZRANK z {member:05}")), format!(":{rank}\r\n"));
            let text = score.to_string();
            prop_assert_eq!(client.ask(&format!("ZSCORE z {member:05}")), format!("${}\r\n{text}\r\n", text.len()));
        }
        let (low, high) = (bounds.0.min(bounds.1), bounds.0.max(bounds.1));
        let mut within: Vec<(i32, u32)> = sorted.iter().copied().filter(|(score, _)| (low..=high).contains(score)).collect();
        prop_assert_eq!(client.ask(&format!("ZCOUNT z {low} {high}")), format!(":{}\r\n", within.len()));
        prop_assert_eq!(client.ask(&format!("ZRANGEBYSCORE z {low} {high}")), answer(&within));
        within.reverse();
        prop_assert_eq!(client.ask(&format!("ZREVRANGEBYSCORE z {high} {low}")), answer(&within));
        let middle = sorted.len() / 3;
        let mut some = sorted.get(middle..2 * middle).unwrap_or_default().to_vec();
        some.reverse();
        if middle > 0 {
            let (start, end) = (sorted.len() - 2 * middle, sorted.len() - middle - 1);
            prop_assert_eq!(client.ask(&format!("ZREVRANGE z {start} {end}")), answer(&some));
        }
    }
}
