//! What is replayed is what was changed.

mod acts;
#[path = "../support/mod.rs"]
mod support;

use acts::{Act, NOW, World, act, settings};
use atoll_kv::journal::{CommandFault, Cutter, Fault, HEADER, Replay, ReplayError, snapshot};
use atoll_kv::store::{Settings, Store};
use proptest::collection::vec;
use proptest::prelude::*;
use support::{content, request};

/// A store from records, and how many units were torn.
fn replay<'a>(records: impl Iterator<Item = &'a Vec<u8>>) -> Result<(Store, u64), ReplayError> {
    // Chance says something else than it said to the store that was changed.
    let store = support::store(Settings {
        seed: 99,
        ..settings(0)
    });
    let mut replay = Replay::new();
    for record in records {
        replay.record(&store, record)?;
    }
    assert_eq!(store.changes_len(), 0, "what is replayed is no change");
    Ok((store, replay.end().torn))
}

/// What a store holds that was replayed, at a time.
fn replayed<'a>(
    records: impl Iterator<Item = &'a Vec<u8>>,
) -> Vec<(Vec<u8>, Vec<support::Answer>)> {
    let (store, _) = replay(records).unwrap();
    content(&store)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn what_is_replayed_is_what_was_changed(
        acts in vec(act(), 0..80),
        memory in prop_oneof![Just(1 << 20), 1500..6000usize],
        at in any::<prop::sample::Index>(),
        longest in prop_oneof![17..60usize, Just(1 << 20)],
        shards in prop::sample::select(support::SHARDS.to_vec()),
    ) {
        support::use_shards(shards);
        let mut world = World::new(memory);
        let mut cutter = Cutter::new(longest).unwrap();
        let mut records: Vec<Vec<u8>> = Vec::new();
        // What the store held when so many records were there: at the end of each unit.
        let mut states = vec![(0, content(&world.store))];
        let middle = at.index(acts.len().max(1));
        let mut snapshots = Vec::new();
        let mut since = 0;
        for (number, act) in acts.iter().enumerate() {
            if number == middle {
                let mut cutter = Cutter::new(1 << 20).unwrap();
                for unit in snapshot(&world.store.freeze()) {
                    snapshots.extend(cutter.records(&unit).unwrap().map(|record| record.to_vec()));
                }
                since = records.len();
            }
            let unit = world.act(act);
            let cut: Vec<Vec<u8>> = cutter.records(&unit).unwrap().map(|record| record.to_vec()).collect();
            prop_assert!(cut.iter().all(|record| record.len() <= longest));
            records.extend(cut);
            states.push((records.len(), content(&world.store)));
            prop_assert_eq!(world.store.changes_len(), 0, "reading changes nothing");
            prop_assert!(world.store.used() <= world.store.most());
        }
        let last = &states.last().unwrap().1;
        // All of it.
        prop_assert_eq!(&replayed(records.iter()), last);
        // A snapshot, and what came behind it.
        prop_assert_eq!(&replayed(snapshots.iter().chain(&records[since..])), last);
        // A snapshot of what was replayed.
        let (store, _) = replay(records.iter()).unwrap();
        let mut cutter = Cutter::new(1 << 20).unwrap();
        let units: Vec<Vec<u8>> = snapshot(&store.freeze()).collect();
        let again = units.iter().flat_map(|unit| cutter.records(unit).unwrap().map(|record| record.to_vec()));
        let again: Vec<Vec<u8>> = again.collect();
        prop_assert_eq!(&replayed(again.iter()), last);
        // Any prefix is what there was behind a whole unit, also where another life goes on behind it.
        let cut = at.index(records.len() + 1);
        let (_, before) = states.iter().rev().find(|(count, _)| *count <= cut).unwrap();
        prop_assert_eq!(&replayed(records[..cut].iter()), before);
        let more = request(&[b"SET", b"another life", b"1"]);
        let more: Vec<Vec<u8>> = cutter.records(&more).unwrap().map(|record| record.to_vec()).collect();
        let behind = replayed(records[..cut].iter().chain(&more));
        prop_assert_eq!(behind.len(), before.len() + 1);
        prop_assert!(before.iter().all(|entry| behind.contains(entry)));
        // What has expired since is gone when the time is told.
        let (store, _) = replay(records.iter()).unwrap();
        store.set_time(world.now + 150);
        world.store.set_time(world.now + 150);
        prop_assert_eq!(content(&store), content(&world.store));
    }

    #[test]
    fn a_record_that_was_changed_is_refused_or_is_other_records(
        which in any::<prop::sample::Index>(),
        place in any::<prop::sample::Index>(),
        bit in 0..8u8,
        shards in prop::sample::select(support::SHARDS.to_vec()),
    ) {
        support::use_shards(shards);
        let mut all = records(20);
        let record = which.get_mut(&mut all);
        let byte = place.get_mut(record);
        *byte ^= 1 << bit;
        let store = support::store(settings(0));
        let mut replay = Replay::new();
        let taken = all.iter().try_for_each(|record| replay.record(&store, record).map(drop));
        let replayed = replay.end();
        prop_assert!(store.len() <= 2);
        // Either is the whole unit applied, or it is told that it was not.
        prop_assert!(taken.is_err() || replayed.torn > 0 || store.len() == 2, "{replayed:?}");
    }
}

