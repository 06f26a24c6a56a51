//! Units of data: blocks, sectors, and the blocks of one call.

mod transferred;

use core::ops::Range;

use crate::syscall::{NO_BLOCK, Status, Syscall};

pub use transferred::Transferred;

/// Bytes of one block, the unit in which data moves: one small page. A block of an order is so many of them.
pub const BLOCK_SIZE: usize = 4096;

/// The largest order of a block: 2 MiB.
pub const MAX_ORDER: u32 = 9;

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

/// Where [`Syscall::count`] has the order of the blocks, above how many follow the first one.
const ORDER_SHIFT: u32 = 8;

/// The scatter list of a call: the blocks of the client's pool that its data is in, in the data's order.
///
/// All blocks of a list have one *order*: each is 2^order consecutive pages of [`BLOCK_SIZE`] of the pool, at most [`MAX_ORDER`], and
/// is named by its first page. It need not be aligned to its size.
///
/// In a message the first block is [`Syscall::block`], the low byte of [`Syscall::count`] is how many follow it and the high one
/// their order, and these stand in the last two words of the arguments, 16 bits each, the lowest bits first. The completion names
/// the first one, for all of them: they come back together or not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockList {
    blocks: [u32; MAX_CALL_BLOCKS],
    count: u8,
    order: u8,
}

impl BlockList {
    /// One block of order 0.
    pub const fn one(block: u32) -> BlockList {
        let mut blocks = [NO_BLOCK; MAX_CALL_BLOCKS];
        blocks[0] = block;
        BlockList {
            blocks,
            count: 1,
            order: 0,
        }
    }

    /// These blocks, of order 0; `None` where they are none, or too many, or one behind the first has an index that a call cannot
    /// carry.
    pub fn of(blocks: &[u32]) -> Option<BlockList> {
        BlockList::of_order(0, blocks)
    }

    /// As [`BlockList::of`], of an order; `None` where there is no such order.
    pub fn of_order(order: u32, blocks: &[u32]) -> Option<BlockList> {
        let mut list = BlockList {
            blocks: [NO_BLOCK; MAX_CALL_BLOCKS],
            count: blocks.len() as u8,
            order: order as u8,
        };
        list.blocks.get_mut(..blocks.len())?.copy_from_slice(blocks);
        let (_, further) = blocks.split_first()?;
        let carried = further.iter().all(|&block| u16::try_from(block).is_ok());
        (carried && order <= MAX_ORDER).then_some(list)
    }

    /// The blocks, each by its first page.
    pub fn as_slice(&self) -> &[u32] {
        self.blocks.get(..self.count.into()).unwrap_or_default()
    }

    /// Their order.
    pub fn order(&self) -> u32 {
        self.order.into()
    }

    /// Pages of each of them.
    pub fn pages_of_block(&self) -> u32 {
        1 << self.order
    }

    /// Pages that they have together.
    pub fn pages(&self) -> usize {
        usize::from(self.count) << self.order
    }

    /// Bytes that they hold together.
    pub fn bytes(&self) -> usize {
        self.pages() * BLOCK_SIZE
    }

    /// The pages of each block.
    pub fn ranges(&self) -> impl Iterator<Item = Range<u32>> + '_ {
        let pages = self.pages_of_block();
        let blocks = self.as_slice().iter();
        blocks.map(move |&block| block..block.saturating_add(pages))
    }

    /// Pages of a range of all pages, in the data's order.
    pub fn pages_in(&self, range: Range<usize>) -> impl Iterator<Item = u32> + '_ {
        let pages = self.ranges().flatten();
        pages.skip(range.start).take(range.len())
    }

    /// The same pages as a range of all pages, in the data's order, in lists one behind another. A list is of blocks of one order:
    /// whole blocks are in one, and of a block that is in the range only in part, each power of two of its pages.
    pub fn pieces(&self, range: Range<usize>) -> impl Iterator<Item = BlockList> + '_ {
        let (mut at, end) = (range.start, range.end.min(self.pages()));
        let size = self.pages_of_block() as usize;
        core::iter::from_fn(move || {
            let left = end.checked_sub(at).filter(|left| *left > 0)?;
            let (block, within) = (at >> self.order, at & (size - 1));
            if within == 0 && left >= size {
                let whole = left >> self.order;
                at += whole * size;
                let blocks = self.as_slice().get(block..block + whole)?;
                return BlockList::of_order(self.order(), blocks);
            }
            let order = left.min(size - within).ilog2();
            at += 1 << order;
            let first = self.as_slice().get(block)?;
            BlockList::of_order(order, &[first + within as u32])
        })
    }

    /// The blocks that a client's call names. Whether they are the client's is for the reader to check.
    ///
    /// # Errors
    /// [`Status::BadBlock`] where it names none, more than there may be, of an order that there is not, or pages twice.
    pub fn from_call(syscall: &Syscall) -> Result<BlockList, Status> {
        let count = 1 + usize::from(syscall.count as u8);
        let order = u32::from(syscall.count >> ORDER_SHIFT);
        if syscall.block == NO_BLOCK || count > MAX_CALL_BLOCKS || order > MAX_ORDER {
            return Err(Status::BadBlock);
        }
        let mut list = BlockList::one(syscall.block);
        (list.count, list.order) = (count as u8, order as u8);
        let further =
            syscall.arguments.iter().skip(FIRST_WORD).flat_map(|word| {
                (0..PER_WORD).map(move |place| (word >> (place * INDEX_BITS)) as u16)
            });
        for (slot, block) in list.blocks[1..count].iter_mut().zip(further) {
            *slot = u32::from(block);
        }
        let pages = list.pages_of_block();
        if syscall.block.checked_add(pages).is_none() {
            return Err(Status::BadBlock);
        }
        let mut rest = list.as_slice();
        while let Some((first, behind)) = rest.split_first() {
            let is_named_twice = match pages {
                1 => behind.contains(first),
                _ => behind.iter().any(|other| other.abs_diff(*first) < pages),
            };
            if is_named_twice {
                return Err(Status::BadBlock);
            }
            rest = behind;
        }
        Ok(list)
    }

    /// The call with these blocks.
    pub fn into_call(&self, syscall: Syscall) -> Syscall {
        let further = u16::from(self.count) - 1;
        let mut call = Syscall {
            block: self.blocks[0],
            count: u16::from(self.order) << ORDER_SHIFT | further,
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
mod tests;
