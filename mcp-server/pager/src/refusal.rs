//! What is not done, and what to do about it.

use core::fmt;

/// Why a [`Map`](crate::Map) does not do what it is asked for. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The store has no such page.
    Beyond {
        /// How many it has.
        pages: u64,
    },
    /// A page has to make room, and all that are here are pinned. Whoever asks may have pinned them, so it does not wait for that to end.
    AllPinned,
    /// The policy named no page that may be evicted, though there is one.
    NoVictim,
    /// The page is to be evicted and is pinned.
    Pinned,
    /// A write of the page took the frame with it, so what was written to the page since it was last flushed may be lost. See
    /// [`Map::accept_losses`](crate::Map::accept_losses).
    Lost {
        /// The page.
        page: u64,
    },
    /// A flush has failed, and pages that had been written before it are not in memory any more, to be written again. What was written
    /// to these since the flush before may be lost. See [`Map::accept_losses`](crate::Map::accept_losses).
    Unsure,
    /// No frame has come back from the reads and writes that had them.
    NoFrames,
}

/// The reason, a semicolon, and what to do.
impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Beyond { pages } => write!(
                formatter,
                "the store has {pages} pages; ask for one of these, or give the pager a larger store"
            ),
            Refusal::AllPinned => write!(
                formatter,
                "all pages in memory are in use; give some back, or give the pager more frames"
            ),
            Refusal::NoVictim => write!(
                formatter,
                "the policy named no page that can be evicted; correct the policy"
            ),
            Refusal::Pinned => write!(formatter, "the page is in use; give it back first"),
            Refusal::Lost { page } => write!(
                formatter,
                "what was written to page {page} went with its frame to a service that broke the protocol; write it again"
            ),
            Refusal::Unsure => write!(
                formatter,
                "a flush failed behind writes of pages that have left the memory; look at what the store has of them"
            ),
            Refusal::NoFrames => write!(
                formatter,
                "all frames went to a service that broke the protocol; start the program again"
            ),
        }
    }
}

impl core::error::Error for Refusal {}
