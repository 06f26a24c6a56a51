//! What the tests do with a map.

use atoll_pager::{Access, Hint, Loading, Lru, Map, Outcome, Pin, Policy, Refusal, Step, Writing};

pub const PAGES: u64 = 10;

pub fn map(frames: usize) -> Map<Lru> {
    Map::new(PAGES, frames, Lru::default())
}

pub fn request<P: Policy>(
    map: &mut Map<P>,
    page: u64,
    access: Access,
) -> Result<Step<Pin>, Refusal> {
    map.request(page, access, Hint::Normal)
}

pub fn load<P: Policy>(map: &mut Map<P>, page: u64) -> Loading {
    match request(map, page, Access::Shared) {
        Ok(Step::Load(loading)) => loading,
        other => panic!("{other:?}"),
    }
}

/// Pins a page, whatever has to be read and written for it.
pub fn pin_with<P: Policy>(map: &mut Map<P>, page: u64, access: Access, hint: Hint) -> Pin {
    let loading = match map.request(page, access, hint).unwrap() {
        Step::Done(pin) => return pin,
        Step::Load(loading) => loading,
        Step::Write(writing) => map.written(writing, Outcome::Done).unwrap(),
        Step::Wait => panic!("nobody else has it"),
    };
    map.loaded(loading, Outcome::Done, Some(access)).unwrap()
}

pub fn pin<P: Policy>(map: &mut Map<P>, page: u64, access: Access) -> Pin {
    pin_with(map, page, access, Hint::Normal)
}

/// Uses a page once.
pub fn touch_with<P: Policy>(map: &mut Map<P>, page: u64, hint: Hint) {
    let pin = pin_with(map, page, Access::Shared, hint);
    map.unpin(pin, false);
}

pub fn touch<P: Policy>(map: &mut Map<P>, page: u64) {
    touch_with(map, page, Hint::Normal);
}

pub fn dirty_with<P: Policy>(map: &mut Map<P>, page: u64, hint: Hint) {
    let pin = pin_with(map, page, Access::Exclusive, hint);
    map.unpin(pin, true);
}

pub fn dirty<P: Policy>(map: &mut Map<P>, page: u64) {
    dirty_with(map, page, Hint::Normal);
}

/// Has a page loaded that nobody uses yet.
pub fn prefetch<P: Policy>(map: &mut Map<P>, page: u64, hint: Hint) {
    let loading = match map.prefetch(page, hint).unwrap() {
        Step::Done(()) => return,
        Step::Load(loading) => loading,
        Step::Write(writing) => map.written(writing, Outcome::Done).unwrap(),
        Step::Wait => panic!("nobody else has it"),
    };
    assert_eq!(map.loaded(loading, Outcome::Done, None), None);
}

pub fn write_of(step: Result<Step<Pin>, Refusal>) -> Writing {
    match step {
        Ok(Step::Write(writing)) => writing,
        other => panic!("{other:?}"),
    }
}

pub fn write_all<P: Policy>(map: &mut Map<P>) {
    for page in map.unwritten().unwrap() {
        if let Ok(Step::Write(writing)) = map.write_out(page) {
            assert_eq!(map.written(writing, Outcome::Done), None);
        }
    }
}

/// Writes all dirty pages, and flushes the store.
pub fn flush<P: Policy>(map: &mut Map<P>) {
    write_all(map);
    let begun = map.flush_begun();
    assert!(map.flushed(begun));
}

pub fn resident<P: Policy>(map: &Map<P>) -> Vec<u64> {
    let mut pages: Vec<u64> = map.entries().map(|entry| entry.page).collect();
    pages.sort_unstable();
    pages
}
