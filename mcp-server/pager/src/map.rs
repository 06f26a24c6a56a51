//! The table of frames, and what it shows.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use crate::frame::{Entry, Frame};
use crate::policy::Policy;
use crate::refusal::Refusal;

/// What a map has counted, in pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Read from the store.
    pub loads: u64,
    /// Taken out of memory.
    pub evictions: u64,
    /// Written to the store.
    pub writes: u64,
}

/// Which page of a store is in which frame.
pub struct Map<P> {
    pub(crate) pages: u64,
    pub(crate) frames: Vec<Frame>,
    /// The frame of each page that is in memory, or on its way there.
    pub(crate) index: BTreeMap<u64, usize>,
    pub(crate) free: Vec<usize>,
    /// How many wait for each page that somebody waits for.
    pub(crate) waiting: BTreeMap<u64, u64>,
    pub(crate) policy: P,
    pub(crate) counters: Counters,
    /// Writes that have ended, however: a page whose write failed may be in the store all the same.
    pub(crate) writes: u64,
    /// Up to this write everything is on stable storage.
    pub(crate) stable: u64,
    /// The last write of a page that has left the memory.
    pub(crate) evicted: u64,
    /// Flushes that failed.
    pub(crate) failed_flushes: u64,
    /// Pages that went with their frames when they were written.
    pub(crate) lost: BTreeSet<u64>,
    /// A flush failed behind writes of pages that have left the memory.
    pub(crate) unsure: bool,
}

impl<P: Policy> Map<P> {
    /// A map of a store with so many pages, whose frames are free.
    pub fn new(pages: u64, frames: usize, policy: P) -> Map<P> {
        Map {
            pages,
            frames: (0..frames).map(|_| Frame::Free).collect(),
            index: BTreeMap::new(),
            free: (0..frames).rev().collect(),
            waiting: BTreeMap::new(),
            policy,
            counters: Counters::default(),
            writes: 0,
            stable: 0,
            evicted: 0,
            failed_flushes: 0,
            lost: BTreeSet::new(),
            unsure: false,
        }
    }

    /// Pages of the store.
    pub fn pages(&self) -> u64 {
        self.pages
    }

    /// The pages that are in memory, or being read, in the order of their frames.
    pub fn entries(&self) -> impl Iterator<Item = Entry> {
        let frames = self.frames.iter().enumerate();
        frames.filter_map(|(frame, state)| state.entry(frame))
    }

    /// What is known of a page; `None` where it is not in memory.
    pub fn entry(&self, page: u64) -> Option<Entry> {
        let frame = *self.index.get(&page)?;
        let entry = self.frames.get(frame)?.entry(frame)?;
        // The frame may still have the page that makes room.
        (entry.page == page).then_some(entry)
    }

    /// What was counted.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// The policy.
    pub fn policy(&self) -> &P {
        &self.policy
    }

    /// The policy, to tell it something.
    pub fn policy_mut(&mut self) -> &mut P {
        &mut self.policy
    }

    /// Pages of which what was written may be [lost](Refusal::Lost).
    pub fn lost(&self) -> impl Iterator<Item = u64> {
        self.lost.iter().copied()
    }

    /// Whoever asks knows that pages may be [lost](Refusal::Lost), or have not become [stable](Refusal::Unsure): from now on they are
    /// as the store has them, which a flush that is done makes stable.
    pub fn accept_losses(&mut self) {
        self.lost.clear();
        self.unsure = false;
    }

    /// # Errors
    /// There is no such page, or it is lost.
    pub(crate) fn check(&self, page: u64) -> Result<(), Refusal> {
        if page >= self.pages {
            return Err(Refusal::Beyond { pages: self.pages });
        }
        match self.lost.contains(&page) {
            true => Err(Refusal::Lost { page }),
            false => Ok(()),
        }
    }

    /// A page that is in memory or on its way, with its frame.
    pub(crate) fn find(&mut self, page: u64) -> Option<(usize, &mut Frame)> {
        let frame = *self.index.get(&page)?;
        Some((frame, self.frames.get_mut(frame)?))
    }

    pub(crate) fn set(&mut self, frame: usize, state: Frame) {
        if let Some(place) = self.frames.get_mut(frame) {
            *place = state;
        }
    }
}
