//! Which hint a page has, and what the map itself does with it: whatever the policy.

use atoll_pager::{Access, Candidates, Hint, Lru, Map, Outcome, Policy, Refusal, Step, Use};

use crate::common::{
    dirty_with, flush, map, pin_with, prefetch, resident, touch, touch_with, write_all,
};

const HINTS: [Hint; 4] = [Hint::Keep, Hint::Normal, Hint::Streaming, Hint::NoReuse];

#[test]
fn a_page_is_protected_as_its_most_careful_user_wants_it() {
    use Hint::{Keep, NoReuse, Normal, Streaming};
    // In a row what a page has, in a column with what it is asked for.
    let table = [
        (Keep, [Keep, Keep, Keep, Keep]),
        (Normal, [Keep, Normal, Normal, Normal]),
        (Streaming, [Keep, Normal, Streaming, NoReuse]),
        (NoReuse, [Keep, Normal, Streaming, NoReuse]),
    ];
    for (first, row) in table {
        for (second, expected) in HINTS.into_iter().zip(row) {
            // At the same time.
            let mut beside = map(1);
            let one = pin_with(&mut beside, 1, Access::Shared, first);
            let other = pin_with(&mut beside, 1, Access::Shared, second);
            let found = beside.entry(1).unwrap().hint;
            assert_eq!(found, expected, "{first:?}, {second:?}");
            beside.unpin(one, false);
            assert_eq!(beside.entry(1).unwrap().hint, expected);
            beside.unpin(other, false);
            // One behind the other, dirty so that it stays.
            let mut behind = map(1);
            dirty_with(&mut behind, 1, first);
            dirty_with(&mut behind, 1, second);
            assert_eq!(behind.entry(1).unwrap().hint, expected);
            // Ahead of the use.
            let mut ahead = map(1);
            prefetch(&mut ahead, 1, first);
            assert_eq!(ahead.entry(1).unwrap().hint, first);
            prefetch(&mut ahead, 1, second);
            assert_eq!(ahead.entry(1).unwrap().hint, expected);
            ahead.set_hint(1, second);
            assert_eq!(
                ahead.entry(1).map(|entry| entry.hint),
                (second != NoReuse).then_some(second)
            );
        }
    }
}

#[test]
fn a_page_that_is_not_reused_goes_when_the_last_use_ends() {
    let mut map = map(2);
    touch_with(&mut map, 1, Hint::NoReuse);
    assert_eq!(map.entry(1), None);
    let [one, other] = [(); 2].map(|()| pin_with(&mut map, 1, Access::Shared, Hint::NoReuse));
    map.unpin(one, false);
    assert_eq!(map.entry(1).unwrap().using, Use::Shared(1));
    map.unpin(other, false);
    assert_eq!(map.entry(1), None);
    // A frame is free: nobody else goes.
    touch(&mut map, 2);
    touch_with(&mut map, 1, Hint::NoReuse);
    touch(&mut map, 3);
    assert_eq!(resident(&map), [2, 3]);
    assert_eq!(map.counters().evictions, 3);
}

#[test]
fn a_page_that_was_loaded_ahead_waits_for_its_use() {
    let mut map = map(2);
    prefetch(&mut map, 1, Hint::NoReuse);
    assert_eq!(resident(&map), [1]);
    let pin = pin_with(&mut map, 1, Access::Shared, Hint::NoReuse);
    prefetch(&mut map, 1, Hint::NoReuse);
    map.unpin(pin, false);
    assert_eq!(resident(&map), [1], "it was asked for again");
    touch_with(&mut map, 1, Hint::NoReuse);
    assert_eq!(resident(&map), []);
    assert_eq!(map.counters().loads, 1);
}

#[test]
fn a_page_that_is_waited_for_is_loaded_once() {
    let mut map = map(2);
    let step = map.request(1, Access::Shared, Hint::NoReuse);
    let Ok(Step::Load(loading)) = step else {
        panic!("{step:?}")
    };
    for _ in 0..2 {
        let wait = map.request(1, Access::Shared, Hint::NoReuse);
        assert_eq!(wait, Ok(Step::Wait));
        map.wait_begins(1);
    }
    let pin = map.loaded(loading, Outcome::Done, Some(Access::Shared));
    map.unpin(pin.unwrap(), false);
    for left in [1, 0] {
        let pin = pin_with(&mut map, 1, Access::Shared, Hint::NoReuse);
        map.wait_ends(1);
        map.unpin(pin, false);
        assert_eq!(resident(&map).len(), left);
    }
    assert_eq!(map.counters().loads, 1);
    // One who does not want it any more has it go.
    let pin = pin_with(&mut map, 1, Access::Exclusive, Hint::NoReuse);
    map.wait_begins(1);
    map.unpin(pin, false);
    assert_eq!(resident(&map), [1]);
    map.wait_ends(1);
    assert_eq!(resident(&map), []);
}

