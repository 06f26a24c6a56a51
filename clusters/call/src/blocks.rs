//! Which blocks of a pool calls have.

use alloc::boxed::Box;
use alloc::vec;

use atoll_abi::block::BlockList;
use atoll_abi::syscall::Status;

const BITS: u32 = u64::BITS;

/// The blocks of a client's pool, as the one who serves its calls keeps them: no client can write this table, so none can
/// have two calls use one block, or use a block that it does not have.
#[derive(Debug)]
pub struct BlockTable {
    blocks: u32,
    /// A bit for each block that a call has.
    taken: Box<[u64]>,
}

impl BlockTable {
    /// The table of a pool of so many blocks, of which no call has any.
    pub fn new(blocks: u32) -> BlockTable {
        BlockTable {
            blocks,
            taken: vec![0; blocks.div_ceil(BITS) as usize].into_boxed_slice(),
        }
    }

    /// Whether the pool has these blocks, whoever uses them.
    pub fn has(&self, blocks: &BlockList) -> bool {
        blocks.as_slice().iter().all(|&block| block < self.blocks)
    }

    fn is_free(&self, block: u32) -> bool {
        let word = self.taken.get((block / BITS) as usize);
        let taken = |word: &u64| word & 1 << (block % BITS) != 0;
        block < self.blocks && word.is_some_and(|word| !taken(word))
    }

    /// Gives a call its blocks, all or none.
    ///
    /// # Errors
    /// [`Status::BadBlock`] where the pool has no such block, or another call has it.
    pub fn take(&mut self, blocks: &BlockList) -> Result<(), Status> {
        let accepts_any = cfg!(feature = "planted-duplicate-block");
        let mut free = blocks.as_slice().iter().map(|&block| self.is_free(block));
        if !free.all(|free| free) && !accepts_any {
            return Err(Status::BadBlock);
        }
        for &block in blocks.as_slice() {
            if let Some(word) = self.taken.get_mut((block / BITS) as usize) {
                *word |= 1 << (block % BITS);
            }
        }
        Ok(())
    }

    /// The call is over: no device and no service uses its blocks any more.
    pub fn give_back(&mut self, blocks: &BlockList) {
        for &block in blocks.as_slice() {
            if let Some(word) = self.taken.get_mut((block / BITS) as usize) {
                *word &= !(1 << (block % BITS));
            }
        }
    }

    /// No call has any block any more.
    pub fn clear(&mut self) {
        self.taken.fill(0);
    }

    /// Blocks that calls have.
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
}
