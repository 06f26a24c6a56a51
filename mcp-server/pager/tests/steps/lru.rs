//! What the policy of a program without one evicts, by its hints.

use atoll_pager::{Access, Hint, Lru, Map, Outcome, Refusal};

use crate::common::{
    PAGES, dirty, dirty_with, map, pin, pin_with, prefetch, request, resident, touch, touch_with,
    write_of,
};

#[test]
fn lru_evicts_the_page_that_was_used_first() {
    let mut map = map(3);
    for page in [1, 2, 3, 1] {
        touch(&mut map, page);
    }
    touch(&mut map, 4);
    assert_eq!(resident(&map), [1, 3, 4]);
    let pinned = pin(&mut map, 3, Access::Shared);
    map.unpin(pinned, false);
    let pinned = pin(&mut map, 1, Access::Shared);
    touch(&mut map, 5);
    assert_eq!(resident(&map), [1, 3, 5]);
    touch(&mut map, 6);
    assert_eq!(resident(&map), [1, 5, 6], "3 was used before 1 and 5");
    touch(&mut map, 7);
    assert_eq!(resident(&map), [1, 6, 7], "1 is pinned");
    map.unpin(pinned, false);
}

#[test]
fn what_is_protected_less_goes_first() {
    let mut map = map(5);
    touch_with(&mut map, 1, Hint::Keep);
    touch(&mut map, 2);
    for page in [4, 3] {
        touch_with(&mut map, page, Hint::Streaming);
    }
    dirty_with(&mut map, 5, Hint::NoReuse);
    let mut gone = Vec::new();
    // They come as the most protected ones.
    for page in [6, 7, 8, 9, 0] {
        let before = resident(&map);
        touch_with(&mut map, page, Hint::Keep);
        let after = resident(&map);
        gone.extend(before.into_iter().filter(|it| !after.contains(it)));
    }
    assert_eq!(gone, [5, 4, 3, 2, 1], "the last one is kept, as all are");
}

#[test]
fn pages_of_a_pass_go_in_the_order_in_which_they_came() {
    let mut map = map(4);
    touch(&mut map, 9);
    for page in 0..3 {
        prefetch(&mut map, page, Hint::Streaming);
    }
    for page in 0..5 {
        // The pass is two pages ahead of its use. What makes room for these was used.
        touch_with(&mut map, page, Hint::Streaming);
        prefetch(&mut map, page + 3, Hint::Streaming);
        let expected = [page + 1, page + 2, page + 3, 9];
        assert_eq!(resident(&map), expected);
    }
    assert_eq!(map.counters().loads, 1 + 8, "each one came once");
}

#[test]
fn a_page_that_was_loaded_ahead_stays_behind_one_that_nobody_needs() {
    let mut map = map(3);
    touch(&mut map, 9);
    prefetch(&mut map, 1, Hint::NoReuse);
    dirty_with(&mut map, 2, Hint::NoReuse);
    touch(&mut map, 3);
    assert_eq!(resident(&map), [1, 3, 9], "1 came first, for a use to come");
    touch(&mut map, 4);
    assert_eq!(resident(&map), [3, 4, 9]);
}

#[test]
fn a_hint_refuses_nobody() {
    for hint in [Hint::Keep, Hint::Normal, Hint::Streaming, Hint::NoReuse] {
        let mut map = map(2);
        dirty_with(&mut map, 1, hint);
        dirty_with(&mut map, 2, hint);
        for page in [3, 4, 5, 3] {
            dirty_with(&mut map, page, hint);
        }
        assert_eq!(resident(&map), [3, 5], "{hint:?}");
        let pinned = [3, 5].map(|page| pin_with(&mut map, page, Access::Shared, hint));
        let refused = map.request(6, Access::Shared, hint);
        assert_eq!(refused, Err(Refusal::AllPinned));
        pinned.into_iter().for_each(|pin| map.unpin(pin, false));
    }
}

#[test]
fn a_page_that_cannot_be_written_stops_nobody_whatever_its_hint() {
    for hint in [Hint::Keep, Hint::Normal, Hint::Streaming, Hint::NoReuse] {
        let mut map: Map<Lru> = map(4);
        dirty_with(&mut map, 0, hint);
        for page in [1, 2, 3] {
            // With these it is the least protected one, and one of a pass is used again.
            touch_with(&mut map, page, Hint::Keep);
        }
        let mut refused = 0;
        for page in 4..PAGES {
            touch_with(&mut map, 0, hint);
            while let Ok(step) = map.request(page, Access::Shared, Hint::Keep) {
                match step {
                    atoll_pager::Step::Write(writing) => {
                        assert_eq!(writing.page(), 0);
                        assert_eq!(map.written(writing, Outcome::Failed), None);
                        refused += 1;
                        assert!(refused <= 2, "{hint:?}: tried too often for 6 pages");
                    }
                    atoll_pager::Step::Load(loading) => {
                        let access = Some(Access::Shared);
                        let pin = map.loaded(loading, Outcome::Done, access);
                        map.unpin(pin.unwrap(), false);
                        break;
                    }
                    other => panic!("{other:?}"),
                }
            }
            assert!(resident(&map).contains(&0));
        }
    }
}

#[test]
fn a_page_that_could_not_be_written_is_tried_again_when_the_others_have_gone() {
    let mut map = map(3);
    dirty_with(&mut map, 0, Hint::Streaming);
    touch(&mut map, 1);
    touch(&mut map, 2);
    let writing = write_of(request(&mut map, 3, Access::Shared));
    assert_eq!(map.written(writing, Outcome::Failed), None);
    for page in [3, 4, 5] {
        touch(&mut map, page);
        assert!(resident(&map).contains(&0));
    }
    dirty(&mut map, 6);
    assert_eq!(resident(&map), [4, 5, 6], "it goes first again");
    assert_eq!(map.counters().writes, 1);
}
