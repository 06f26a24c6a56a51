use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::changes::Changes;
use super::shard::Shard;
use super::table::Table;
use super::*;
use crate::hash::Seed;
use crate::random::Random;

/// Hashes of the weak seed are eight, so that most keys share theirs with others.
#[test]
fn keys_of_one_hash_are_different_keys() {
    let mut random = Random::new(7);
    let mut table: Table<u64> = Table::new(Seed::WEAK);
    let mut model = BTreeMap::new();
    for _ in 0..5000 {
        let key = [random.below(60) as u8];
        match random.below(3) {
            0 => {
                let removed = table.remove(&key).map(|(_, value)| value);
                assert_eq!(removed, model.remove(&key));
            }
            _ => {
                let value = random.next();
                assert_eq!(
                    table.insert(key.as_slice().into(), value),
                    model.insert(key, value)
                );
            }
        }
        assert_eq!(table.len(), model.len());
        let key = [random.below(60) as u8];
        assert_eq!(table.get(&key), model.get(&key));
        assert_eq!(table.get_mut(&key).copied(), model.get(&key).copied());
        let all: BTreeMap<[u8; 1], u64> = table
            .iter()
            .map(|(key, value)| ([key[0]], *value))
            .collect();
        assert_eq!(all, model);
        assert_eq!(table.random(&mut random).is_some(), !model.is_empty());
        assert_eq!(table.anywhere(random.next()).count(), model.len());
        // Keys of one hash are told together, so that the cursor behind them misses none.
        let (mut cursor, mut told) = (0, BTreeSet::new());
        for turn in 0.. {
            assert!(turn <= 8, "it does not end");
            let part = fields::part(table.from(cursor), 3);
            told.extend(part.found.iter().map(|(key, _)| key[0]));
            cursor = part.next;
            if cursor == 0 {
                break;
            }
        }
        assert_eq!(told.len(), model.len());
    }
}

#[test]
fn keys_of_one_hash_expire_each_at_its_time() {
    let mut random = Random::new(8);
    let mut shard = Shard::new(Seed::WEAK, 0);
    let mut model: BTreeMap<u8, Option<u64>> = BTreeMap::new();
    let mut now = 0;
    for _ in 0..5000 {
        let key = random.below(40) as u8;
        let at = (random.below(2) == 0).then(|| now + 1 + random.below(5) as u64);
        match random.below(4) {
            0 => {
                assert_eq!(shard.remove(&[key]).is_some(), model.remove(&key).is_some());
            }
            1 => {
                let is_there = shard.set_expiry(&[key], at);
                assert_eq!(is_there, model.contains_key(&key));
                model.entry(key).and_modify(|it| *it = at);
            }
            2 => {
                now += random.below(3) as u64;
                shard.now = now;
                shard.expire(&mut Changes::new(false));
                model.retain(|_, at| at.is_none_or(|at| at > now));
            }
            _ => {
                shard.set_text(&[key], b"text", Expiry::At(at));
                model.insert(key, at);
            }
        }
        assert_eq!(shard.keys.len(), model.len());
        for key in 0..40 {
            assert_eq!(shard.expires(&[key]), model.get(&key).copied());
        }
        let times: BTreeSet<(u64, u64)> = model
            .iter()
            .filter_map(|(key, at)| Some(((*at)?, shard.keys.hash(&[*key]))))
            .collect();
        assert_eq!(shard.expiring, times);
    }
}

#[test]
fn ranks_are_those_of_a_sorted_list() {
    let mut random = Random::new(9);
    let mut ranked = ranked::Ranked::default();
    let mut model: Vec<(i64, [u8; 2])> = Vec::new();
    for turn in 0..6000 {
        let item = (
            random.below(20) as i64,
            [random.below(8) as u8, random.below(200) as u8],
        );
        match model.binary_search(&item) {
            Ok(place) => {
                ranked.remove(item.0 as f64, &item.1);
                model.remove(place);
            }
            Err(place) => {
                ranked.insert(item.0 as f64, item.1.as_slice().into());
                model.insert(place, item);
                assert_eq!(ranked.rank(item.0 as f64, &item.1), place);
            }
        }
        if turn % 50 == 0 {
            let (start, end) = (random.below(model.len()), random.below(model.len() + 1));
            let ranks = start..end.max(start);
            let expected: Vec<_> = model[ranks.clone()].to_vec();
            let read = |(score, member): &Scored| (*score as i64, [member[0], member[1]]);
            assert_eq!(
                ranked.range(ranks.clone()).map(read).collect::<Vec<_>>(),
                expected
            );
            let back: Vec<_> = ranked.range_back(ranks).map(read).collect();
            assert!(back.iter().rev().eq(expected.iter()));
        }
    }
}
