//! Who decides what is evicted.

use alloc::collections::BTreeMap;

use crate::frame::Frame;

/// Decides which page makes room for another one.
///
/// It is told of each page that comes, is used and goes, and decides by that what it likes. A pager calls it with a lock held: it must
/// neither wait nor use the pager.
pub trait Policy {
    /// A page has come into memory.
    fn loaded(&mut self, page: u64);

    /// A page in memory is used: once for each time that it is asked for, also right after it came.
    fn touched(&mut self, page: u64);

    /// A page has left the memory.
    fn evicted(&mut self, page: u64);

    /// A page that was to be evicted stays, because it could not be written. Where nothing else is done it counts as used, so that the
    /// next one who wants room is not given the same page again.
    fn kept(&mut self, page: u64) {
        self.touched(page);
    }

    /// The page that makes room for another one: one of the candidates, of which there is at least one. With `None`, or a page that is
    /// no candidate, the one who asked is refused.
    fn victim(&mut self, wanted: u64, candidates: &Candidates<'_>) -> Option<u64>;
}

/// The pages that may be evicted: those in memory that nobody has pinned, reads or writes.
pub struct Candidates<'m> {
    frames: &'m [Frame],
    index: &'m BTreeMap<u64, usize>,
}

impl<'m> Candidates<'m> {
    pub(crate) fn new(frames: &'m [Frame], index: &'m BTreeMap<u64, usize>) -> Candidates<'m> {
        Candidates { frames, index }
    }

    /// Whether a page is one.
    pub fn contains(&self, page: u64) -> bool {
        self.dirty(page).is_some()
    }

    /// Whether a candidate has to be written when it is evicted; `None` where it is none.
    pub fn dirty(&self, page: u64) -> Option<bool> {
        let frame = self.frames.get(*self.index.get(&page)?)?;
        let resident = frame.candidate()?;
        // A page that is to come is in the index too.
        (resident.page == page).then_some(resident.dirty)
    }

    /// All of them, in the order of their frames.
    pub fn iter(&self) -> impl Iterator<Item = u64> {
        let frames = self.frames.iter();
        frames.filter_map(|frame| Some(frame.candidate()?.page))
    }
}

/// Evicts the page that was not used for the longest time.
#[derive(Clone, Debug, Default)]
pub struct Lru {
    uses: u64,
    /// The last use of each page in memory.
    last: BTreeMap<u64, u64>,
    /// The page of each last use.
    order: BTreeMap<u64, u64>,
}

impl Policy for Lru {
    fn loaded(&mut self, page: u64) {
        self.touched(page);
    }

    fn touched(&mut self, page: u64) {
        self.uses += 1;
        if let Some(before) = self.last.insert(page, self.uses) {
            self.order.remove(&before);
        }
        self.order.insert(self.uses, page);
    }

    fn evicted(&mut self, page: u64) {
        if let Some(before) = self.last.remove(&page) {
            self.order.remove(&before);
        }
    }

    fn victim(&mut self, _: u64, candidates: &Candidates<'_>) -> Option<u64> {
        let mut oldest_first = self.order.values().copied();
        oldest_first.find(|page| candidates.contains(*page))
    }
}
