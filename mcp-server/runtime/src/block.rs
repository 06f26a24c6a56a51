//! Blocks: data whose ownership moves.
//!
//! A block is named by one value: a [`Block`], which the process owns, can read and can write; a [`Lent`], which went into a
//! call, alone or with others, and has no access to the bytes; or it is free, or in flight.
#![deny(unsafe_code)]

mod free;

use alloc::boxed::Box;
use core::fmt;
use core::mem;
use core::sync::atomic::{AtomicBool, AtomicIsize, AtomicU32, Ordering};

use atoll_abi::block::{BLOCK_SIZE, BlockList, MAX_CALL_BLOCKS};
use atoll_abi::syscall::Status;
use atoll_call::Answer;

use crate::monitor::Monitor;
use crate::window::PoolMemory;
use free::FreeBlocks;

/// The process's pool of blocks.
pub(crate) struct BlockPool {
    memory: PoolMemory,
    free: Monitor<FreeBlocks>,
    /// No block is free yet, because devices may still write what an earlier life of the process had lent.
    held_back: AtomicBool,
    /// For each block that went into a call, its order and the next one of the call. Calls and their ends are made under the locks
    /// of channels, by which what is written here is seen by the one who takes the blocks back.
    links: Box<[AtomicU32]>,
    /// Pages in flight: those of calls that ended for their caller without the block. Signed, because a late completion may
    /// bring a block back before the caller has settled its end of the call.
    in_flight: AtomicIsize,
}

impl BlockPool {
    /// A pool without free blocks: see [`BlockPool::release`].
    pub(crate) fn held_back(memory: PoolMemory) -> BlockPool {
        BlockPool {
            free: Monitor::new(FreeBlocks::none(memory.blocks() as usize)),
            links: (0..memory.blocks()).map(|_| AtomicU32::new(0)).collect(),
            memory,
            held_back: AtomicBool::new(true),
            in_flight: AtomicIsize::new(0),
        }
    }

    /// Whether the blocks have still to be [released](BlockPool::release).
    #[inline]
    pub(crate) fn is_held_back(&self) -> bool {
        self.held_back.load(Ordering::Relaxed)
    }

    /// Makes all blocks free, once. No service or device has any, or writes to one.
    pub(crate) fn release(&self) {
        if self.held_back.swap(false, Ordering::Relaxed) {
            let blocks = 0..self.memory.blocks();
            self.free.with_notify(|free| free.extend(blocks.rev()));
        }
    }

    /// Pages of free blocks.
    pub(crate) fn free(&self) -> usize {
        self.free.with(|free| free.count())
    }

    /// Tells which blocks of order 0 are free; `false` where that is being changed just now.
    #[cfg(feature = "simulated")]
    pub(crate) fn show_free(&self, show: impl FnOnce(&[u32])) -> bool {
        self.free.try_with(|free| show(free.pages())).is_some()
    }

    /// Pages of calls that ended early, which have not come back.
    pub(crate) fn in_flight(&self) -> usize {
        usize::try_from(self.in_flight.load(Ordering::Relaxed)).unwrap_or(0)
    }

    /// Takes the blocks back of a call that had ended early, by the first of them. The client end of the channel tells of each
    /// such call once, and the call's [`Lent`] never becomes a [`Block`] again, so no value names the blocks.
    pub(crate) fn take_back(&self, first: u32) {
        let mut next = Some(first);
        while let Some(index) = next {
            let link = self.link(index);
            next = link.next;
            self.in_flight.fetch_sub(1 << link.order, Ordering::Relaxed);
            self.give_back(index, link.order);
        }
    }

    fn give_back(&self, index: u32, order: u32) {
        match order {
            0 => self.free.with_notify_one(|free| free.push(index, order)),
            // It serves more than one that waits.
            _ => self.free.with_notify(|free| free.push(index, order)),
        }
    }

    /// What is known of a block that went into a call.
    fn link(&self, index: u32) -> Link {
        let link = self.links.get(index as usize);
        Link::from_raw(link.map_or(0, |link| link.load(Ordering::Relaxed)))
    }

