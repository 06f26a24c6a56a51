//! Writing.

use alloc::vec;

use atoll_abi::block::SECTOR_SIZE;
use atoll_abi::syscall::Status;
use rsext4::{InodeInfo, InodeMetadataUpdate, InodeNumber};

use crate::disk::{MOST_TRANSFER, PLACEHOLDER};
use crate::status::status_of;
use crate::truncate::MOST_BLOCKS;
use crate::volume::Volume;
use crate::{FileId, RunKind};

/// Bytes of the largest write.
pub const MOST_WRITE: u32 = 32 << 10;

impl Volume<'_> {
    /// Writes the caller's data.
    pub(crate) fn write(&mut self, file: FileId, offset: u64, bytes: u32) -> Result<(), Status> {
        let inode = self.opened_file(file)?;
        let size = u64::from(self.block_size);
        let end = offset
            .checked_add(u64::from(bytes))
            .filter(|end| *end <= MOST_BLOCKS * size)
            .ok_or(Status::InvalidArgument)?;
        let is_whole =
            offset.is_multiple_of(size) && (end.is_multiple_of(size) || end >= inode.size);
        if !is_whole || bytes > MOST_WRITE {
            return Err(Status::InvalidArgument);
        }
        if bytes == 0 {
            return Ok(());
        }
        let stop = end
            .checked_next_multiple_of(size)
            .ok_or(Status::InvalidArgument)?;
        let written = self.transfer(&inode, offset, stop);
        // The file ends where the data does. The crate knows of whole blocks, and of none that had data before.
        let now = self.crate_fs.inode(inode.number).map_err(status_of)?.size;
        let target = match written {
            Ok(()) => end.max(inode.size),
            Err(_) => end.min(now).max(inode.size),
        };
        if target != now || (stop > target && !target.is_multiple_of(size)) {
            self.end_at(inode.number, now, target)?;
        }
        written
    }

    /// Transfers the caller's data to whole blocks.
    fn transfer(&mut self, inode: &InodeInfo, offset: u64, stop: u64) -> Result<(), Status> {
        let known = inode.size.next_multiple_of(u64::from(self.block_size));
        let mut at = offset;
        let mut is_allocated = false;
        while at < stop {
            let runs = self.runs(inode.number, at, stop.min(known).max(at))?;
            let (kind, length) = match runs.first() {
                // The last block of a file is mapped up to the file's end.
                Some(run) => (
                    run.kind,
                    run.bytes.next_multiple_of(u64::from(self.block_size)),
                ),
                None => (RunKind::Hole, stop - at),
            };
            let length = length.min(stop - at) as usize;
            match kind {
                RunKind::Data { sector } => {
                    self.disk.transfer(sector, (at - offset) as u32, length)?;
                }
                RunKind::Hole => {
                    self.allocate(inode.number, at, (at - offset) as u32, length)?;
                    is_allocated = true;
                }
            }
            at += length as u64;
        }
        match is_allocated {
            true => Ok(()),
            false => self.touch(inode.number),
        }
    }

    /// Has the crate write whole blocks that have no data: it allocates them as unwritten, has the caller's data transferred, and
    /// then makes them part of the file.
    fn allocate(
        &mut self,
        inode: InodeNumber,
        at: u64,
        offset: u32,
        length: usize,
    ) -> Result<(), Status> {
        self.commit_freed()?;
        let data = PLACEHOLDER.get(..length).ok_or(Status::InvalidArgument)?;
        self.disk.begin_transfer(offset);
        self.write_through_crate(inode, at, data)?;
        // Else the crate has looked at the data, which is not there.
        match self.disk.transferred() == length as u64 {
            true => Ok(()),
            false => Err(Status::Corrupt),
        }
    }

    /// Blocks that were freed are a file's again after a power cut until that is committed. Nobody else's data may be in them.
    fn commit_freed(&mut self) -> Result<(), Status> {
        match self.has_freed {
            true => self.sync(),
            false => Ok(()),
        }
    }

    /// The file was modified without its crate.
    fn touch(&mut self, inode: InodeNumber) -> Result<(), Status> {
        let update = InodeMetadataUpdate {
            mtime: Some(self.now()),
            ..InodeMetadataUpdate::default()
        };
        let touched = self.crate_fs.update_inode_metadata(inode, update);
        touched.map(|_| ()).map_err(status_of)
    }

    /// Writes bytes that are copied. Whole blocks go to the crate, with what they hold before and behind the bytes.
    pub(crate) fn write_bytes(
        &mut self,
        file: FileId,
        offset: u64,
        bytes: &[u8],
    ) -> Result<(), Status> {
        let inode = self.opened_file(file)?;
        if bytes.len() > MOST_WRITE as usize {
            return Err(Status::InvalidArgument);
        }
        if bytes.is_empty() {
            return Ok(());
        }
        let size = u64::from(self.block_size);
        let end = offset
            .checked_add(bytes.len() as u64)
            .filter(|end| *end <= MOST_BLOCKS * size)
            .ok_or(Status::InvalidArgument)?;
        let start = offset - offset % size;
        let stop = end.max(end.next_multiple_of(size).min(inode.size));
        let mut whole = vec![0; (stop - start) as usize];
        self.read_block(&inode, start, &mut whole)?;
        let last = (end - 1) / size * size;
        if last > start
            && let Some(tail) = whole.get_mut((last - start) as usize..)
        {
            self.read_block(&inode, last, tail)?;
        }
        let place = whole.iter_mut().skip((offset - start) as usize);
        for (to, from) in place.zip(bytes) {
            *to = *from;
        }
        self.commit_freed()?;
        self.write_through_crate(inode.number, start, &whole)
    }

    fn write_through_crate(
        &mut self,
        inode: InodeNumber,
        at: u64,
        data: &[u8],
    ) -> Result<(), Status> {
        let written = self.crate_fs.write_inode(inode, at, data);
        let written = written.map_err(status_of);
        if written == Err(Status::NoSpace) {
            self.drop_unwritten(inode)?;
        }
        written
    }

    /// Reads what a block of a file holds, into the beginning of something that is zero.
    fn read_block(&mut self, inode: &InodeInfo, start: u64, into: &mut [u8]) -> Result<(), Status> {
        let Some(sector) = self.block(inode.number, start, inode.size)? else {
            return Ok(());
        };
        let mut block = vec![0; self.block_size as usize];
        self.disk.read_data(sector, &mut block)?;
        let held = (inode.size - start) as usize;
        for (to, from) in into.iter_mut().zip(block.iter().take(held)) {
            *to = *from;
        }
        Ok(())
    }

    /// Ends a file at a byte in a block that a transfer wrote as a whole, and zeroes what is behind.
    fn end_at(&mut self, inode: InodeNumber, size: u64, end: u64) -> Result<(), Status> {
        let start = (end - 1) / u64::from(self.block_size) * u64::from(self.block_size);
        // Where nothing was written there is nothing to zero.
        if let Some(sector) = self.block(inode, start, size)? {
            let mut block = vec![0; self.block_size as usize];
            self.disk.read_data(sector, &mut block)?;
            for byte in block.iter_mut().skip((end - start) as usize) {
                *byte = 0;
            }
            self.crate_fs
                .write_inode(inode, start, &block)
                .map_err(status_of)?;
        }
        self.crate_fs.truncate_inode(inode, end).map_err(status_of)
    }
}

const _: () = assert!(
    MOST_WRITE as usize <= MOST_TRANSFER && (MOST_WRITE as usize).is_multiple_of(SECTOR_SIZE)
);
