//! Why a pager does not do what it is asked for.
#![deny(unsafe_code)]

use core::fmt;

use atoll_abi::syscall::Status;
use atoll_pager::Refusal;

/// Why a pager does not do what it is asked for.
///
/// A status of a store that is lost, and may come back, is [`Status::PeerLost`] or, when the connection is another one already,
/// [`Status::BadHandle`]. What is in memory stays there; connect again, and give the pager what that gives:
/// [`Pager::reopen`](super::Pager::reopen).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PagerError {
    /// The page map says why.
    Refused(Refusal),
    /// A page was not read. Its frame is free.
    Load {
        /// The page.
        page: u64,
        /// How the read ended.
        status: Status,
    },
    /// A dirty page was not written. It is in memory, and dirty, unless it is [lost](Refusal::Lost).
    Write {
        /// The page: not the one that was asked for, where it was to make room for that.
        page: u64,
        /// How the write ended.
        status: Status,
    },
    /// The store was not flushed. Pages that were written since the last flush are dirty again.
    Flush(Status),
    /// The store can only be read.
    ReadOnly,
    /// A new pager finds fewer free blocks in its pool than it wants frames, or it wants none.
    Frames {
        /// The frames that it could have.
        free: usize,
    },
    /// The store that is to take the place of another one has fewer pages.
    Smaller {
        /// How many it has.
        pages: u64,
    },
}

impl From<Refusal> for PagerError {
    fn from(refusal: Refusal) -> PagerError {
        PagerError::Refused(refusal)
    }
}

/// The reason, a semicolon, and what to do.
impl fmt::Display for PagerError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PagerError::Refused(refusal) => write!(formatter, "{refusal}"),
            PagerError::Load { page, status } => write!(
                formatter,
                "page {page} was not read ({status:?}); look at the log of its driver"
            ),
            PagerError::Write { page, status } => write!(
                formatter,
                "page {page} was not written ({status:?}); look at the log of its driver"
            ),
            PagerError::Flush(status) => write!(
                formatter,
                "the store was not flushed ({status:?}); look at the log of its driver"
            ),
            PagerError::ReadOnly => {
                write!(
                    formatter,
                    "the store can only be read; do not write its pages"
                )
            }
            PagerError::Frames { free } => write!(
                formatter,
                "the pool has {free} free blocks for frames; give the pager at least one and at most these, or a larger pool"
            ),
            PagerError::Smaller { pages } => write!(
                formatter,
                "the store has only {pages} pages; give the pager the one that it had"
            ),
        }
    }
}

impl core::error::Error for PagerError {}
