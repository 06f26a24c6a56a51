//! The states of a frame.

use crate::hint::Hint;
use crate::step::Access;

/// A page that is to be read into a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Coming {
    pub(crate) page: u64,
    pub(crate) hint: Hint,
}

/// What becomes of a frame when its page has been written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// The page stays.
    Stay,
    /// The page is evicted.
    Free,
    /// The page is evicted, and another one comes in its place.
    Load(Coming),
}

/// A page in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Resident {
    pub(crate) page: u64,
    /// The store has something older.
    pub(crate) dirty: bool,
    /// Number of the last write of it from this frame; 0 where there was none.
    pub(crate) written: u64,
    pub(crate) shared: u32,
    pub(crate) exclusive: bool,
    pub(crate) hint: Hint,
    /// It was asked for to be here, and has not been used since.
    pub(crate) ahead: bool,
}

impl Resident {
    /// A page that has been read, and that nobody uses yet.
    pub(crate) fn new(Coming { page, hint }: Coming) -> Resident {
        Resident {
            page,
            dirty: false,
            written: 0,
            shared: 0,
            exclusive: false,
            hint,
            ahead: true,
        }
    }

    pub(crate) fn is_pinned(&self) -> bool {
        self.exclusive || self.shared > 0
    }

    /// Pins it where that is possible now.
    pub(crate) fn pin(&mut self, access: Access) -> bool {
        match access {
            Access::Shared if !self.exclusive => self.shared += 1,
            Access::Exclusive if !self.is_pinned() => self.exclusive = true,
            Access::Shared | Access::Exclusive => return false,
        }
        self.ahead = false;
        true
    }

    /// One of those who pinned it has done.
    pub(crate) fn unpin(&mut self, access: Access) {
        match access {
            Access::Shared => self.shared = self.shared.saturating_sub(1),
            Access::Exclusive => self.exclusive = false,
        }
    }

    /// Its hint is another one where it is asked for with one that counts, which is the result.
    pub(crate) fn ask(&mut self, hint: Hint) -> Option<Hint> {
        self.hint = self.hint.then(hint)?;
        Some(self.hint)
    }

    /// Whether its last use has ended, and the store has it, on stable storage where all writes are there up to a last one.
    pub(crate) fn is_spent(&self, stable: u64) -> bool {
        let used = !self.ahead && !self.is_pinned();
        self.hint == Hint::NoReuse && used && !self.dirty && self.written <= stable
    }
}

/// One frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    Free,
    /// A page is read into it.
    Loading(Coming),
    Resident(Resident),
    /// Its page is written.
    Writing(Resident, Then),
    /// It did not come back from a read or write.
    Gone,
}

impl Frame {
    /// The page that may be evicted from it.
    pub(crate) fn candidate(&self) -> Option<&Resident> {
        match self {
            Frame::Resident(resident) if !resident.is_pinned() => Some(resident),
            _ => None,
        }
    }

    /// Whether a read or write has it, so that its state changes without anyone who has pinned a page.
    pub(crate) fn is_in_transit(&self) -> bool {
        matches!(self, Frame::Loading(_) | Frame::Writing(..))
    }

    /// What is shown of it, where it has a page.
    pub(crate) fn entry(&self, frame: usize) -> Option<Entry> {
        let (page, hint, dirty, using) = match *self {
            Frame::Free | Frame::Gone => return None,
            Frame::Loading(Coming { page, hint }) => (page, hint, false, Use::Loading),
            Frame::Writing(Resident { page, hint, .. }, _) => (page, hint, true, Use::Writing),
            Frame::Resident(resident) => {
                let Resident {
                    page, hint, dirty, ..
                } = resident;
                (page, hint, dirty, Use::of(&resident))
            }
        };
        Some(Entry {
            page,
            frame,
            dirty,
            using,
            hint,
        })
    }
}

/// A page of the page map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The page.
    pub page: u64,
    /// The frame that it is in.
    pub frame: usize,
    /// The store has something older. What an exclusive use has written shows when the use has ended.
    pub dirty: bool,
    /// Who has it.
    pub using: Use,
    /// Its hint; while it is read, the one with which it was asked for.
    pub hint: Hint,
}

/// Who has a page of the page map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Nobody: it may be evicted.
    Idle,
    /// So many have pinned it to read it.
    Shared(u32),
    /// One has pinned it to write it.
    Exclusive,
    /// It is read from the store.
    Loading,
    /// It is written to the store.
    Writing,
}

impl Use {
    fn of(resident: &Resident) -> Use {
        match (resident.exclusive, resident.shared) {
            (true, _) => Use::Exclusive,
            (false, 0) => Use::Idle,
            (false, count) => Use::Shared(count),
        }
    }
}
