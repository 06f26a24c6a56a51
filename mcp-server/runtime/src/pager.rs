//! A pager: the program's own memory manager, over a store that is larger than the program's memory.
//!
//! A [`Pager`] has *frames*, which are blocks of the process. It takes them once and keeps them until it ends, so pages that are
//! in memory do not move, and the device writes straight into them. A page that is not in a frame is *loaded* by a block call when it is
//! asked for; where no frame is free, the program's [`Policy`] decides which page is *evicted*, which is written first where it is dirty.
//! The program may do both itself, before anybody asks: [`Pager::load`], [`Pager::evict`]. And it may say with each use what it knows of
//! the ones that come, by a [`Hint`]: [`Pager::page_with`], [`Pager::page_mut_with`], [`Pager::load_with`].
//!
//! ```no_run
//! use atoll_runtime::connect;
//! use atoll_runtime::pager::{Lru, Pager, PagerError};
//!
//! fn count(page: u64) -> Result<(), PagerError> {
//!     let partition = connect("pages").wait().and_then(|service| service.partition().wait());
//!     let pager = Pager::new(partition.expect("the plan has it"), 16, Lru::default())?;
//!     let mut page = pager.page_mut(page)?;
//!     page.bytes_mut()[0] += 1;
//!     drop(page);
//!     pager.flush()
//! }
//! ```
//!
//! Any number of uthreads may use a pager. One that asks for a page waits where the page is being loaded, evicted or written, or is used
//! in a way that does not go with its own: so one that has a page must not ask for the same one again, unless both only read it. It does
//! not wait where all frames are in use, because it may be the one who uses them: that is an error.
//!
//! The calls that a pager makes have no time-out: a page in a call is in nobody's hands, and others wait for it too.
#![deny(unsafe_code)]

mod error;
mod frames;
mod guard;
mod store;
mod transit;

use core::mem;
use core::ops::Range;

use atoll_abi::syscall::Status;
use atoll_pager::{Access, Pin, Step};

use crate::block::{Pool, Source};
use crate::monitor::Monitor;
use crate::sync::Mutex;
use crate::syscalls::without_timeout;
use frames::Frames;
use transit::Transit;

pub use atoll_pager::{Candidates, Counters, Entry, Hint, Lru, Map, Policy, Refusal, Use};
pub use error::PagerError;
pub use guard::{Page, PageMut};
pub use store::Store;

/// A pager of a [`Store`], whose evictions a [`Policy`] decides. Dropped, it gives its frames back to their pool, and what was not
/// [flushed](Pager::flush) may be lost.
pub struct Pager<P: Policy, S: Store> {
    store: Mutex<S>,
    memory: Memory<P>,
}

/// What is in memory, and where.
struct Memory<P> {
    map: Monitor<Map<P>>,
    frames: Frames,
}

impl<P: Policy, S: Store> Pager<P, S> {
    /// A pager with so many frames, which it takes from the process's common pool of blocks. Waits for the first one.
    ///
    /// # Errors
    /// [`PagerError::Frames`].
    ///
    /// # Panics
    /// Where the caller is not a uthread and has to wait.
    pub fn new(store: S, frames: usize, policy: P) -> Result<Pager<P, S>, PagerError> {
        Pager::of(Source::common(), store, frames, policy)
    }

    /// As [`Pager::new`], with frames of a pool, which need not be all of that. Waits for none of them. They go back to the pool when
    /// the pager ends.
    ///
    /// # Errors
    /// [`PagerError::Frames`].
    pub fn within(
        pool: &Pool,
        store: S,
        frames: usize,
        policy: P,
    ) -> Result<Pager<P, S>, PagerError> {
        Pager::of(pool.source(), store, frames, policy)
    }

    fn of(from: Source, store: S, frames: usize, policy: P) -> Result<Pager<P, S>, PagerError> {
        let map = Map::new(store.pages(), frames, policy);
        Ok(Pager {
            store: Mutex::new(store),
            memory: Memory {
                map: Monitor::new(map),
                frames: Frames::take(frames, from)?,
            },
        })
    }

