//! Blocks of metadata, so that what is read again costs no transfer. Writes go through to the disk. The crate reads blocks of data
//! through it too; those may be older than what the owner has written over them (`truncate` says why that does no harm).

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

use atoll_abi::block::{BLOCK_SIZE, SECTOR_SIZE, SECTORS_PER_BLOCK};

struct Slot {
    /// The block that it holds, counted in blocks from the disk's beginning.
    block: Option<u64>,
    /// When it was used last.
    used: u64,
}

/// A bounded number of blocks, the least recently used of which makes room.
pub(crate) struct BlockCache {
    slots: Vec<Slot>,
    bytes: Box<[u8]>,
    clock: u64,
}

impl BlockCache {
    /// A cache of so many blocks, at least one.
    pub(crate) fn new(blocks: usize) -> BlockCache {
        let blocks = blocks.max(1);
        let slots = (0..blocks).map(|_| Slot {
            block: None,
            used: 0,
        });
        BlockCache {
            slots: slots.collect(),
            bytes: vec![0; blocks * BLOCK_SIZE].into_boxed_slice(),
            clock: 0,
        }
    }

    fn place(slot: usize) -> Range<usize> {
        slot * BLOCK_SIZE..(slot + 1) * BLOCK_SIZE
    }

    /// The bytes of a block, where it is held.
    pub(crate) fn get(&mut self, block: u64) -> Option<&[u8]> {
        let index = self.slots.iter().position(|it| it.block == Some(block))?;
        self.clock += 1;
        self.slots.get_mut(index)?.used = self.clock;
        self.bytes.get(Self::place(index))
    }

    /// Takes a block in; one that is shorter is the disk's last.
    pub(crate) fn insert(&mut self, block: u64, bytes: &[u8]) {
        self.clock += 1;
        let oldest = self.slots.iter_mut().enumerate();
        let Some((index, slot)) = oldest.min_by_key(|(_, slot)| slot.used) else {
            return;
        };
        *slot = Slot {
            block: Some(block),
            used: self.clock,
        };
        let place = self.bytes.get_mut(Self::place(index));
        for (to, from) in place.into_iter().flatten().zip(bytes) {
            *to = *from;
        }
    }

    /// Makes what is held of some sectors equal to what is written to them.
    pub(crate) fn update(&mut self, sector: u64, bytes: &[u8]) {
        let start = sector * SECTOR_SIZE as u64;
        for (index, slot) in self.slots.iter().enumerate() {
            let Some(block) = slot.block else { continue };
            let first = block * BLOCK_SIZE as u64;
            let from = start.max(first);
            let to = (start + bytes.len() as u64).min(first + BLOCK_SIZE as u64);
            if from >= to {
                continue;
            }
            let source = bytes.get((from - start) as usize..(to - start) as usize);
            let held = self.bytes.get_mut(Self::place(index));
            let target =
                held.and_then(|held| held.get_mut((from - first) as usize..(to - first) as usize));
            if let (Some(target), Some(source)) = (target, source) {
                target.copy_from_slice(source);
            }
        }
    }

    /// Forgets what is held of some sectors.
    pub(crate) fn forget(&mut self, sector: u64, sectors: u64) {
        let blocks = sector / SECTORS_PER_BLOCK..(sector + sectors).div_ceil(SECTORS_PER_BLOCK);
        for slot in &mut self.slots {
            if slot.block.is_some_and(|block| blocks.contains(&block)) {
                slot.block = None;
                slot.used = 0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_block_makes_room() {
        let mut cache = BlockCache::new(2);
        cache.insert(1, &[1; BLOCK_SIZE]);
        cache.insert(2, &[2; BLOCK_SIZE]);
        assert!(cache.get(1).is_some());
        cache.insert(3, &[3; BLOCK_SIZE]);
        assert!(cache.get(2).is_none());
        assert_eq!(cache.get(1), Some(&[1; BLOCK_SIZE][..]));
    }

    #[test]
    fn what_is_written_is_what_is_held() {
        let mut cache = BlockCache::new(2);
        cache.insert(1, &[1; BLOCK_SIZE]);
        cache.insert(2, &[2; BLOCK_SIZE]);
        cache.update(15, &[9; 2 * SECTOR_SIZE]);
        let first = cache
            .get(1)
            .map(|it| (it[BLOCK_SIZE - 513], it[BLOCK_SIZE - 512]));
        assert_eq!(first, Some((1, 9)));
        let second = cache.get(2).map(|it| (it[511], it[512]));
        assert_eq!(second, Some((9, 2)));
        cache.forget(15, 1);
        assert!(cache.get(1).is_none());
        assert!(cache.get(2).is_some());
    }
}
