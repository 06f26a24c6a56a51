//! The data that the map does not have: a version of each page in each frame, in the cache of the store, and on its stable storage. A
//! flush that fails drops the cache.

mod check;

use atoll_pager::{Access, FlushBegun, Hint, Loading, Map, Outcome, Pin, Refusal, Step, Writing};

use super::Action;
use super::hints::{Checked, Hints};

/// Pages of the store.
pub const PAGES: u64 = 6;

/// Frames go rarely: else there is soon none.
fn outcome(number: u8) -> Outcome {
    match number {
        0..4 => Outcome::FrameGone,
        4..60 => Outcome::Failed,
        _ => Outcome::Done,
    }
}

pub struct Model {
    map: Map<Checked>,
    hints: Hints,
    frames: Vec<u64>,
    cache: Vec<u64>,
    stable: Vec<u64>,
    /// What each page has to be.
    expected: Vec<u64>,
    version: u64,
    pins: Vec<(Pin, Access)>,
    loads: Vec<(Loading, Asked)>,
    /// Each with what is asked for where it makes room.
    writes: Vec<(Writing, Asked)>,
    flushes: Vec<Flush>,
}

/// How a page is asked for.
#[derive(Clone, Copy)]
struct Asked {
    /// `None` where it is only to be here.
    access: Option<Access>,
    hint: Hint,
}

/// What is asked for where nothing comes.
const NOTHING: Asked = Asked {
    access: None,
    hint: Hint::Normal,
};

struct Flush {
    begun: FlushBegun,
    /// The cache when it began; `None` where that was dropped.
    cache: Option<Vec<u64>>,
    /// Writes that had ended by then.
    writes: u64,
}

/// Takes any of some things.
fn take<T>(things: &mut Vec<T>, which: usize) -> Option<T> {
    let index = which.checked_rem(things.len())?;
    Some(things.swap_remove(index))
}

impl Model {
    pub fn new(frames: usize, lru: bool) -> Model {
        let store: Vec<u64> = (100..100 + PAGES).collect();
        Model {
            map: Map::new(PAGES, frames, Checked::new(lru)),
            hints: Hints::default(),
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
            Action::Request(page, write, hint, choice) => {
                let access = if write {
                    Access::Exclusive
                } else {
                    Access::Shared
                };
                self.map.policy_mut().choice = choice;
                let step = self.map.request(page, access, hint);
                let asked = Asked {
                    access: Some(access),
                    hint,
                };
                self.take_step(step, page, asked, |model, pin| {
                    model.hints.asked(page, hint, true);
                    model.pinned(pin, access);
                });
            }
            Action::Prefetch(page, hint, choice) => {
                self.map.policy_mut().choice = choice;
                let step = self.map.prefetch(page, hint);
                let asked = Asked { access: None, hint };
                self.take_step(step, page, asked, |model, ()| {
                    model.hints.asked(page, hint, false);
                });
            }
            Action::SetHint(page, hint) => {
                self.map.set_hint(page, hint);
                self.hints.set(page, hint);
            }
            Action::WaitBegins(page) => {
                self.map.wait_begins(page);
                self.hints.waiting.push(page);
            }
            Action::WaitEnds(which) => {
                if let Some(page) = take(&mut self.hints.waiting, which) {
                    self.map.wait_ends(page);
                }
            }
            Action::Evict(page) => {
                self.hints.goes(page);
                let step = self.map.evict(page);
                self.take_step(step, page, NOTHING, |model, ()| {
                    assert_eq!(model.map.entry(page), None);
                });
            }
            Action::WriteOut(page) => {
                let step = self.map.write_out(page);
                self.take_step(step, page, NOTHING, |model, ()| {
                    assert!(model.map.entry(page).is_none_or(|entry| !entry.dirty));
                });
            }
            Action::Unpin(which, write) => {
                if let Some((pin, access)) = take(&mut self.pins, which) {
                    self.unpin(pin, access, write);
                }
            }
            Action::Loaded(which, number) => {
                if let Some((loading, asked)) = take(&mut self.loads, which) {
                    self.loaded(loading, asked, outcome(number));
                }
            }
            Action::Written(which, number) => {
                if let Some((writing, asked)) = take(&mut self.writes, which) {
                    self.written(writing, asked, outcome(number));
                }
            }
            Action::FlushBegins => {
                let flush = self.flush_begins();
                self.flushes.push(flush);
            }
            Action::FlushEnds(which, good) => {
                if let Some(flush) = take(&mut self.flushes, which) {
                    self.flush_ends(flush, good);
                }
            }
        }
        self.check();
    }

