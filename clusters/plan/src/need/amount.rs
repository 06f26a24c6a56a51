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

/// Bytes of the record of a page: two half words, in a list that was copied into one of twice its length.
pub(super) const PAGE_RECORD: u64 = 3 * 8;

/// Bytes that the record of a page takes beside that where the page is set back when its component starts again: five words,
/// in one list for each component, of which one is copied at a time.
pub(super) const PRIVATE_PAGE_RECORD: u64 = 2 * 40;

/// Bytes of the record of a paging structure: two words in a tree of which each node may be half empty.
pub(super) const STRUCTURE_RECORD: u64 = 2 * 24;

/// Bytes of the record of a connection, in a list that was copied into one of twice its length.
pub(super) const CONNECTION_RECORD: u64 = 3 * 224;

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
