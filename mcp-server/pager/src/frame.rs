//! The states of a frame.

use crate::step::Access;

/// What becomes of a frame when its page has been written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// The page stays.
    Stay,
    /// The page is evicted.
    Free,
    /// The page is evicted, and another one comes in its place.
    Load(u64),
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
}

impl Resident {
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
        true
    }

    /// One of those who pinned it has done.
    pub(crate) fn unpin(&mut self, access: Access) {
        match access {
            Access::Shared => self.shared = self.shared.saturating_sub(1),
            Access::Exclusive => self.exclusive = false,
        }
    }
}

/// One frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    Free,
    /// A page is read into it.
    Loading(u64),
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
        let (page, dirty, using) = match *self {
            Frame::Free | Frame::Gone => return None,
            Frame::Loading(page) => (page, false, Use::Loading),
            Frame::Writing(resident, _) => (resident.page, true, Use::Writing),
            Frame::Resident(resident) => (resident.page, resident.dirty, Use::of(&resident)),
        };
        Some(Entry {
            page,
            frame,
            dirty,
            using,
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
