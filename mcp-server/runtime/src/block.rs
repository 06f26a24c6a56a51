//! Blocks: data whose ownership moves.
//!
//! A block is named by one value: a [`Block`], which the process owns, can read and can write; a [`Lent`], which went into a
//! call, alone or with others, and has no access to the bytes; or it is free, or in flight.
#![deny(unsafe_code)]

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::mem;
use core::sync::atomic::{AtomicBool, AtomicIsize, AtomicU32, Ordering};

use atoll_abi::block::{BLOCK_SIZE, BlockList, MAX_CALL_BLOCKS};
use atoll_abi::syscall::{NO_BLOCK, Status};
use atoll_call::Answer;

use crate::monitor::Monitor;
use crate::window::PoolMemory;

/// The process's pool of blocks.
pub(crate) struct BlockPool {
    memory: PoolMemory,
    free: Monitor<Vec<u32>>,
    /// No block is free yet, because devices may still write what an earlier life of the process had lent.
    held_back: AtomicBool,
    /// For each block that went into a call with others, the next one of them; [`NO_BLOCK`] behind the last. Calls and their ends
    /// are made under the locks of channels, by which what is written here is seen by the one who takes the blocks back.
    next: Box<[AtomicU32]>,
    /// Blocks in flight: those of calls that ended for their caller without the block. Signed, because a late completion may
    /// bring a block back before the caller has settled its end of the call.
    in_flight: AtomicIsize,
}

impl BlockPool {
    /// A pool without free blocks: see [`BlockPool::release`].
    pub(crate) fn held_back(memory: PoolMemory) -> BlockPool {
        BlockPool {
            free: Monitor::new(Vec::with_capacity(memory.blocks() as usize)),
            next: (0..memory.blocks())
                .map(|_| AtomicU32::new(NO_BLOCK))
                .collect(),
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

    /// Free blocks.
    pub(crate) fn free(&self) -> usize {
        self.free.with(|free| free.len())
    }

    /// Tells which blocks are free; `false` where that is being changed just now.
    #[cfg(feature = "simulated")]
    pub(crate) fn show_free(&self, show: impl FnOnce(&[u32])) -> bool {
        self.free.try_with(|free| show(free)).is_some()
    }

    /// Blocks of calls that ended early, which have not come back.
    pub(crate) fn in_flight(&self) -> usize {
        usize::try_from(self.in_flight.load(Ordering::Relaxed)).unwrap_or(0)
    }

    /// Takes the blocks back of a call that had ended early, by the first of them. The client end of the channel tells of each
    /// such call once, and the call's [`Lent`] never becomes a [`Block`] again, so no value names the blocks.
    pub(crate) fn take_back(&self, first: u32) {
        let mut next = Some(first);
        while let Some(index) = next {
            next = self.behind(index);
            self.in_flight.fetch_sub(1, Ordering::Relaxed);
            self.free.with_notify_one(|free| free.push(index));
        }
    }

    /// The block that went into a call behind another one.
    fn behind(&self, index: u32) -> Option<u32> {
        let next = self.next.get(index as usize)?.load(Ordering::Relaxed);
        (next != NO_BLOCK).then_some(next)
    }

    /// A free block; waits until there is one.
    pub(crate) fn acquire(&'static self) -> Block {
        self.own(self.free.wait_for(Vec::pop))
    }

    /// A free block, or `None` where there is none.
    pub(crate) fn try_acquire(&'static self) -> Option<Block> {
        self.free.with(Vec::pop).map(|index| self.own(index))
    }

    fn set_next(&self, index: u32, next: u32) {
        if let Some(place) = self.next.get(index as usize) {
            place.store(next, Ordering::Relaxed);
        }
    }

    fn own(&'static self, index: u32) -> Block {
        Block {
            index,
            length: 0,
            pool: self,
        }
    }
}

/// A block of the process's pool, owned by the one who holds the value.
///
/// A syscall that is given a block takes the value: until its completion nothing in the process can name the block. A
/// block that is dropped goes back to its pool. What a block holds that was just taken from the pool is not known.
pub struct Block {
    index: u32,
    length: usize,
    pool: &'static BlockPool,
}

impl Block {
    /// What the last read put there.
    pub fn bytes(&self) -> &[u8] {
        self.pool.memory.bytes(self.index, self.length)
    }

    /// The whole block, to be written: [`BLOCK_SIZE`] bytes.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        self.length = BLOCK_SIZE;
        self.pool.memory.bytes_mut(self.index)
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

    /// Has the block go into a call.
    pub(crate) fn lend(self) -> Lent {
        let lent = Lent {
            first: self.index,
            count: 1,
            pool: self.pool,
        };
        self.pool.set_next(self.index, NO_BLOCK);
        // It must not go to the pool with the value.
        mem::forget(self);
        lent
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        let index = self.index;
        self.pool.free.with_notify_one(|free| free.push(index));
    }
}

impl fmt::Debug for Block {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Block")
            .field("index", &self.index)
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
}

/// Blocks that a call may be given together, in the order of the data. Dropped, they go back to their pool.
pub type Blocks = heapless::Vec<Block, MAX_CALL_BLOCKS>;

/// Has blocks go into a call together, and gives them as the call carries them; `None` where there are none.
pub(crate) fn lend_all(blocks: Blocks) -> Option<(Lent, BlockList)> {
    let indexes: heapless::Vec<u32, MAX_CALL_BLOCKS> = blocks.iter().map(|it| it.index).collect();
    let list = BlockList::of(&indexes)?;
    let mut lent: Option<Lent> = None;
    for block in blocks.into_iter().rev() {
        let mut own = block.lend();
        // The ones behind it are named by this one from now on.
        if let Some(behind) = lent {
            own.pool.set_next(own.first, behind.first);
            own.count += behind.count;
        }
        lent = Some(own);
    }
    lent.map(|lent| (lent, list))
}

/// Blocks that went into a call, by the first of them. Dropped before the call's answer is known, they are not used again.
#[must_use = "a block that went into a call is lost unless the call's end is settled"]
pub(crate) struct Lent {
    first: u32,
    count: u32,
    pool: &'static BlockPool,
}

impl Lent {
    pub(crate) fn index(&self) -> u32 {
        self.first
    }

    /// Settles the end of the call for its caller: the blocks are the process's again, or they stay in flight until a late
    /// completion brings them back to the pool.
    pub(crate) fn settle_all(self, returned: bool) -> Blocks {
        let mut blocks = Blocks::new();
        if !returned {
            // They may have come back by now, and be in another call.
            let count = isize::try_from(self.count).unwrap_or(0);
            self.pool.in_flight.fetch_add(count, Ordering::Relaxed);
            return blocks;
        }
        let mut next = Some(self.first);
        while let Some(index) = next {
            next = self.pool.behind(index);
            // No more than went into the call.
            let _ = blocks.push(self.pool.own(index));
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