proptest! {
    // Each has three stores, all of which are looked at behind each act.
    #![proptest_config(ProptestConfig::with_cases(80))]

    #[test]
    fn the_number_of_shards_is_not_to_be_seen(
        acts in vec(act(), 0..120),
        memory in prop_oneof![Just(1 << 20), 1500..6000usize],
    ) {
        // What a command of chance chooses depends on the shard.
        let is_by_chance = |words: &[&str]| ["spop", "srandmember"].contains(&words[0]);
        let acts = acts.iter().filter(|act| match act {
            Act::Ask(words) => !is_by_chance(words),
            Act::Together(all) => !all.iter().any(|words| is_by_chance(words)),
            _ => true,
        });
        let mut worlds = support::SHARDS.map(|shards| {
            support::use_shards(shards);
            World::new(memory)
        });
        for act in acts {
            let told = worlds.each_mut().map(|world| {
                let (answer, _) = world.answer(act);
                let asked = [&["randomkey"][..], &["scan", "0", "count", "3"], &["keys", "*"]];
                let asked = asked.map(|words| world.ask(words));
                (answer, asked, content(&world.store), world.store.used())
            });
            for (other, shards) in told.iter().zip(support::SHARDS) {
                prop_assert_eq!(other, &told[0], "with {} shards: {:?}", shards, act);
            }
        }
    }
}

/// The records of one unit of two commands, in pieces of so many bytes.
fn records(piece: usize) -> Vec<Vec<u8>> {
    let unit = [
        request(&[b"SET", b"k", b"v"]),
        request(&[b"RPUSH", b"l", b"1", b"2"]),
    ];
    let mut cutter = Cutter::new(HEADER + piece).unwrap();
    let cut = unit.concat();
    let records = cutter.records(&cut).unwrap();
    records.map(|record| record.to_vec()).collect()
}

#[test]
fn what_is_wrong_is_told() {
    support::with_shards(|| {
        let fault = |records: &[Vec<u8>]| replay(records.iter()).map(|_| ()).unwrap_err();
        let all = records(20);
        assert!(all.len() > 2);
        assert_eq!(replay(all.iter()).unwrap().0.len(), 2);
        // A unit that has no end is nowhere.
        let (store, torn) = replay(all[..2].iter()).unwrap();
        assert_eq!((store.len(), torn), (0, 1));
        // One without its beginning, or a piece in it.
        let missing = fault(&all[1..]);
        assert_eq!((missing.record, missing.fault), (0, Fault::NotBegun));
        let mut without = all.clone();
        without.remove(1);
        let missing = fault(&without);
        assert_eq!((missing.record, missing.fault), (1, Fault::NotNext));
        let mut shorter = all.clone();
        shorter.last_mut().unwrap().pop();
        assert_eq!(fault(&shorter).fault, Fault::Length);
        assert_eq!(fault(&[vec![1; 15]]).fault, Fault::Short);
        assert_eq!(fault(&[vec![2; 16]]).fault, Fault::Version(2));
        let mut cutter = Cutter::new(1 << 20).unwrap();
        for (bytes, at, why) in [
            (b"*1\r\n$3\r\nGE".to_vec(), 0, CommandFault::Malformed),
            (b"*0\r\n".to_vec(), 0, CommandFault::Malformed),
            (b"SET k v\r\n".to_vec(), 0, CommandFault::Malformed),
            (request(&[b"GET", b"k"]), 0, CommandFault::Unknown),
            (request(&[b"SET", b"k"]), 0, CommandFault::Unknown),
            (
                request(&[b"SET", b"k", b"v", b"EX"]),
                0,
                CommandFault::Refused,
            ),
            (
                [
                    request(&[b"SET", b"k", b"v"]),
                    request(&[b"LPUSH", b"k", b"v"]),
                ]
                .concat(),
                27,
                CommandFault::Refused,
            ),
        ] {
            let record = cutter.records(&bytes).unwrap().next().unwrap().to_vec();
            let found = fault(&[record]);
            assert_eq!(found.fault, Fault::Command { at, why }, "{found}");
        }
        assert!(Cutter::new(HEADER).is_none());
    });
}

