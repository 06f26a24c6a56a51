//! The data that the map does not have: a version of each page in each frame, in the cache of the store, and on its stable storage. A
//! flush that fails drops the cache.

use std::collections::BTreeSet;

use atoll_pager::{
    Access, Candidates, FlushBegun, Loading, Map, Outcome, Pin, Policy, Refusal, Step, Use, Writing,
};

use super::Action;

/// Pages of the store.
pub const PAGES: u64 = 6;

/// Names any candidate, and checks what it is told.
#[derive(Default)]
struct Any {
    here: BTreeSet<u64>,
    choice: usize,
}

impl Policy for Any {
    fn loaded(&mut self, page: u64) {
        assert!(self.here.insert(page), "page {page} came twice");
    }

    fn touched(&mut self, page: u64) {
        assert!(self.here.contains(&page));
    }

    fn evicted(&mut self, page: u64) {
        assert!(self.here.remove(&page), "page {page} went twice");
    }

    fn victim(&mut self, wanted: u64, candidates: &Candidates<'_>) -> Option<u64> {
        assert!(!self.here.contains(&wanted));
        let all: Vec<u64> = candidates.iter().collect();
        assert!(all.iter().all(|page| self.here.contains(page)));
        Some(all[self.choice % all.len()])
    }
}

/// Frames go rarely: else there is soon none.
fn outcome(number: u8) -> Outcome {
    match number {
        0..4 => Outcome::FrameGone,
        4..60 => Outcome::Failed,
        _ => Outcome::Done,
    }
}

pub struct Model {
    map: Map<Any>,
    frames: Vec<u64>,
    cache: Vec<u64>,
    stable: Vec<u64>,
    /// What each page has to be.
    expected: Vec<u64>,
    version: u64,
    pins: Vec<(Pin, Access)>,
    loads: Vec<(Loading, Option<Access>)>,
    writes: Vec<Writing>,
    /// Flushes, each with the cache when it began; `None` where that was dropped.
    flushes: Vec<(FlushBegun, Option<Vec<u64>>)>,
}

/// Takes any of some things.
fn take<T>(things: &mut Vec<T>, which: usize) -> Option<T> {
    let index = which.checked_rem(things.len())?;
    Some(things.swap_remove(index))
}

impl Model {
    pub fn new(frames: usize) -> Model {
        let store: Vec<u64> = (100..100 + PAGES).collect();
        Model {
            map: Map::new(PAGES, frames, Any::default()),
            frames: vec![0; frames],
            cache: store.clone(),
            stable: store.clone(),
            expected: store,
            version: 1000,
            pins: Vec::new(),
            loads: Vec::new(),
            writes: Vec::new(),
            flushes: Vec::new(),
        }
    }

    pub fn act(&mut self, action: Action) {
        match action {
            Action::Request(page, write, choice) => {
                let access = if write {
                    Access::Exclusive
                } else {
                    Access::Shared
                };
                self.map.policy_mut().choice = choice;
                let step = self.map.request(page, access);
                self.take_step(step, page, Some(access), |model, pin| {
                    model.pinned(pin, access);
                });
            }
            Action::Prefetch(page, choice) => {
                self.map.policy_mut().choice = choice;
                let step = self.map.prefetch(page);
                self.take_step(step, page, None, |_, ()| {});
            }
            Action::Evict(page) => {
                let step = self.map.evict(page);
                self.take_step(step, page, None, |model, ()| {
                    assert_eq!(model.map.entry(page), None);
                });
            }
            Action::WriteOut(page) => {
                let step = self.map.write_out(page);
                self.take_step(step, page, None, |model, ()| {
                    assert!(model.map.entry(page).is_none_or(|entry| !entry.dirty));
                });
            }
            Action::Unpin(which, write) => {
                if let Some((pin, access)) = take(&mut self.pins, which) {
                    self.unpin(pin, access, write);
                }
            }
            Action::Loaded(which, number) => {
                if let Some((loading, access)) = take(&mut self.loads, which) {
                    self.loaded(loading, access, outcome(number));
                }
            }
            Action::Written(which, number) => {
                if let Some(writing) = take(&mut self.writes, which) {
                    self.written(writing, outcome(number));
                }
            }
            Action::FlushBegins => {
                let begun = self.map.flush_begun();
                self.flushes.push((begun, Some(self.cache.clone())));
            }
            Action::FlushEnds(which, good) => {
                if let Some((begun, cache)) = take(&mut self.flushes, which) {
                    self.flush_ends(begun, cache, good);
                }
            }
        }
        self.check();
    }

    fn take_step<T>(
        &mut self,
        step: Result<Step<T>, Refusal>,
        page: u64,
        access: Option<Access>,
        done: impl FnOnce(&mut Model, T),
    ) {
        match step {
            Ok(Step::Done(found)) => done(self, found),
            Ok(Step::Load(loading)) => {
                assert_eq!(loading.page(), page);
                self.check_frame(loading.frame());
                self.loads.push((loading, access));
            }
            Ok(Step::Write(writing)) => {
                self.check_frame(writing.frame());
                self.writes.push(writing);
            }
            Ok(Step::Wait) => {
                let under_way = self.loads.len() + self.writes.len() + self.pins.len();
                assert!(under_way > 0, "nothing will change");
            }
            Err(Refusal::Beyond { .. }) => assert_eq!(page, PAGES),
            Err(Refusal::AllPinned) => {
                assert!(self.loads.is_empty() && self.writes.is_empty() && !self.pins.is_empty());
            }
            Err(Refusal::Pinned) => {
                assert!(self.pins.iter().any(|(pin, _)| pin.page() == page));
            }
            Err(Refusal::NoFrames) => assert_eq!(self.map.entries().count(), 0),
            Err(refusal) => panic!("{refusal:?}"),
        }
    }

