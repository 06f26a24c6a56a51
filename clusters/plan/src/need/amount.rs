//! An amount of what a root task runs out of.

use std::ops::Add;

/// What a root task hands out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// Slots of the root CNode.
    pub slots: u64,
    /// Bytes of the instance's memory.
    pub bytes: u64,
    /// Bytes of the root task's heap, in which it keeps records of what it has made.
    pub records: u64,
}

/// Bytes of the records of pages in consecutive slots, which are made together: three half words, in a list that was copied into
/// one of twice its length, and five words where they are set back when their component starts again, in a list for each
/// component, or a few words in a tree where they are a pool that others have too.
pub(super) const RUN_RECORD: u64 = 3 * 12 + 2 * 40;

/// Bytes of the record of a paging structure: two words in a tree of which each node may be half empty. Its slot may end a run
/// of pages.
pub(super) const STRUCTURE_RECORD: u64 = 2 * 24 + RUN_RECORD;

/// Bytes of the record of a connection.
pub(super) const CONNECTION_RECORD: u64 = 256;

/// Bytes of the record of a page of other instances that observers see: two words in a tree of which each node may be half empty.
pub(super) const SEEN_RECORD: u64 = 2 * 16;

/// Bytes of the record of a component or a thread.
pub(super) const THREAD_RECORD: u64 = 512;

impl Add for Amount {
    type Output = Amount;

    fn add(self, other: Amount) -> Amount {
        Amount {
            slots: self.slots + other.slots,
            bytes: self.bytes + other.bytes,
            records: self.records + other.records,
        }
    }
}
