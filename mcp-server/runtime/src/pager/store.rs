//! What pages are loaded from and written to.
#![deny(unsafe_code)]

use crate::block::Blocks;
use crate::partition::Partition;
use crate::reply::Reply;
use crate::transfer::Transfer;

/// A store of pages of [`BLOCK_SIZE`](atoll_abi::block::BLOCK_SIZE) bytes, one behind the other.
///
/// A pager never asks for pages that there are not, and has one read or write of a page under way at a time.
pub trait Store: Clone {
    /// Pages that it has.
    fn pages(&self) -> u64;

    /// Whether it can only be read.
    fn is_read_only(&self) -> bool;

    /// Reads pages from a first one on, into as many blocks. A transfer that has read less than all of them ends with
    /// [`Status::Malformed`](crate::Status::Malformed).
    fn read(&self, first: u64, into: Blocks) -> Transfer;

    /// Writes blocks to as many pages, from a first one on.
    fn write(&self, first: u64, from: Blocks) -> Transfer;

    /// Has everything put on stable storage of which the writes have been answered.
    fn flush(&self) -> Reply<()>;
}

impl Store for Partition {
    fn pages(&self) -> u64 {
        self.blocks()
    }

    fn is_read_only(&self) -> bool {
        Partition::is_read_only(self)
    }

    fn read(&self, first: u64, into: Blocks) -> Transfer {
        Partition::read(self, first, into)
    }

    fn write(&self, first: u64, from: Blocks) -> Transfer {
        Partition::write(self, first, from)
    }

    fn flush(&self) -> Reply<()> {
        Partition::flush(self)
    }
}