    /// Nobody else has a frame.
    fn check_frame(&self, frame: usize) {
        assert!(self.pins.iter().all(|(pin, _)| pin.frame() != frame));
        assert!(self.loads.iter().all(|(it, _)| it.frame() != frame));
        assert!(self.writes.iter().all(|it| it.frame() != frame));
    }

    fn pinned(&mut self, pin: Pin, access: Access) {
        let (page, frame) = (pin.page(), pin.frame());
        assert!(self.loads.iter().all(|(it, _)| it.frame() != frame));
        assert!(self.writes.iter().all(|it| it.frame() != frame));
        let beside = |(other, its): &(Pin, Access)| {
            other.frame() != frame || (access, *its) == (Access::Shared, Access::Shared)
        };
        assert!(
            self.pins.iter().all(beside),
            "an exclusive use is not alone"
        );
        assert_eq!(self.frames[frame], self.expected[page as usize]);
        self.pins.push((pin, access));
    }

    fn unpin(&mut self, pin: Pin, access: Access, write: bool) {
        let write = write && access == Access::Exclusive;
        if write {
            self.version += 1;
            self.frames[pin.frame()] = self.version;
            self.expected[pin.page() as usize] = self.version;
        }
        self.map.unpin(pin, write);
    }

    fn loaded(&mut self, loading: Loading, access: Option<Access>, outcome: Outcome) {
        self.frames[loading.frame()] = match outcome {
            Outcome::Done => self.cache[loading.page() as usize],
            Outcome::Failed | Outcome::FrameGone => u64::MAX,
        };
        if let Some(pin) = self.map.loaded(loading, outcome, access) {
            self.pinned(pin, access.unwrap());
        }
    }

    fn written(&mut self, writing: Writing, outcome: Outcome) {
        let (page, frame) = (writing.page() as usize, writing.frame());
        // One that fails may have been done.
        if outcome == Outcome::Done || self.version.is_multiple_of(2) {
            self.cache[page] = self.frames[frame];
        }
        if let Some(loading) = self.map.written(writing, outcome) {
            assert_eq!(loading.frame(), frame);
            self.frames[frame] = u64::MAX;
            // Whoever asked pins it or not.
            self.loads.push((loading, Some(Access::Shared)));
        }
    }

    fn flush_ends(&mut self, begun: FlushBegun, cache: Option<Vec<u64>>, good: bool) {
        if !good {
            self.cache = self.stable.clone();
            self.flushes.iter_mut().for_each(|(_, cache)| *cache = None);
            self.map.flush_failed(begun);
            return;
        }
        assert_eq!(self.map.flushed(begun), cache.is_some());
        if let Some(cache) = cache {
            // The cache of a later flush that ended before this one is newer.
            for (stable, cached) in self.stable.iter_mut().zip(cache) {
                *stable = cached.max(*stable);
            }
        }
    }

    /// What is written is in memory, dirty, or in the store.
    fn check(&mut self) {
        match self.map.unwritten() {
            Ok(_) => {}
            Err(Refusal::Lost { .. } | Refusal::Unsure) => {
                for page in 0..PAGES {
                    if !self.is_in_frame(page) {
                        self.expected[page as usize] = self.cache[page as usize];
                    }
                }
                self.map.accept_losses();
            }
            Err(refusal) => panic!("{refusal:?}"),
        }
        let mut pages = BTreeSet::new();
        for entry in self.map.entries() {
            assert!(pages.insert(entry.page), "a page is in two frames");
            assert_eq!(self.map.entry(entry.page), Some(entry));
            if entry.using != Use::Loading {
                assert_eq!(self.frames[entry.frame], self.expected[entry.page as usize]);
            }
        }
        for page in 0..PAGES {
            if self.map.entry(page).is_none_or(|entry| !entry.dirty) {
                let (stored, expected) = (self.cache[page as usize], self.expected[page as usize]);
                assert_eq!(stored, expected, "page {page} is lost");
            }
        }
    }

    fn is_in_frame(&self, page: u64) -> bool {
        let entry = self.map.entry(page);
        entry.is_some_and(|entry| entry.using != Use::Loading)
    }

    /// Everything ends well, and is flushed.
    pub fn finish(&mut self) {
        while let Some(writing) = self.writes.pop() {
            self.written(writing, Outcome::Done);
        }
        while let Some((loading, access)) = self.loads.pop() {
            self.loaded(loading, access, Outcome::Done);
        }
        while let Some((pin, access)) = self.pins.pop() {
            self.unpin(pin, access, true);
        }
        self.check();
        for page in self.map.unwritten().unwrap() {
            let Ok(Step::Write(writing)) = self.map.write_out(page) else {
                panic!("page {page} is dirty, and nobody has it")
            };
            self.written(writing, Outcome::Done);
        }
        assert_eq!(self.map.unwritten(), Ok(vec![]));
        let begun = self.map.flush_begun();
        self.flush_ends(begun, Some(self.cache.clone()), true);
        self.check();
        assert_eq!(self.stable, self.expected);
    }
}
