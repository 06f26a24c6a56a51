//! What the recovery of a read-only volume writes. It is kept in memory, so that such a volume can be read without a write.

use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

use atoll_abi::block::{BLOCK_SIZE, SECTOR_SIZE, SECTORS_PER_BLOCK};
use atoll_abi::syscall::Status;

use super::Disk;

/// A bounded number of blocks.
pub(crate) struct Overlay {
    blocks: BTreeMap<u64, Vec<u8>>,
    most: usize,
}

impl Overlay {
    pub(crate) fn new(most: usize) -> Overlay {
        Overlay {
            blocks: BTreeMap::new(),
            most,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    pub(crate) fn get(&self, block: u64) -> Option<&[u8]> {
        self.blocks.get(&block).map(Vec::as_slice)
    }

    pub(crate) fn holds_any(&self, blocks: Range<u64>) -> bool {
        self.blocks.range(blocks).next().is_some()
    }

    /// Takes a block in; [`Status::Unclean`] where there are too many.
    pub(crate) fn insert(&mut self, block: u64, bytes: Vec<u8>) -> Result<(), Status> {
        if !self.blocks.contains_key(&block) && self.blocks.len() >= self.most {
            return Err(Status::Unclean);
        }
        self.blocks.insert(block, bytes);
        Ok(())
    }
}

impl Disk<'_> {
    /// Writes sectors to memory.
    pub(super) fn write_overlay(&self, sector: u64, bytes: &[u8]) -> Result<(), Status> {
        let mut sector = sector;
        let mut rest = bytes;
        while !rest.is_empty() {
            let block = sector / SECTORS_PER_BLOCK;
            let behind = (sector % SECTORS_PER_BLOCK) as usize * SECTOR_SIZE;
            let (part, further) = rest.split_at((BLOCK_SIZE - behind).min(rest.len()));
            let mut whole = vec![0; BLOCK_SIZE];
            self.read_block(block, 0, &mut whole)?;
            for (to, from) in whole.iter_mut().skip(behind).zip(part) {
                *to = *from;
            }
            let held = self.overlay.borrow_mut().insert(block, whole);
            held.map_err(|status| self.fail(status))?;
            sector += (part.len() / SECTOR_SIZE) as u64;
            rest = further;
        }
        Ok(())
    }

    /// Whether some sectors are on the disk as they are to be read: none of them was recovered to memory only.
    pub(crate) fn is_as_on_disk(&self, sector: u64, sectors: u64) -> bool {
        let overlay = self.overlay.borrow();
        let blocks = sector / SECTORS_PER_BLOCK..(sector + sectors).div_ceil(SECTORS_PER_BLOCK);
        overlay.is_empty() || !overlay.holds_any(blocks)
    }
}
