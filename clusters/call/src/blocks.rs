//! Which blocks of a pool calls have.

use alloc::boxed::Box;
use alloc::vec;
use core::ops::Range;

use atoll_abi::block::BlockList;
use atoll_abi::syscall::Status;

const BITS: u32 = u64::BITS;

/// The blocks of a client's pool, as the one who serves its calls keeps them: no client can write this table, so none can
/// have two calls use one block, or use a block that it does not have.
#[derive(Debug)]
pub struct BlockTable {
    blocks: u32,
    /// A bit for each page that a call has.
    taken: Box<[u64]>,
}

/// The word that has the bit of a page, with that bit.
fn bit(page: u32) -> (usize, u64) {
    ((page / BITS) as usize, 1 << (page % BITS))
}

/// The words that have the bits of some pages, each with these bits.
fn words(pages: Range<u32>) -> impl Iterator<Item = (usize, u64)> {
    let mut at = pages.start;
    core::iter::from_fn(move || {
        let left = pages.end.checked_sub(at).filter(|left| *left > 0)?;
        let (word, bit) = (at / BITS, at % BITS);
        let count = left.min(BITS - bit);
        at += count;
        Some((word as usize, u64::MAX >> (BITS - count) << bit))
    })
}

impl BlockTable {
    /// The table of a pool of so many blocks of order 0, of which no call has any.
    pub fn new(blocks: u32) -> BlockTable {
        BlockTable {
            blocks,
            taken: vec![0; blocks.div_ceil(BITS) as usize].into_boxed_slice(),
        }
    }

    /// Whether the pool has these blocks, whoever uses them.
    pub fn has(&self, blocks: &BlockList) -> bool {
        let pages = blocks.pages_of_block();
        let mut blocks = blocks.as_slice().iter();
        blocks.all(|&block| self.holds(block, pages))
    }

    fn holds(&self, block: u32, pages: u32) -> bool {
        pages <= self.blocks && block <= self.blocks - pages
    }

    fn is_free(&self, block: u32, pages: u32) -> bool {
        let free =
            |(word, bits): (usize, u64)| self.taken.get(word).is_some_and(|it| it & bits == 0);
        let all_free = match pages {
            1 => free(bit(block)),
            _ => words(block..block.saturating_add(pages)).all(free),
        };
        all_free && self.holds(block, pages)
    }

    /// Gives a call its blocks, all or none.
    ///
    /// # Errors
    /// [`Status::BadBlock`] where the pool has no such block, or another call has a page of it.
    pub fn take(&mut self, blocks: &BlockList) -> Result<(), Status> {
        let accepts_any = cfg!(feature = "planted-duplicate-block");
        let pages = blocks.pages_of_block();
        let mut named = blocks.as_slice().iter();
        let free = named.all(|&block| self.is_free(block, pages));
        if !free && !accepts_any {
            return Err(Status::BadBlock);
        }
        self.change(blocks, |word, bits| *word |= bits);
        Ok(())
    }

    /// The call is over: no device and no service uses its blocks any more.
    pub fn give_back(&mut self, blocks: &BlockList) {
        self.change(blocks, |word, bits| *word &= !bits);
    }

    fn change(&mut self, blocks: &BlockList, change: impl Fn(&mut u64, u64)) {
        let mut change = |(word, bits): (usize, u64)| {
            if let Some(word) = self.taken.get_mut(word) {
                change(word, bits);
            }
        };
        if blocks.order() > 0 {
            blocks.ranges().flat_map(words).for_each(change);
            return;
        }
        for &block in blocks.as_slice() {
            change(bit(block));
        }
    }

    /// No call has any block any more.
    pub fn clear(&mut self) {
        self.taken.fill(0);
    }

    /// Pages that calls have.
    pub fn taken(&self) -> usize {
        let words = self.taken.iter();
        words.map(|word| word.count_ones() as usize).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(blocks: &[u32]) -> BlockList {
        BlockList::of(blocks).unwrap()
    }

    #[test]
    fn a_block_has_one_call() {
        let mut table = BlockTable::new(70);
        assert_eq!(table.take(&list(&[0, 69])), Ok(()));
        let refused = table.take(&list(&[1, 69]));
        assert_eq!(refused, Err(Status::BadBlock), "a duplicate block");
        assert_eq!(table.taken(), 2, "all or none");
        table.give_back(&list(&[0, 69]));
        assert_eq!(table.take(&list(&[1, 69])), Ok(()));
        table.clear();
        assert_eq!(table.taken(), 0);
    }

    #[test]
    fn a_block_that_there_is_not_is_refused() {
        let mut table = BlockTable::new(64);
        for block in [64, 65, u32::MAX - 1] {
            let refused = table.take(&BlockList::one(block));
            assert_eq!(refused, Err(Status::BadBlock), "{block}");
        }
        assert_eq!(table.taken(), 0);
    }

    fn large(order: u32, blocks: &[u32]) -> BlockList {
        BlockList::of_order(order, blocks).unwrap()
    }

    #[test]
    fn every_page_of_a_large_block_is_taken() {
        for first in [0, 1, 37, 63, 64, 100] {
            let mut table = BlockTable::new(300);
            assert_eq!(table.take(&large(7, &[first])), Ok(()));
            assert_eq!(table.taken(), 128);
            for page in 0..300 {
                let inside = (first..first + 128).contains(&page);
                let taken = table.take(&BlockList::one(page)).is_err();
                assert_eq!(taken, inside, "page {page} of {first}");
            }
            let over = table.take(&large(1, &[first + 127]));
            assert_eq!(over, Err(Status::BadBlock));
            table.give_back(&large(7, &[first]));
            assert_eq!(table.taken(), 300 - 128, "and no other page");
            assert_eq!(table.take(&large(7, &[first])), Ok(()));
        }
    }

    #[test]
    fn a_block_that_ends_behind_the_pool_is_refused() {
        let mut table = BlockTable::new(70);
        for block in [67, 70, u32::MAX - 4] {
            let list = large(2, &[block]);
            assert_eq!(table.take(&list), Err(Status::BadBlock), "{block}");
            assert!(!table.has(&list));
        }
        assert!(table.has(&large(2, &[66])));
        assert_eq!(table.take(&large(2, &[0, 66])), Ok(()));
        assert_eq!(table.taken(), 8);
    }
}
