//! Who decides what is evicted.

use alloc::collections::BTreeMap;

use crate::frame::{Frame, Resident};
use crate::hint::Hint;

/// Decides which page makes room for another one.
///
/// It is told of each page that comes, is used and goes, and decides by that what it likes. A pager calls it with a lock held: it must
/// neither wait nor use the pager.
pub trait Policy {
    /// A page has come into memory.
    fn loaded(&mut self, page: u64);

    /// A page in memory has a hint: told when it has come, and when it is asked for with a hint that [counts](Hint#of-several-hints), to be
    /// used or only to be here. A use is told behind it. A policy that does nothing with it can still ask for the
    /// [hints](Candidates::hint) of candidates.
    fn hinted(&mut self, page: u64, hint: Hint) {
        let _ = (page, hint);
    }

    /// A page in memory is used: once for each time that it is asked for, also right after it came. Uses that say nothing of the page are not
    /// told: those of a [pass](Hint#of-several-hints) that comes by a normal or kept page.
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
        self.get(page).is_some()
    }

    /// Whether a candidate has to be written when it is evicted; `None` where it is none.
    pub fn dirty(&self, page: u64) -> Option<bool> {
        Some(self.get(page)?.dirty)
    }

    /// The hint of a candidate; `None` where it is none.
    pub fn hint(&self, page: u64) -> Option<Hint> {
        Some(self.get(page)?.hint)
    }

    fn get(&self, page: u64) -> Option<&Resident> {
        let frame = self.frames.get(*self.index.get(&page)?)?;
        // A page that is to come is in the index too.
        frame.candidate().filter(|resident| resident.page == page)
    }

    /// All of them, in the order of their frames.
    pub fn iter(&self) -> impl Iterator<Item = u64> {
        let frames = self.frames.iter();
        frames.filter_map(|frame| Some(frame.candidate()?.page))
    }
}
