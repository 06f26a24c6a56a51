//! The store against a simpler one, and the protocol against any bytes.

use std::collections::HashMap;

use atoll_kv::session::{Budget, Outcome, Session};
use atoll_kv::store::Store;
use proptest::collection::vec;
use proptest::prelude::*;

/// What happens to a store.
#[derive(Clone, Debug)]
enum Act {
    Set(u8, u16, Option<u16>),
    Remove(u8),
    Expire(u8, Option<u16>),
    Wait(u16),
    Clear,
}

fn act() -> impl Strategy<Value = Act> {
    let key = 0..8u8;
    let time = prop::option::of(1..500u16);
    prop_oneof![
        6 => (key.clone(), 0..400u16, time.clone()).prop_map(|(k, v, t)| Act::Set(k, v, t)),
        2 => key.clone().prop_map(Act::Remove),
        2 => (key, time).prop_map(|(k, t)| Act::Expire(k, t)),
        3 => (0..200u16).prop_map(Act::Wait),
        1 => Just(Act::Clear),
    ]
}

/// A key as a long one.
fn name(key: u8) -> Vec<u8> {
    vec![key; 3 + usize::from(key)]
}

proptest! {
    #[test]
    fn a_store_is_a_map_whose_keys_expire(acts in vec(act(), 0..200)) {
        let mut store = Store::new(3000);
        let mut model: HashMap<u8, (u16, Option<u64>)> = HashMap::new();
        let mut now = 0;
        for act in acts {
            let at = |time: Option<u16>| time.map(|time| now + u64::from(time));
            match act {
                Act::Set(key, length, time) => {
                    let set = store.set(&name(key), vec![7; length.into()], at(time));
                    if set.is_ok() {
                        model.insert(key, (length, at(time)));
                    } else {
                        prop_assert!(store.used() + usize::from(length) + 280 > 3000);
                    }
                }
                Act::Remove(key) => {
                    let removed = store.remove(&name(key)).map(|value| value.len() as u16);
                    prop_assert_eq!(removed, model.remove(&key).map(|(length, _)| length));
                }
                Act::Expire(key, time) => {
                    let was_there = store.set_expiry(&name(key), at(time));
                    let entry = model.get_mut(&key);
                    prop_assert_eq!(was_there, entry.is_some());
                    if let Some(entry) = entry {
                        entry.1 = at(time);
                    }
                }
                Act::Wait(time) => {
                    now += u64::from(time);
                    store.set_time(now);
                    model.retain(|_, (_, expires)| expires.is_none_or(|at| at > now));
                }
                Act::Clear => {
                    store.clear();
                    model.clear();
                }
            }
            prop_assert_eq!(store.len(), model.len());
            let expiring = model.values().filter(|(_, at)| at.is_some()).count();
            prop_assert_eq!(store.expiring(), expiring);
            for key in 0..8 {
                let found = store.get(&name(key)).map(|value| value.len() as u16);
                prop_assert_eq!(found, model.get(&key).map(|(length, _)| *length));
                prop_assert_eq!(store.expires(&name(key)), model.get(&key).map(|it| it.1));
            }
            prop_assert!(!model.is_empty() || store.used() == 0);
        }
    }

    #[test]
    fn any_bytes_are_answered_with_whole_lines(
        pieces in vec(vec(prop_oneof![
            3 => any::<u8>(),
            2 => prop::sample::select(b"*$\r\n0123-".to_vec()),
        ], 0..40), 0..20),
    ) {
        let mut store = Store::new(1 << 16);
        let mut session = Session::default();
        let mut budget = Budget::new(1 << 16);
        let mut answer = Vec::new();
        'client: for piece in pieces {
            session.received(&mut budget, &piece);
            loop {
                match session.step(&mut store, &mut budget, &mut answer) {
                    Outcome::Answered => {}
                    Outcome::Needs => break,
                    Outcome::Ends | Outcome::Stops => break 'client,
                }
            }
        }
        prop_assert!(answer.is_empty() || answer.ends_with(b"\r\n"));
    }
}