    /// A free block; waits until there is one.
    pub(crate) fn acquire(&'static self) -> Block {
        self.own(self.free.wait_for(FreeBlocks::pop), 0)
    }

    /// A free block, or `None` where there is none.
    pub(crate) fn try_acquire(&'static self) -> Option<Block> {
        let index = self.free.with(FreeBlocks::pop);
        index.map(|index| self.own(index, 0))
    }

    /// A block of an order, or `None` where there are not as many free pages one behind another.
    pub(crate) fn try_acquire_large(&'static self, order: u32) -> Option<Block> {
        let index = self.free.with(|free| free.pop_of(order));
        index.map(|index| self.own(index, order))
    }

    fn set_link(&self, index: u32, link: Link) {
        if let Some(place) = self.links.get(index as usize) {
            place.store(link.to_raw(), Ordering::Relaxed);
        }
    }

    fn own(&'static self, index: u32, order: u32) -> Block {
        Block {
            index,
            order,
            length: 0,
            pool: self,
        }
    }
}

/// A block in a call: its order, and the block that went into the call behind it.
#[derive(Clone, Copy)]
struct Link {
    order: u32,
    next: Option<u32>,
}

impl Link {
    /// A pool has fewer blocks than these bits can name.
    const NEXT_BITS: u32 = 24;

    fn from_raw(raw: u32) -> Link {
        let next = raw & ((1 << Link::NEXT_BITS) - 1);
        Link {
            order: raw >> Link::NEXT_BITS,
            next: next.checked_sub(1),
        }
    }

    fn to_raw(self) -> u32 {
        let next = self.next.map_or(0, |next| next + 1);
        self.order << Link::NEXT_BITS | next
    }
}

const _: () = assert!(atoll_abi::layout::MAX_POOL_BLOCKS < 1 << Link::NEXT_BITS);

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
    pool: &'static BlockPool,
}

impl Block {
    /// What the last read put there.
    pub fn bytes(&self) -> &[u8] {
        let pages = 1 << self.order;
        self.pool.memory.bytes(self.index, pages, self.length)
    }

    /// The whole block, to be written.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        self.length = self.size();
        self.pool.memory.bytes_mut(self.index, 1 << self.order)
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
        let (pages, pool) = (1 << self.order, self.pool);
        let first = self.lend_before(None);
        Lent { first, pages, pool }
    }

    /// Has the block go into a call before another one of it; its first page.
    fn lend_before(self, next: Option<u32>) -> u32 {
        let (index, order) = (self.index, self.order);
        self.pool.set_link(index, Link { order, next });
        // It must not go to the pool with the value.
        mem::forget(self);
        index
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        self.pool.give_back(self.index, self.order);
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
    let &Block { order, pool, .. } = blocks.first()?;
    let list = BlockList::of_order(order, &indexes)?;
    if blocks.iter().any(|block| block.order != order) {
        return None;
    }
    let mut first = None;
    for block in blocks.into_iter().rev() {
        first = Some(block.lend_before(first));
    }
    let (first, pages) = (first?, list.pages() as isize);
    Some((Lent { first, pages, pool }, list))
}

/// Blocks that went into a call, by the first of them. Dropped before the call's answer is known, they are not used again.
#[must_use = "a block that went into a call is lost unless the call's end is settled"]
pub(crate) struct Lent {
    first: u32,
    /// Pages of all of them.
    pages: isize,
    pool: &'static BlockPool,
}

impl Lent {
    /// Settles the end of the call for its caller: the blocks are the process's again, or they stay in flight until a late
    /// completion brings them back to the pool.
    pub(crate) fn settle_all(self, returned: bool) -> Blocks {
        let mut blocks = Blocks::new();
        if !returned {
            // They may have come back by now, and be in another call.
            self.pool.in_flight.fetch_add(self.pages, Ordering::Relaxed);
            return blocks;
        }
        let mut next = Some(self.first);
        while let Some(index) = next {
            let link = self.pool.link(index);
            next = link.next;
            // No more than went into the call.
            let _ = blocks.push(self.pool.own(index, link.order));
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
