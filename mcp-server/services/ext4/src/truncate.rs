//! Truncating, and freeing what has no name any more.
//!
//! The crate keeps some blocks of files in a cache of its own, which does not see what is transferred around it, by a write or by
//! the owner itself; nor does the cache of blocks behind it. Of what they hold of a file, only this is used: the block that the
//! end of a file falls into, when the crate zeroes what is behind the end. So before that, the block is read from the disk and
//! handed to the crate.

use alloc::vec;
use alloc::vec::Vec;

use atoll_abi::file::Kind;
use atoll_abi::syscall::Status;
use rsext4::{FileExtentTarget, InodeFlags, InodeInfo, InodeNumber, RangeOperation};

use crate::FileId;
use crate::operation::kind_of;
use crate::status::status_of;
use crate::volume::Volume;

/// Blocks of the largest file.
pub(crate) const MOST_BLOCKS: u64 = u32::MAX as u64;

/// Blocks that are freed without a transfer in between: the crate takes some microseconds for each.
const FREED_AT_ONCE: u64 = 4096;

/// Bytes of an extent, and of what a node of a tree of them begins with.
const EXTENT_BYTES: u32 = 12;

impl Volume<'_> {
    pub(crate) fn truncate(&mut self, file: FileId, size: u64) -> Result<(), Status> {
        let inode = self.opened_file(file)?;
        if !size
            .min(inode.size)
            .is_multiple_of(u64::from(self.block_size))
        {
            self.hand_over(inode.number, inode.size, size.min(inode.size))?;
        }
        if size >= inode.size {
            let grown = self.crate_fs.truncate_inode(inode.number, size);
            return grown.map_err(status_of);
        }
        let block = u64::from(self.block_size);
        let start = size.next_multiple_of(block);
        let end = inode.size.next_multiple_of(block);
        if !self.has_many_extents(&inode)? {
            for step in self.steps(&inode, start)? {
                let shrunk = self.crate_fs.truncate_inode(inode.number, step);
                shrunk.map_err(status_of)?;
                self.sync()?;
            }
        } else if start < end {
            self.collapse(inode.number, start, end)?;
        }
        self.has_freed = true;
        let shrunk = self.crate_fs.truncate_inode(inode.number, size);
        shrunk.map_err(status_of)
    }

    /// Where to end a file first that shall end at some byte, from the back to the front, so that what is freed at a time is
    /// bounded. Between two of them the owner is asked for transfers, and can do something else.
    fn steps(&mut self, inode: &InodeInfo, start: u64) -> Result<Vec<u64>, Status> {
        let mut steps = Vec::new();
        if start >= inode.size {
            return Ok(steps);
        }
        let (length, all) = (inode.size - start, FileExtentTarget::Data);
        let map = self
            .crate_fs
            .inode_extents(inode.number, start, length, all, usize::MAX);
        let most = FREED_AT_ONCE * u64::from(self.block_size);
        let mut left = most;
        for extent in map.map_err(status_of)?.extents.iter().rev() {
            let first = extent.logical_start.max(start);
            let mut end = extent.logical_start.saturating_add(extent.length);
            while end.saturating_sub(first) > left {
                end -= left;
                steps.push(end);
                left = most;
            }
            left -= end.saturating_sub(first);
        }
        Ok(steps)
    }

    /// Whether the extents of a file may be in a tree of three levels. Of such a tree the crate does not free a node that has
    /// become empty, and fails; but it can build the tree anew.
    fn has_many_extents(&mut self, inode: &InodeInfo) -> Result<bool, Status> {
        if inode.size == 0 || !inode.flags.contains(InodeFlags::EXTENTS) {
            return Ok(false);
        }
        let all = FileExtentTarget::Data;
        let map = self
            .crate_fs
            .inode_extents(inode.number, 0, inode.size, all, 0);
        let few = self.block_size / EXTENT_BYTES / 2;
        map.map(|map| map.mapped_extents > few as usize)
            .map_err(status_of)
    }

    /// Takes whole blocks out of a file, up to its end. The crate takes none out at the end, so the file grows by a block first,
    /// which stays.
    fn collapse(&mut self, inode: InodeNumber, start: u64, end: u64) -> Result<(), Status> {
        let range = RangeOperation::Collapse;
        let larger = end + u64::from(self.block_size);
        self.crate_fs
            .truncate_inode(inode, larger)
            .and_then(|()| {
                self.crate_fs
                    .operate_inode_range(inode, start, end - start, range)
            })
            .map_err(status_of)
    }

    /// Hands the crate the block that some byte of a file falls into, as it is on the disk.
    pub(crate) fn hand_over(
        &mut self,
        inode: InodeNumber,
        size: u64,
        byte: u64,
    ) -> Result<(), Status> {
        let start = byte - byte % u64::from(self.block_size);
        let Some(sector) = self.block(inode, start, size)? else {
            return Ok(());
        };
        let mut block = vec![0; self.block_size as usize];
        self.disk.read_data(sector, &mut block)?;
        let length = (size - start).min(u64::from(self.block_size)) as usize;
        let held = block.get(..length).ok_or(Status::Corrupt)?;
        self.crate_fs
            .write_inode(inode, start, held)
            .map_err(status_of)
    }

    /// Frees what has neither a name nor is open.
    pub(crate) fn reap(&mut self, file: FileId) -> Result<(), Status> {
        let number = InodeNumber::new(file.0).map_err(status_of)?;
        self.has_freed = true;
        let inode = self.crate_fs.inode(number).map_err(status_of)?;
        let inode = self.sized(inode)?;
        let is_file = kind_of(inode.file_type()) == Kind::File;
        if is_file && inode.blocks > 0 && inode.flags.contains(InodeFlags::EXTENTS) {
            self.empty(&inode)?;
        }
        self.crate_fs.reap_unlinked_inode(number).map_err(status_of)
    }

    /// Takes all blocks out of a file that has no name. The crate itself would leave the unwritten ones, and free all others in
    /// one transaction, for which the journal may be too small.
    fn empty(&mut self, inode: &InodeInfo) -> Result<(), Status> {
        let block = u64::from(self.block_size);
        let end = (MOST_BLOCKS - 1) * block;
        if self.has_many_extents(inode)? {
            return self.collapse(inode.number, 0, end);
        }
        let punch = RangeOperation::PunchHole;
        let mut stop = inode.size.next_multiple_of(block);
        for step in self.steps(inode, 0)? {
            let length = stop - step;
            self.crate_fs
                .operate_inode_range(inode.number, step, length, punch)
                .map_err(status_of)?;
            self.sync()?;
            stop = step;
        }
        self.has_freed = true;
        self.crate_fs
            .truncate_inode(inode.number, end)
            .and_then(|()| {
                self.crate_fs
                    .operate_inode_range(inode.number, 0, end, punch)
            })
            .map_err(status_of)
    }

    /// Frees what the crate has allocated behind the end of a file for data that did not fit.
    pub(crate) fn drop_unwritten(&mut self, inode: InodeNumber) -> Result<(), Status> {
        let size = self.crate_fs.inode(inode).map_err(status_of)?.size;
        if !size.is_multiple_of(u64::from(self.block_size)) {
            self.hand_over(inode, size, size)?;
        }
        // It frees what is behind the new end where that is another one.
        self.crate_fs
            .truncate_inode(inode, size + 1)
            .and_then(|()| self.crate_fs.truncate_inode(inode, size))
            .map_err(status_of)
    }
}
