//! Blocks: data whose ownership moves.
//!
//! A block is named by one value: a [`Block`], which the process owns, can read and can write; a [`Lent`], which went into a
//! call, alone or with others, and has no access to the bytes; or it is free, or in flight.
#![deny(unsafe_code)]

mod free;
mod pages;
mod pool;
mod pools;
mod share;
#[cfg(test)]
mod tests;

use core::fmt;
use core::mem;

use atoll_abi::block::{BLOCK_SIZE, BlockList, MAX_CALL_BLOCKS};
use atoll_abi::syscall::Status;
use atoll_call::Answer;

pub(crate) use pool::Source;
pub use pool::{MAX_POOLS, Pool, PoolError};
pub(crate) use pools::Pools;

/// A block of the process's pool, owned by the one who holds the value.
///
/// A syscall that is given a block takes the value: until its completion nothing in the process can name the block. A
/// block that is dropped goes back to its pool. What a block holds that was just taken from the pool is not known.
///
/// Most blocks are of order 0 and hold [`BLOCK_SIZE`] bytes. One of a larger order is so many of them in one piece.
pub struct Block {
    index: u32,
    order: u32,
    length: usize,
    pools: &'static Pools,
}

impl Block {
    /// What the last read put there.
    pub fn bytes(&self) -> &[u8] {
        let pages = 1 << self.order;
        self.pools.memory().bytes(self.index, pages, self.length)
    }

    /// The whole block, to be written.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        self.length = self.size();
        self.pools.memory().bytes_mut(self.index, 1 << self.order)
    }

    /// Bytes that it holds: [`BLOCK_SIZE`], as often as its order says.
    pub fn size(&self) -> usize {
        BLOCK_SIZE << self.order
    }

    /// Its order: it is 2^order pages.
    pub fn order(&self) -> u32 {
        self.order
    }

    /// The block alone, for a call that takes several.
    pub fn alone(self) -> Blocks {
        let mut blocks = Blocks::new();
        // There is room for more than one.
        let _ = blocks.push(self);
        blocks
    }

    /// A transfer of so many bytes has been done.
    pub(crate) fn set_length(&mut self, length: usize) {
        self.length = length;
    }

    /// The block alone, as a call carries it.
    pub(crate) fn list(&self) -> BlockList {
        let list = BlockList::of_order(self.order, &[self.index]);
        list.unwrap_or(BlockList::one(self.index))
    }

    /// Has the block go into a call.
    pub(crate) fn lend(self) -> Lent {
        let (pages, pools) = (1 << self.order, self.pools);
        let first = self.lend_before(None);
        Lent {
            first,
            pages,
            pools,
        }
    }

    /// Has the block go into a call before another one of it; its first page.
    fn lend_before(self, next: Option<u32>) -> u32 {
        let index = self.index;
        self.pools.lend(index, self.order, next);
        // It must not go to the pool with the value.
        mem::forget(self);
        index
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        self.pools.give_back(self.index, self.order);
    }
}

impl fmt::Debug for Block {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Block")
            .field("index", &self.index)
            .field("order", &self.order)
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
}

/// Blocks that a call may be given together, in the order of the data. Dropped, they go back to their pool.
pub type Blocks = heapless::Vec<Block, MAX_CALL_BLOCKS>;

/// Bytes that blocks of one order hold together.
pub(crate) fn size_of(blocks: &Blocks) -> usize {
    blocks.len() * blocks.first().map_or(0, Block::size)
}

/// Has blocks go into a call together, and gives them as the call carries them; `None` where there are none, or not all of one
/// order.
pub(crate) fn lend_all(blocks: Blocks) -> Option<(Lent, BlockList)> {
    let indexes: heapless::Vec<u32, MAX_CALL_BLOCKS> = blocks.iter().map(|it| it.index).collect();
    let &Block { order, pools, .. } = blocks.first()?;
    let list = BlockList::of_order(order, &indexes)?;
    if blocks.iter().any(|block| block.order != order) {
        return None;
    }
    let mut first = None;
    for block in blocks.into_iter().rev() {
        first = Some(block.lend_before(first));
    }
    let (first, pages) = (first?, list.pages() as isize);
    let lent = Lent {
        first,
        pages,
        pools,
    };
    Some((lent, list))
}

/// Blocks that went into a call, by the first of them. Dropped before the call's answer is known, they are not used again.
#[must_use = "a block that went into a call is lost unless the call's end is settled"]
pub(crate) struct Lent {
    first: u32,
    /// Pages of all of them.
    pages: isize,
    pools: &'static Pools,
}

impl Lent {
    /// Settles the end of the call for its caller: the blocks are the process's again, or they stay in flight until a late
    /// completion brings them back to the pool.
    pub(crate) fn settle_all(self, returned: bool) -> Blocks {
        let mut blocks = Blocks::new();
        if !returned {
            // They may have come back by now, and be in another call.
            self.pools.note_in_flight(self.pages);
            return blocks;
        }
        let mut next = Some(self.first);
        while let Some(index) = next {
            let page = self.pools.lent(index);
            next = page.next.block();
            // No more than went into the call.
            let _ = blocks.push(self.pools.own(index, page.order));
        }
        blocks
    }

    /// As [`Lent::settle_all`], of a call that was given one block.
    pub(crate) fn settle(self, returned: bool) -> Option<Block> {
        self.settle_all(returned).pop()
    }

    /// How a read of at most `length` bytes has ended, and its block where that is safe to use again.
    pub(crate) fn read_done(self, answer: Answer, length: usize) -> (Status, Option<Block>) {
        let read = answer.result[0] as usize;
        match (answer.status, self.settle(answer.block_returned)) {
            (Status::Done, Some(mut block)) if read <= length => {
                block.length = read;
                (Status::Done, Some(block))
            }
            (Status::Done, block) => (Status::Malformed, block),
            failed => failed,
        }
    }
}
