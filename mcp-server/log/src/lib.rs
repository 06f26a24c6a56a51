//! A log for applications: append-only, on a raw partition of blocks of 4096 bytes.
//!
//! It is a pure state machine: it does no I/O and has no clock. [`Replay`] asks for blocks, is fed them, and gives the records; then it
//! becomes a [`Writer`], which takes records and gives actions: write these blocks, flush. Whoever drives it carries the actions out, so
//! the same lines run in a simulator with power cuts, on threads of the host and on seL4.
//!
//! | module | owns |
//! |---|---|
//! | `format` | what is on the disk: headers, records, checksums |
//! | `replay` | which header counts, and where the log ends |
//! | `stream` | the records of one area that are not on the disk yet |
//! | `group` | the writes, and the flush behind them, that are in the hand of the device |
//! | `writer` | what is written when, what is stable, and compaction |
//!
//! # What is assumed of the device
//!
//! - A sector of 512 bytes is written whole or not at all.
//! - Of the writes since the last flush that completed, any subset of sectors may be on the disk after a power cut, in any order, whether
//!   or not the writes completed. A write is stable when a flush has completed that began after the write had completed.
//! - When a replay begins, no write of an earlier life is in the device's hand any more: whoever starts this life has quiesced the
//!   device. After a flush that failed the device must have been reset too, because a cache that dropped blocks may still show them.
//!
//! # Why no acknowledged record is lost
//!
//! A record is acknowledged when a flush has completed that began after all writes with its bytes had completed, and so had those of
//! every record before it. Afterwards its sectors change in one way: the block that holds the log's end is written again, with more
//! records behind the same bytes. A sector of it that is written or not holds the acknowledged bytes both times, and sectors are not
//! torn. One group is in flight at a time, so there are never two writes of one block at once.
//!
//! A write or flush that fails ends the writer: what was not stable is reported lost and is never flushed again, because a device may
//! drop what it failed to write and report the next flush as done. A read that fails is an error and no end of the log.
//!
//! # Why nothing is replayed that was not appended
//!
//! Behind the log's end there may be anything: torn records, and whole ones that a cut left behind a gap. They must not be taken for the
//! successors of records that are written into the gap later. So each life of the log, and in it each compaction, has an *epoch*
//! that no other one has, and the header says two things: the *floor*, which is where the log ended when this epoch began or later, and the
//! epoch.
//!
//! - A life begins with a flush, which makes stable what it replayed; then it writes a header with a new epoch, whose floor is the end of
//!   what it replayed, and flushes that. No record of an epoch is written before. A cut in between leaves the old header or
//!   the new one, and both describe the same records. If the new one did not land, no record of its epoch exists, and it may be given again.
//! - Before the floor every record was stable when the header was written. One that is not right is damage, and an error.
//! - Behind the floor only records of the header's epoch count. All of these were appended to one area by one writer, one behind the
//!   other, so that each place has at most one of them, and its checksum covers its place. A replay that takes them one behind
//!   the other takes exactly what that writer appended, without a gap, and stops at the first that is not whole.
//! - What earlier epochs left there never counts again: epochs only grow. This does not depend on the contents: a checksum that is chained
//!   to the record before would take a stale record for a new one where an application appends the same bytes again.
//!
//! The checksum also covers the log's identity, a number that should be random: then a client who chooses the payload cannot
//! forge a record inside it.
//!
//! # Compaction
//!
//! The partition has two areas. [`Writer::compact`] begins the other one: the application appends a snapshot of its state of
//! that moment to it ([`Writer::snapshot`]), as many records as it likes and when it likes. Appends go on to the current area, are
//! acknowledged as before, and are remembered. When the snapshot is whole ([`Writer::commit`]), what was appended since is put behind it,
//! and from then on each record goes to both areas. As soon as one flush has made everything stable in both, so that the
//! new area has each acknowledged record, a header that names the new area is written alone, and flushed. Nothing is acknowledged
//! meanwhile. So a cut leaves the old area or the new one, each with every acknowledged record.
//!
//! What was appended since the compaction began is kept in memory until it is put behind the snapshot: at most what was left of the
//! current area.
//!
//! # The headers
//!
//! There are two places for the header, one block each, written in turn; the one with the higher epoch counts. The place that
//! is overwritten is always the one that does not count, and the other one is stable. So no cut makes a header wrong, and one that is
//! wrong is an error: the other one may be the older of the two.
//!
//! # What is not detected
//!
//! Behind the floor, a record that the disk has lost looks like a torn one, and ends the log there. Only before the floor, which
//! grows when the log is opened and when a compaction commits, is such damage told from a torn tail.

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

mod error;
mod format;
mod group;
mod replay;
mod stream;
mod writer;

pub use error::{DeviceFailed, Error, Fault, Refusal};
pub use format::{BLOCK, HEADER_BLOCKS, MAX_RECORD, MIN_BLOCKS, RECORD_OVERHEAD, format};
pub use group::{Action, ActionId, RUN_BLOCKS};
pub use replay::{Replay, Step};
pub use writer::{Position, Writer};
