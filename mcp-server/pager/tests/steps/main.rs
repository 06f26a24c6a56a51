//! What the map asks for, step by step.

mod common;
mod hints;
mod lru;

use atoll_pager::{
    Access, Candidates, Counters, Entry, Hint, Map, Outcome, Policy, Refusal, Step, Use,
};
use common::{PAGES, dirty, load, map, pin, request, resident, touch, write_all, write_of};

#[test]
fn two_who_want_one_page_share_a_load() {
    let mut map = map(2);
    let loading = load(&mut map, 4);
    assert_eq!(request(&mut map, 4, Access::Shared), Ok(Step::Wait));
    assert_eq!(request(&mut map, 4, Access::Exclusive), Ok(Step::Wait));
    assert_eq!(map.prefetch(4, Hint::Normal), Ok(Step::Wait));
    let first = map.loaded(loading, Outcome::Done, Some(Access::Shared));
    let Ok(Step::Done(second)) = request(&mut map, 4, Access::Shared) else {
        panic!("it is here")
    };
    assert_eq!(map.entry(4).unwrap().using, Use::Shared(2));
    assert_eq!(request(&mut map, 4, Access::Exclusive), Ok(Step::Wait));
    map.unpin(first.unwrap(), false);
    map.unpin(second, false);
    let exclusive = pin(&mut map, 4, Access::Exclusive);
    assert_eq!(request(&mut map, 4, Access::Shared), Ok(Step::Wait));
    assert_eq!(request(&mut map, 4, Access::Exclusive), Ok(Step::Wait));
    map.unpin(exclusive, false);
    assert_eq!(map.counters().loads, 1);
}

#[test]
fn a_load_that_fails_leaves_its_frame_free() {
    let mut map = map(1);
    for _ in 0..3 {
        let loading = load(&mut map, 4);
        let failed = map.loaded(loading, Outcome::Failed, Some(Access::Shared));
        assert_eq!(failed, None);
        assert_eq!((map.entry(4), resident(&map)), (None, vec![]));
    }
    touch(&mut map, 5);
    assert_eq!(map.counters().loads, 1);
}

#[test]
fn a_dirty_victim_is_written_before_its_frame_is_used() {
    let mut map = map(1);
    dirty(&mut map, 1);
    let writing = write_of(request(&mut map, 2, Access::Shared));
    assert_eq!((writing.page(), writing.frame()), (1, 0));
    // Neither the page that goes nor the one that comes is anyone's meanwhile.
    for page in [1, 2] {
        assert_eq!(request(&mut map, page, Access::Shared), Ok(Step::Wait));
        assert_eq!(map.evict(page), Ok(Step::Wait));
    }
    assert_eq!(map.write_out(1), Ok(Step::Wait));
    assert_eq!(
        (map.entry(1).unwrap().using, map.entry(2)),
        (Use::Writing, None)
    );
    let loading = map.written(writing, Outcome::Done).unwrap();
    assert_eq!((loading.page(), loading.frame()), (2, 0));
    assert_eq!(map.entry(1), None);
    let pin = map.loaded(loading, Outcome::Done, Some(Access::Shared));
    map.unpin(pin.unwrap(), false);
    let counters = Counters {
        loads: 2,
        evictions: 1,
        writes: 1,
    };
    assert_eq!(map.counters(), counters);
}

#[test]
fn a_victim_that_cannot_be_written_stays_and_another_one_goes_next() {
    let mut map = map(2);
    dirty(&mut map, 1);
    dirty(&mut map, 2);
    let writing = write_of(request(&mut map, 3, Access::Shared));
    assert_eq!(writing.page(), 1);
    assert_eq!(map.written(writing, Outcome::Failed), None);
    assert_eq!((resident(&map), map.entry(3)), (vec![1, 2], None));
    assert_eq!(map.unwritten(), Ok(vec![1, 2]));
    assert_eq!(map.counters().evictions, 0);
    // The bad page does not stop those who want others.
    assert_eq!(write_of(request(&mut map, 3, Access::Shared)).page(), 2);
}

#[test]
fn who_asks_does_not_wait_for_pins() {
    let mut map = map(2);
    let one = pin(&mut map, 1, Access::Shared);
    let loading = load(&mut map, 2);
    // What is under way may leave room.
    assert_eq!(request(&mut map, 3, Access::Shared), Ok(Step::Wait));
    let two = map.loaded(loading, Outcome::Done, Some(Access::Exclusive));
    let refused = request(&mut map, 3, Access::Shared);
    assert_eq!(refused, Err(Refusal::AllPinned));
    assert_eq!(map.prefetch(3, Hint::Normal), Err(Refusal::AllPinned));
    assert_eq!(map.evict(1), Err(Refusal::Pinned));
    assert_eq!(map.evict(2), Err(Refusal::Pinned));
    map.unpin(one, false);
    touch(&mut map, 3);
    assert_eq!(resident(&map), [2, 3]);
    map.unpin(two.unwrap(), false);
}