    fn take_step<T>(
        &mut self,
        step: Result<Step<T>, Refusal>,
        page: u64,
        asked: Asked,
        done: impl FnOnce(&mut Model, T),
    ) {
        for page in std::mem::take(&mut self.map.policy_mut().named) {
            self.hints.goes(page);
        }
        match step {
            Ok(Step::Done(found)) => done(self, found),
            Ok(Step::Load(loading)) => {
                assert_eq!(loading.page(), page);
                self.check_frame(loading.frame());
                self.loads.push((loading, asked));
            }
            Ok(Step::Write(writing)) => {
                self.check_frame(writing.frame());
                self.writes.push((writing, asked));
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
        assert!(self.writes.iter().all(|(it, _)| it.frame() != frame));
    }

    fn pinned(&mut self, pin: Pin, access: Access) {
        let (page, frame) = (pin.page(), pin.frame());
        assert!(self.loads.iter().all(|(it, _)| it.frame() != frame));
        assert!(self.writes.iter().all(|(it, _)| it.frame() != frame));
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

    fn loaded(&mut self, loading: Loading, asked: Asked, outcome: Outcome) {
        let Asked { access, hint } = asked;
        if outcome == Outcome::Done {
            self.hints.loaded(loading.page(), hint, access.is_some());
        }
        self.frames[loading.frame()] = match outcome {
            Outcome::Done => self.cache[loading.page() as usize],
            Outcome::Failed | Outcome::FrameGone => u64::MAX,
        };
        if let Some(pin) = self.map.loaded(loading, outcome, access) {
            self.pinned(pin, access.unwrap());
        }
    }

    fn written(&mut self, writing: Writing, asked: Asked, outcome: Outcome) {
        let (page, frame) = (writing.page() as usize, writing.frame());
        self.hints
            .write_ended(writing.page(), outcome == Outcome::Done);
        if outcome == Outcome::FrameGone {
            self.hints.goes(writing.page());
        }
        // One that fails may have been done.
        if outcome == Outcome::Done || self.version.is_multiple_of(2) {
            self.cache[page] = self.frames[frame];
        }
        if let Some(loading) = self.map.written(writing, outcome) {
            assert_eq!(loading.frame(), frame);
            self.frames[frame] = u64::MAX;
            self.loads.push((loading, asked));
        }
    }

    fn flush_begins(&self) -> Flush {
        Flush {
            begun: self.map.flush_begun(),
            cache: Some(self.cache.clone()),
            writes: self.hints.writes,
        }
    }

    fn flush_ends(&mut self, flush: Flush, good: bool) {
        if !good {
            self.cache = self.stable.clone();
            self.flushes.iter_mut().for_each(|flush| flush.cache = None);
            self.map.flush_failed(flush.begun);
            return;
        }
        assert_eq!(self.map.flushed(flush.begun), flush.cache.is_some());
        if let Some(cache) = flush.cache {
            self.hints.stable = self.hints.stable.max(flush.writes);
            // The cache of a later flush that ended before this one is newer.
            for (stable, cached) in self.stable.iter_mut().zip(cache) {
                *stable = cached.max(*stable);
            }
        }
    }
}
