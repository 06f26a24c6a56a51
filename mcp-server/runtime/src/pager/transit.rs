//! Pages on their way between store and frames.
#![deny(unsafe_code)]

use core::mem;
use core::slice;

use atoll_abi::syscall::Status;
use atoll_pager::{Loading, Map, Outcome, Policy, Refusal, Step, Writing};

use super::frames::{Ended, Run};
use super::{Pager, PagerError, Store};
use crate::block::Blocks;
use crate::transfer::Transfer;

/// A frame that is to be read or written.
pub(super) trait Transit: Sized {
    /// Its page.
    fn page(&self) -> u64;

    /// Its index.
    fn frame(&self) -> usize;

    /// The call for the pages of some frames, from a first one on.
    fn call(store: &impl Store, first: u64, blocks: Blocks) -> Transfer;

    /// The call has ended, and the page is used by nobody.
    fn ended<P: Policy>(map: &mut Map<P>, own: Self, outcome: Outcome);

    /// What is said where it fails.
    fn error(page: u64, status: Status) -> PagerError;
}

impl Transit for Loading {
    fn page(&self) -> u64 {
        Loading::page(self)
    }

    fn frame(&self) -> usize {
        Loading::frame(self)
    }

    fn call(store: &impl Store, first: u64, blocks: Blocks) -> Transfer {
        store.read(first, blocks)
    }

    fn ended<P: Policy>(map: &mut Map<P>, own: Self, outcome: Outcome) {
        map.loaded(own, outcome, None);
    }

    fn error(page: u64, status: Status) -> PagerError {
        PagerError::Load { page, status }
    }
}

impl Transit for Writing {
    fn page(&self) -> u64 {
        Writing::page(self)
    }

    fn frame(&self) -> usize {
        Writing::frame(self)
    }

    fn call(store: &impl Store, first: u64, blocks: Blocks) -> Transfer {
        store.write(first, blocks)
    }

    fn ended<P: Policy>(map: &mut Map<P>, own: Self, outcome: Outcome) {
        map.written(own, outcome);
    }

    fn error(page: u64, status: Status) -> PagerError {
        PagerError::Write { page, status }
    }
}

impl<P: Policy, S: Store> Pager<P, S> {
    /// Carries one page; tells how it ended, and gives what that gives.
    pub(super) fn carry<T: Transit, R>(
        &self,
        own: T,
        ended: impl FnOnce(&mut Map<P>, T, Outcome) -> R,
    ) -> Result<R, PagerError> {
        let call = self.lend(slice::from_ref(&own));
        self.end(own, call, ended)
    }

    /// Writes a page that is to be evicted; gives the one that comes in its place.
    pub(super) fn write_victim(&self, writing: Writing) -> Result<Option<Loading>, PagerError> {
        self.carry(writing, |map, own, outcome| map.written(own, outcome))
    }

    /// Carries pages, those together that follow each other. `ask` asks the map for a page, and `take` takes from the answer what is to be
    /// carried, if there is anything. Where one of them refuses, the pages behind are left; where a call fails, they are not.
    pub(super) fn carry_all<T: Transit>(
        &self,
        pages: impl IntoIterator<Item = u64>,
        ask: impl Fn(&mut Map<P>, u64) -> Result<Step<()>, Refusal>,
        take: impl Fn(Step<()>) -> Result<Option<T>, PagerError>,
    ) -> Result<(), PagerError> {
        let (mut run, mut result) = (Run::new(), Ok(()));
        'pages: for page in pages {
            loop {
                let step = match run.is_empty() {
                    true => self.ask(page, |map| ask(map, page)),
                    // What was gathered is waited for by others: it is carried before anything is waited for.
                    false => self.memory.map.with(|map| ask(map, page)),
                };
                let taken = match step {
                    Ok(Step::Done(())) => break,
                    Ok(Step::Wait) => {
                        result = result.and(self.carry_run(mem::take(&mut run)));
                        continue;
                    }
                    Ok(step) => take(step),
                    Err(refusal) => Err(refusal.into()),
                };
                match taken {
                    Ok(None) => {}
                    Ok(Some(own)) => {
                        if !continues(&run, page) {
                            result = result.and(self.carry_run(mem::take(&mut run)));
                        }
                        // There is room: it continues the run, or the run is empty.
                        let _ = run.push(own);
                        break;
                    }
                    Err(error) => {
                        result = result.and(Err(error));
                        break 'pages;
                    }
                }
            }
        }
        result.and(self.carry_run(run))
    }

    /// Carries pages with one call, and where that fails and the frames are back, with one call each: a page that is bad does not stop its
    /// neighbours.
    fn carry_run<T: Transit>(&self, run: Run<T>) -> Result<(), PagerError> {
        let together = self.lend(&run);
        let again = together.outcome == Outcome::Failed && run.len() > 1;
        let mut result = Ok(());
        for own in run {
            let call = match again {
                true => self.lend(slice::from_ref(&own)),
                false => together,
            };
            let ended = self.end(own, call, T::ended);
            result = result.and(ended);
        }
        result
    }

    fn lend<T: Transit>(&self, run: &[T]) -> Ended {
        let store = self.store();
        let call = |first, blocks| T::call(&store, first, blocks);
        self.memory.frames.lend(run, call)
    }

    fn end<T: Transit, R>(
        &self,
        own: T,
        call: Ended,
        ended: impl FnOnce(&mut Map<P>, T, Outcome) -> R,
    ) -> Result<R, PagerError> {
        let page = own.page();
        let map = &self.memory.map;
        let found = map.with_notify(|map| ended(map, own, call.outcome));
        match call.result {
            Ok(()) => Ok(found),
            Err(status) => Err(T::error(page, status)),
        }
    }
}

/// Whether a page goes into the call of a run.
fn continues<T: Transit>(run: &Run<T>, page: u64) -> bool {
    let next = |last: &T| last.page().checked_add(1) == Some(page);
    !run.is_full() && run.last().is_none_or(next)
}