#[test]
fn pages_that_there_are_not_are_refused() {
    let mut map = map(1);
    let beyond = Refusal::Beyond { pages: PAGES };
    for page in [PAGES, PAGES + 1, u64::MAX] {
        assert_eq!(request(&mut map, page, Access::Shared), Err(beyond));
        assert_eq!(map.prefetch(page, Hint::Normal), Err(beyond));
        assert_eq!(map.evict(page), Err(beyond));
    }
    touch(&mut map, PAGES - 1);
}

#[test]
fn the_map_shows_every_page() {
    let mut map = map(4);
    touch(&mut map, 7);
    dirty(&mut map, 5);
    let shared = pin(&mut map, 6, Access::Shared);
    let loading = load(&mut map, 1);
    let entry = |page, frame, dirty, using| Entry {
        page,
        frame,
        dirty,
        using,
        hint: Hint::Normal,
    };
    let entries: Vec<Entry> = map.entries().collect();
    let expected = [
        entry(7, 0, false, Use::Idle),
        entry(5, 1, true, Use::Idle),
        entry(6, 2, false, Use::Shared(1)),
        entry(1, 3, false, Use::Loading),
    ];
    assert_eq!(entries, expected);
    map.unpin(shared, false);
    assert_eq!(map.loaded(loading, Outcome::Done, None), None);
    assert_eq!(map.entry(1), Some(entry(1, 3, false, Use::Idle)));
}

/// Names the page that it is told to.
struct Stubborn(Option<u64>);

impl Policy for Stubborn {
    fn loaded(&mut self, _: u64) {}
    fn touched(&mut self, _: u64) {}
    fn evicted(&mut self, _: u64) {}
    fn victim(&mut self, _: u64, _: &Candidates<'_>) -> Option<u64> {
        self.0
    }
}

#[test]
fn a_policy_that_names_no_candidate_is_refused() {
    let mut map = Map::new(PAGES, 2, Stubborn(None));
    let pinned = pin(&mut map, 1, Access::Shared);
    touch(&mut map, 2);
    for wrong in [None, Some(1), Some(3), Some(9), Some(u64::MAX)] {
        map.policy_mut().0 = wrong;
        let refused = request(&mut map, 3, Access::Shared);
        assert_eq!(refused, Err(Refusal::NoVictim), "{wrong:?}");
        assert_eq!(resident(&map), [1, 2]);
    }
    map.policy_mut().0 = Some(2);
    touch(&mut map, 3);
    map.unpin(pinned, false);
}

#[test]
fn a_page_that_goes_with_its_frame_is_lost_until_that_is_accepted() {
    let mut map = map(1);
    dirty(&mut map, 1);
    let writing = write_of(request(&mut map, 2, Access::Shared));
    assert_eq!(map.written(writing, Outcome::FrameGone), None);
    let lost = Refusal::Lost { page: 1 };
    assert_eq!(request(&mut map, 1, Access::Shared), Err(lost));
    assert_eq!((map.unwritten(), map.write_out(1)), (Err(lost), Err(lost)));
    assert_eq!(map.lost().collect::<Vec<_>>(), [1]);
    assert_eq!(request(&mut map, 2, Access::Shared), Err(Refusal::NoFrames));
    map.accept_losses();
    assert_eq!(map.unwritten(), Ok(vec![]));
    assert_eq!(request(&mut map, 1, Access::Shared), Err(Refusal::NoFrames));
}

#[test]
fn a_flush_that_fails_makes_pages_dirty_again() {
    let mut map = map(2);
    dirty(&mut map, 1);
    dirty(&mut map, 2);
    write_all(&mut map);
    let begun = map.flush_begun();
    assert!(map.flushed(begun));
    dirty(&mut map, 2);
    write_all(&mut map);
    assert_eq!(map.unwritten(), Ok(vec![]));
    let (fails, overtaken) = (map.flush_begun(), map.flush_begun());
    map.flush_failed(fails);
    assert_eq!(map.unwritten(), Ok(vec![2]), "1 is stable");
    assert!(!map.flushed(overtaken), "it may have come after the other");
    write_all(&mut map);
    let begun = map.flush_begun();
    assert!(map.flushed(begun));
    let begun = map.flush_begun();
    map.flush_failed(begun);
    assert_eq!(map.unwritten(), Ok(vec![]));
}

#[test]
fn a_flush_that_fails_behind_an_evicted_page_is_told() {
    let mut map = map(1);
    dirty(&mut map, 1);
    touch(&mut map, 2);
    let begun = map.flush_begun();
    map.flush_failed(begun);
    assert_eq!(map.unwritten(), Err(Refusal::Unsure));
    map.accept_losses();
    write_all(&mut map);
    let begun = map.flush_begun();
    assert!(map.flushed(begun));
    let begun = map.flush_begun();
    map.flush_failed(begun);
    assert_eq!(map.unwritten(), Ok(vec![]));
}