#[test]
fn a_page_that_is_dirty_goes_when_it_is_stable() {
    let mut map = map(2);
    dirty_with(&mut map, 1, Hint::NoReuse);
    write_all(&mut map);
    touch_with(&mut map, 1, Hint::NoReuse);
    assert_eq!(resident(&map), [1], "the device may still drop it");
    let begun = map.flush_begun();
    map.flush_failed(begun);
    assert_eq!(map.unwritten(), Ok(vec![1]));
    let pin = pin_with(&mut map, 1, Access::Exclusive, Hint::NoReuse);
    flush_around(&mut map);
    map.unpin(pin, true);
    assert_eq!(resident(&map), [1]);
    flush(&mut map);
    assert_eq!(resident(&map), []);
    assert_eq!(map.unwritten(), Ok(vec![]));
}

/// A flush of what is not in use.
fn flush_around(map: &mut Map<Lru>) {
    let begun = map.flush_begun();
    assert!(map.flushed(begun));
}

#[test]
fn the_hint_of_a_page_is_replaced() {
    let mut map = map(3);
    for page in [1, 2, 3] {
        touch_with(&mut map, page, Hint::Keep);
    }
    map.set_hint(1, Hint::Normal);
    map.set_hint(2, Hint::Streaming);
    for (page, left) in [(4, [1, 3, 4]), (5, [3, 4, 5])] {
        touch_with(&mut map, page, Hint::Keep);
        assert_eq!(resident(&map), left);
    }
    let pin = pin_with(&mut map, 3, Access::Shared, Hint::Normal);
    map.set_hint(3, Hint::NoReuse);
    assert_eq!(resident(&map), [3, 4, 5], "it is in use");
    map.unpin(pin, false);
    map.set_hint(4, Hint::NoReuse);
    assert_eq!(resident(&map), [5]);
    // There is nothing to be said of these.
    map.set_hint(9, Hint::Keep);
    map.set_hint(u64::MAX, Hint::NoReuse);
    touch_with(&mut map, 9, Hint::Streaming);
    assert_eq!(map.entry(9).unwrap().hint, Hint::Streaming);
}

/// Uses a working set, and reads the whole store with a hint in between, so many times. Gives what was loaded for the working set, and in
/// all.
fn scan<P: Policy>(policy: P, hint: Hint) -> (u64, u64) {
    const STORE: u64 = 100;
    const ROUNDS: u64 = 5;
    let mut map = Map::new(STORE, 10, policy);
    let mut loads_of_set = 0;
    for _ in 0..ROUNDS {
        let before = map.counters().loads;
        (0..8).for_each(|number| touch(&mut map, 12 * number));
        loads_of_set += map.counters().loads - before;
        (0..STORE).for_each(|page| touch_with(&mut map, page, hint));
    }
    (loads_of_set, map.counters().loads)
}

#[test]
fn a_pass_over_the_whole_store_does_not_push_the_working_set_out() {
    let once = (8, 8 + 5 * 92);
    assert_eq!(scan(Lru::default(), Hint::Streaming), once);
    assert_eq!(scan(Lru::default(), Hint::NoReuse), once);
    // Without the hint it is loaded again each time, and for the pass.
    let again = (5 * 8, 5 * 8 + 5 * 99);
    assert_eq!(scan(Lru::default(), Hint::Normal), again);
}

/// Knows no hints but by the candidates.
struct ByCandidates;

impl Policy for ByCandidates {
    fn loaded(&mut self, _: u64) {}
    fn touched(&mut self, _: u64) {}
    fn evicted(&mut self, _: u64) {}
    fn victim(&mut self, wanted: u64, candidates: &Candidates<'_>) -> Option<u64> {
        assert_eq!(candidates.hint(wanted), None);
        let of_pass = |page: &u64| candidates.hint(*page) == Some(Hint::Streaming);
        candidates.iter().find(of_pass)
    }
}

#[test]
fn any_policy_can_use_hints() {
    // It has a pass go through one frame, and a page of it stay in the other one.
    let once = (8, 8 + 92 + 4 * 91);
    assert_eq!(scan(ByCandidates, Hint::Streaming), once);
    // About these it is not asked: their frames are free.
    assert_eq!(scan(ByCandidates, Hint::NoReuse), (8, 8 + 5 * 92));
    let mut map = Map::new(10, 1, ByCandidates);
    touch(&mut map, 1);
    let refused = map.request(2, Access::Shared, Hint::Streaming);
    assert_eq!(refused, Err(Refusal::NoVictim));
}
