//! The page map of an application's pager: which page of a store is in which frame, and which one makes room for another.
//!
//! It is a pure state machine: it has no data, does no I/O and has no clock. It is asked for pages ([`Map::request`]) and answers with the
//! [`Step`] that the caller is to take: read a page into a frame, write a page of a frame, wait, or go on with the page pinned. The caller
//! tells how each read and write has ended. So the same lines run on seL4, on threads of the host and in a simulator.
//!
//! | module | owns |
//! |---|---|
//! | `frame` | the states of a frame |
//! | `step` | what the caller is to do, and the tokens that it gives back when it is done |
//! | `hint` | what those who ask know of a page's coming uses |
//! | `policy` | who decides what is evicted: the program's [`Policy`] |
//! | `lru` | the policy of a program that has none, which knows hints |
//! | `map` | the table of frames, and what it shows |
//! | `asking` | pages that are asked for, evicted, written out |
//! | `ending` | how reads, writes, flushes and uses of pages end |
//!
//! # What holds at any time
//!
//! - A page is in one frame at most. A frame that is being read or written is pinned by nobody, and its page is in nobody's hands, so
//!   that no page is seen torn. Two who ask for a page that is not here share one read: the second one waits.
//! - A page is pinned by any number of shared uses, or by one exclusive use. A pinned page is neither evicted nor written.
//! - A page that is dirty leaves its frame only when it has been written. A write that fails leaves it where it is, and dirty.
//! - A flush that fails makes the pages dirty again that were written since the last one that did not: a device may drop what it failed
//!   to write, and report the next flush as done.
//! - A [`Hint`] changes which page makes room, and when. What is found in a page and whether there is room do not depend on it: a page
//!   leaves the memory for its hint alone only where nobody uses it or waits for it, and the store has it on stable storage.

#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic
    )
)]

extern crate alloc;

mod asking;
mod ending;
mod frame;
mod hint;
mod lru;
mod map;
mod policy;
mod refusal;
mod step;

pub use frame::{Entry, Use};
pub use hint::Hint;
pub use lru::Lru;
pub use map::{Counters, Map};
pub use policy::{Candidates, Policy};
pub use refusal::Refusal;
pub use step::{Access, FlushBegun, Loading, Outcome, Pin, Step, Writing};
