//! What the caller is to do, and the tokens that it gives back when it is done.

/// How a page is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It is read, beside others who read it.
    Shared,
    /// It is read and written, by one.
    Exclusive,
}

/// What the one who asks is to do next.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a frame whose token is dropped is used by nobody any more"]
pub enum Step<T> {
    /// Nothing more: this is what it asked for.
    Done(T),
    /// Read a page into a frame, and say how that ended: [`Map::loaded`](crate::Map::loaded).
    Load(Loading),
    /// Write a page of a frame, and say how that ended: [`Map::written`](crate::Map::written).
    Write(Writing),
    /// Ask again when something has changed.
    Wait,
}

/// A frame into which its page is to be read.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a frame whose token is dropped is used by nobody any more"]
pub struct Loading {
    pub(crate) page: u64,
    pub(crate) frame: usize,
}

impl Loading {
    /// The page.
    pub fn page(&self) -> u64 {
        self.page
    }

    /// The frame.
    pub fn frame(&self) -> usize {
        self.frame
    }
}

/// A frame of which the page is to be written.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a frame whose token is dropped is used by nobody any more"]
pub struct Writing {
    pub(crate) page: u64,
    pub(crate) frame: usize,
}

impl Writing {
    /// The page.
    pub fn page(&self) -> u64 {
        self.page
    }

    /// The frame.
    pub fn frame(&self) -> usize {
        self.frame
    }
}

/// How a read or write has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is done.
    Done,
    /// It failed, and the frame is back: what a write was to write is in it.
    Failed,
    /// It failed, and the frame is not back: it may still be read or written, and is not used any more.
    FrameGone,
}

/// A page that is pinned: it stays in its frame until [`Map::unpin`](crate::Map::unpin).
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a page whose token is dropped stays pinned"]
pub struct Pin {
    pub(crate) page: u64,
    pub(crate) frame: usize,
    pub(crate) access: Access,
}

impl Pin {
    /// The page.
    pub fn page(&self) -> u64 {
        self.page
    }

    /// The frame.
    pub fn frame(&self) -> usize {
        self.frame
    }
}

/// A flush that is under way.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "the end of a flush is to be told"]
pub struct FlushBegun {
    /// The last write that had ended when it began.
    pub(crate) writes: u64,
    /// Flushes that had failed by then.
    pub(crate) failed_flushes: u64,
}