#[test]
fn what_depends_on_time_or_chance_does_not_in_a_journal() {
    support::with_shards(|| {
        let mut world = World::new(1 << 20);
        let mut ask = |line: &str| {
            world.ask(&line.split(' ').collect::<Vec<_>>());
            let changes = String::from_utf8(world.store.take_changes()).unwrap();
            let words = changes.split("\r\n");
            let words = words.filter(|word| !word.starts_with(['*', '$']) && !word.is_empty());
            words.collect::<Vec<_>>().join(" ")
        };
        for (line, expected) in [
            ("set k 1 ex 10", "SET k 1 PXAT 1000000010000"),
            ("set k 2 keepttl", "SET k 2 KEEPTTL"),
            ("get k", ""),
            ("set k 3 nx", ""),
            ("incr k", "incr k"),
            ("incrbyfloat k 0.5", "SET k 3.5 KEEPTTL"),
            ("pexpire k 5", "PEXPIREAT k 1000000000005"),
            ("pexpire k 4 gt", ""),
            ("getex k ex 1", "PEXPIREAT k 1000000001000"),
            ("getex k persist", "PERSIST k"),
            ("getex k persist", ""),
            ("expire k -1", "DEL k"),
            ("expire k -1", ""),
            ("setex k 1 v", "SET k v PXAT 1000000001000"),
            ("getdel k", "DEL k"),
            ("getdel k", ""),
            ("sadd s x", "sadd s x"),
            ("sadd s x", ""),
            ("spop s", "SREM s x"),
            ("hincrbyfloat h f 1.5", "HSET h f 1.5"),
            ("lpush l 1", "lpush l 1"),
            ("lpush l", ""),
            ("lpush h 1", ""),
            ("ltrim l 0 -1", ""),
            ("zadd z nx 1 m", "zadd z nx 1 m"),
            ("zadd z nx 2 m", ""),
            ("zadd z 1 m", ""),
            ("config set maxmemory 1000000", ""),
        ] {
            assert_eq!(ask(line), expected, "{line}");
        }
        world.ask(&["set", "gone", "1", "px", "10"]);
        world.store.take_changes();
        world.store.set_time(NOW + 10);
        assert_eq!(world.store.take_changes(), request(&[b"DEL", b"gone"]));
    });
}

#[test]
fn nobody_pays_for_changes_that_nobody_wants() {
    support::with_shards(|| {
        let mut client = support::Client::new();
        client.ask("SET k v");
        client.ask("SADD s 1 2 3");
        client.ask("SPOP s 2");
        assert_eq!(client.store.changes_len(), 0);
        assert!(client.store.take_changes().is_empty());
    });
}

#[test]
fn a_snapshot_comes_in_pieces() {
    support::with_shards(|| {
        let mut world = World::new(64 << 20);
        for number in 0..3000 {
            let text = format!("member {number} of many which make it longer than a unit is");
            for command in ["RPUSH", "SADD"] {
                world.ask(&[command, command, &text]);
            }
            world.ask(&["HSET", "hash", &text, &text]);
            world.ask(&["ZADD", "sorted", &number.to_string(), &text]);
        }
        world.ask(&["PEXPIREAT", "hash", "2000000000000"]);
        let units: Vec<Vec<u8>> = snapshot(&world.store.freeze()).collect();
        let longest = units.iter().map(Vec::len).max().unwrap();
        assert!((1 << 16..1 << 17).contains(&longest), "{longest}");
        assert!(units.len() > 5);
        let mut cutter = Cutter::new(1 << 20).unwrap();
        let records = units
            .iter()
            .map(|unit| cutter.records(unit).unwrap().next().unwrap().to_vec());
        let records: Vec<Vec<u8>> = records.collect();
        assert_eq!(replayed(records.iter()), content(&world.store));
    });
}