    /// Pins a page to read it, beside others who read it. Waits until it is there.
    ///
    /// # Errors
    /// There is no room for it or no such page, or it was not read, or the page that was to make room was not written.
    ///
    /// # Panics
    /// Where the caller is not a uthread and has to wait.
    pub fn page(&self, page: u64) -> Result<Page<'_, P>, PagerError> {
        self.page_with(page, Hint::Normal)
    }

    /// As [`Pager::page`], with a hint.
    ///
    /// # Errors
    /// As [`Pager::page`].
    ///
    /// # Panics
    /// As [`Pager::page`].
    pub fn page_with(&self, page: u64, hint: Hint) -> Result<Page<'_, P>, PagerError> {
        let pin = self.pin(page, Access::Shared, hint)?;
        Ok(Page::new(&self.memory, pin))
    }

    /// Pins a page to read and write it, alone. Waits until it is there, and nobody else uses it.
    ///
    /// # Errors
    /// As [`Pager::page`]; [`PagerError::ReadOnly`].
    ///
    /// # Panics
    /// As [`Pager::page`].
    pub fn page_mut(&self, page: u64) -> Result<PageMut<'_, P>, PagerError> {
        self.page_mut_with(page, Hint::Normal)
    }

    /// As [`Pager::page_mut`], with a hint.
    ///
    /// # Errors
    /// As [`Pager::page_mut`].
    ///
    /// # Panics
    /// As [`Pager::page`].
    pub fn page_mut_with(&self, page: u64, hint: Hint) -> Result<PageMut<'_, P>, PagerError> {
        if self.store.lock().is_read_only() {
            return Err(PagerError::ReadOnly);
        }
        let pin = self.pin(page, Access::Exclusive, hint)?;
        Ok(PageMut::new(&self.memory, pin))
    }

    fn pin(&self, page: u64, access: Access, hint: Hint) -> Result<Pin, PagerError> {
        loop {
            let loading = match self.ask(page, |map| map.request(page, access, hint))? {
                Step::Done(pin) => return Ok(pin),
                Step::Load(loading) => Some(loading),
                Step::Write(writing) => self.write_victim(writing)?,
                Step::Wait => None,
            };
            let Some(loading) = loading else {
                continue;
            };
            let pin = self.carry(loading, |map, own, outcome| {
                map.loaded(own, outcome, Some(access))
            })?;
            if let Some(pin) = pin {
                return Ok(pin);
            }
        }
    }

    /// Loads pages that are not in memory, and waits for them; none is pinned. Up to [`MAX_CALL_BLOCKS`](crate::MAX_CALL_BLOCKS) that
    /// follow each other come with one call. Where there are more than frames, the policy may have one of them make room for another one.
    ///
    /// # Errors
    /// As [`Pager::page`], for the first page that is not loaded. Where there is no room, those behind it are not loaded.
    ///
    /// # Panics
    /// As [`Pager::page`].
    pub fn load(&self, pages: Range<u64>) -> Result<(), PagerError> {
        self.load_with(pages, Hint::Normal)
    }

    /// As [`Pager::load`], with a hint for the uses that are to come: these have the same one.
    ///
    /// # Errors
    /// As [`Pager::load`].
    ///
    /// # Panics
    /// As [`Pager::page`].
    pub fn load_with(&self, pages: Range<u64>, hint: Hint) -> Result<(), PagerError> {
        let ask = |map: &mut Map<P>, page| map.prefetch(page, hint);
        self.carry_all(pages, ask, |step| match step {
            Step::Load(loading) => Ok(Some(loading)),
            Step::Write(writing) => self.write_victim(writing),
            Step::Done(()) | Step::Wait => Ok(None),
        })
    }

    /// Replaces the hint of a page that is in memory, also by one that protects it less: [`Map::set_hint`]. One that is not there has none.
    pub fn set_hint(&self, page: u64, hint: Hint) {
        self.memory.map.with_notify(|map| map.set_hint(page, hint));
    }

    /// Takes a page out of memory, and waits for that: a dirty one is written. One that is not there is none to take.
    ///
    /// # Errors
    /// [`Refusal::Pinned`], [`Refusal::Beyond`], or it was not written.
    ///
    /// # Panics
    /// As [`Pager::page`].
    pub fn evict(&self, page: u64) -> Result<(), PagerError> {
        loop {
            match self.ask(page, |map| map.evict(page))? {
                Step::Done(()) => return Ok(()),
                Step::Write(writing) => self.carry(writing, Transit::ended)?,
                Step::Load(_) | Step::Wait => {}
            }
        }
    }

    /// Writes all dirty pages, and flushes the store: then everything is on stable storage that was written to pages before this was called
    /// and by uses that had ended. Waits for those who use a dirty page: the caller uses none.
    ///
    /// # Errors
    /// Pages were not written, of which this is the first; the others were. Or the store was not flushed. Or what was written before may
    /// be lost: [`Refusal::Lost`], [`Refusal::Unsure`].
    ///
    /// # Panics
    /// As [`Pager::page`].
    pub fn flush(&self) -> Result<(), PagerError> {
        loop {
            let pages = self.memory.map.with(|map| map.unwritten())?;
            self.carry_all(pages, Map::write_out, |step| match step {
                Step::Write(writing) => Ok(Some(writing)),
                Step::Done(()) | Step::Load(_) | Step::Wait => Ok(None),
            })?;
            let (begun, store) = (self.memory.map.with(|map| map.flush_begun()), self.store());
            let ended = without_timeout(|| store.flush().wait());
            let good = self.memory.map.with_notify(|map| match ended {
                Ok(()) => Ok(map.flushed(begun)),
                Err(status) => {
                    // Of a connection that is over, nobody has been asked.
                    if status != Status::BadHandle {
                        map.flush_failed(begun);
                    }
                    Err(PagerError::Flush(status))
                }
            })?;
            if good {
                return Ok(());
            }
        }
    }

    /// Goes on with another connection to the store, because the one before is lost.
    ///
    /// # Errors
    /// [`PagerError::Smaller`].
    pub fn reopen(&self, store: S) -> Result<(), PagerError> {
        let pages = store.pages();
        if pages < self.memory.map.with(|map| map.pages()) {
            return Err(PagerError::Smaller { pages });
        }
        *self.store.lock() = store;
        Ok(())
    }

    /// Whoever asks knows which pages may be [lost](Refusal::Lost), and that a flush [failed](Refusal::Unsure): from now on they are as
    /// the store has them.
    pub fn accept_losses(&self) {
        self.memory.map.with_notify(Map::accept_losses);
    }

    /// Looks at the page map: which page is in which frame, which are dirty, who uses them, and what was counted. With a lock held: `look`
    /// must neither wait nor use the pager.
    pub fn with_map<R>(&self, look: impl FnOnce(&Map<P>) -> R) -> R {
        self.memory.map.with(|map| look(map))
    }

    /// Works on the policy, with the same lock held.
    pub fn with_policy<R>(&self, work: impl FnOnce(&mut P) -> R) -> R {
        self.memory.map.with(|map| work(map.policy_mut()))
    }

    fn store(&self) -> S {
        self.store.lock().clone()
    }

    /// Asks the map for a page until it does not want to be asked again.
    fn ask<T>(
        &self,
        page: u64,
        mut ask: impl FnMut(&mut Map<P>) -> Result<Step<T>, Refusal>,
    ) -> Result<Step<T>, Refusal> {
        let mut waits = false;
        self.memory.map.wait_for(|map| {
            let step = ask(map);
            if matches!(step, Ok(Step::Wait)) {
                if !mem::replace(&mut waits, true) {
                    map.wait_begins(page);
                }
                return None;
            }
            if waits {
                map.wait_ends(page);
            }
            Some(step)
        })
    }
}
