//! Units of data: blocks, sectors, and the blocks of one call.

use crate::syscall::{NO_BLOCK, Status, Syscall};

/// Bytes of one block, the unit in which data moves: one small page.
pub const BLOCK_SIZE: usize = 4096;

/// Bytes of one sector, the unit in which a disk is addressed, whatever the size of its own blocks.
pub const SECTOR_SIZE: usize = 512;

/// Sectors of one block.
pub const SECTORS_PER_BLOCK: u64 = (BLOCK_SIZE / SECTOR_SIZE) as u64;

/// Blocks that one call may name.
pub const MAX_CALL_BLOCKS: usize = 8;

/// Bits of an index of a block in a call, for each block but the first.
const INDEX_BITS: usize = u16::BITS as usize;

/// Indexes in a word of arguments.
const PER_WORD: usize = u64::BITS as usize / INDEX_BITS;

/// The words of a call's arguments that hold the further blocks.
const FIRST_WORD: usize = 2;

/// The scatter list of a call: the blocks of the client's pool that its data is in, in the data's order.
///
/// In a message the first block is [`Syscall::block`], [`Syscall::count`] is how many follow it, and these stand in the last
/// two words of the arguments, 16 bits each, the lowest bits first. The completion names the first one, for all of them: they
/// come back together or not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockList {
    blocks: [u32; MAX_CALL_BLOCKS],
    count: usize,
}

impl BlockList {
    /// One block.
    pub const fn one(block: u32) -> BlockList {
        let mut blocks = [NO_BLOCK; MAX_CALL_BLOCKS];
        blocks[0] = block;
        BlockList { blocks, count: 1 }
    }

    /// These blocks; `None` where they are none, or too many, or one behind the first has an index that a call cannot carry.
    pub fn of(blocks: &[u32]) -> Option<BlockList> {
        let mut list = BlockList {
            blocks: [NO_BLOCK; MAX_CALL_BLOCKS],
            count: blocks.len(),
        };
        list.blocks.get_mut(..blocks.len())?.copy_from_slice(blocks);
        let (_, further) = blocks.split_first()?;
        let carried = further.iter().all(|&block| u16::try_from(block).is_ok());
        carried.then_some(list)
    }

    /// The blocks.
    pub fn as_slice(&self) -> &[u32] {
        self.blocks.get(..self.count).unwrap_or_default()
    }

    /// Bytes that they hold together.
    pub fn bytes(&self) -> usize {
        self.count * BLOCK_SIZE
    }

    /// The blocks that a client's call names. Whether they are the client's is for the reader to check.
    ///
    /// # Errors
    /// [`Status::BadBlock`] where it names none, more than there may be, or one twice.
    pub fn from_call(syscall: &Syscall) -> Result<BlockList, Status> {
        let count = 1 + usize::from(syscall.count);
        if syscall.block == NO_BLOCK || count > MAX_CALL_BLOCKS {
            return Err(Status::BadBlock);
        }
        let mut list = BlockList::one(syscall.block);
        list.count = count;
        let further =
            syscall.arguments.iter().skip(FIRST_WORD).flat_map(|word| {
                (0..PER_WORD).map(move |place| (word >> (place * INDEX_BITS)) as u16)
            });
        for (slot, block) in list.blocks[1..count].iter_mut().zip(further) {
            *slot = u32::from(block);
        }
        let blocks = list.as_slice();
        let mut rest = blocks;
        while let Some((first, behind)) = rest.split_first() {
            if behind.contains(first) {
                return Err(Status::BadBlock);
            }
            rest = behind;
        }
        Ok(list)
    }

    /// The call with these blocks.
    pub fn into_call(&self, syscall: Syscall) -> Syscall {
        let mut call = Syscall {
            block: self.blocks[0],
            count: (self.count - 1) as u16,
            ..syscall
        };
        for (place, &block) in self.as_slice().iter().skip(1).enumerate() {
            let word = &mut call.arguments[FIRST_WORD + place / PER_WORD];
            *word |= u64::from(block) << (place % PER_WORD * INDEX_BITS);
        }
        call
    }
}

const _: () = assert!(1 + (4 - FIRST_WORD) * PER_WORD >= MAX_CALL_BLOCKS);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_survive_a_call() {
        for count in 1..=MAX_CALL_BLOCKS {
            let blocks: [u32; MAX_CALL_BLOCKS] = core::array::from_fn(|at| 0xfff0 + at as u32);
            let list = BlockList::of(&blocks[..count]).unwrap();
            let call = list.into_call(Syscall::EMPTY);
            assert_eq!(BlockList::from_call(&call), Ok(list));
            assert_eq!(list.bytes(), count * BLOCK_SIZE);
        }
        let two = BlockList::of(&[7, 0x1234])
            .unwrap()
            .into_call(Syscall::EMPTY);
        assert_eq!((two.block, two.count), (7, 1));
        assert_eq!(two.arguments, [0, 0, 0x1234, 0]);
    }

    #[test]
    fn what_is_no_list_is_refused() {
        assert_eq!(BlockList::of(&[]), None);
        assert_eq!(BlockList::of(&[0; MAX_CALL_BLOCKS + 1]), None);
        assert_eq!(BlockList::of(&[0, 0x1_0000]), None);
        let refused = |call| BlockList::from_call(&call) == Err(Status::BadBlock);
        assert!(refused(Syscall::EMPTY), "no block");
        let mut call = BlockList::one(3).into_call(Syscall::EMPTY);
        call.count = MAX_CALL_BLOCKS as u16;
        assert!(refused(call), "too many");
        assert!(refused(
            BlockList::of(&[5, 6, 5]).unwrap().into_call(Syscall::EMPTY)
        ));
    }
}
