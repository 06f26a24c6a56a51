//! Blocks: data whose ownership moves.
//!
//! A block is named by one value: a [`Block`], which the process owns and can read; a [`Lent`], which went into a call
//! and has no access to the bytes; or it is free, or in flight.
#![deny(unsafe_code)]

use alloc::vec::Vec;
use core::fmt;
use core::mem;
use core::sync::atomic::{AtomicBool, AtomicIsize, Ordering};

use atoll_abi::syscall::Status;
use atoll_call::Answer;

use crate::monitor::Monitor;
use crate::window::PoolMemory;

/// The process's pool of blocks.
pub(crate) struct BlockPool {
    memory: PoolMemory,
    free: Monitor<Vec<u32>>,
    /// No block is free yet, because devices may still write what an earlier life of the process had lent.
    held_back: AtomicBool,
    /// Blocks in flight: those of calls that ended for their caller without the block. Signed, because a late completion may
    /// bring a block back before the caller has settled its end of the call.
    in_flight: AtomicIsize,
}

impl BlockPool {
    /// A pool without free blocks: see [`BlockPool::release`].
    pub(crate) fn held_back(memory: PoolMemory) -> BlockPool {
        BlockPool {
            free: Monitor::new(Vec::with_capacity(memory.blocks() as usize)),
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

    /// Blocks of calls that ended early, which have not come back.
    pub(crate) fn in_flight(&self) -> usize {
        usize::try_from(self.in_flight.load(Ordering::Relaxed)).unwrap_or(0)
    }

    /// Takes a block back of a call that had ended early. The client end of the channel tells of each such block once, and
    /// the call's [`Lent`] never becomes a [`Block`] again, so no value names the block.
    pub(crate) fn take_back(&self, index: u32) {
        debug_assert!(index < self.memory.blocks());
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        self.free.with_notify_one(|free| free.push(index));
    }

    /// A free block; waits until there is one.
    pub(crate) fn acquire(&'static self) -> Block {
        self.own(self.free.wait_for(Vec::pop))
    }

    /// A free block, or `None` where there is none.
    pub(crate) fn try_acquire(&'static self) -> Option<Block> {
        self.free.with(Vec::pop).map(|index| self.own(index))
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
/// block that is dropped goes back to its pool.
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

    /// Has the block go into a call.
    pub(crate) fn lend(self) -> Lent {
        let lent = Lent {
            index: self.index,
            pool: self.pool,
        };
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

/// A block that went into a call. Dropped before the call's answer is known, the block is not used again.
#[must_use = "a block that went into a call is lost unless the call's end is settled"]
pub(crate) struct Lent {
    index: u32,
    pool: &'static BlockPool,
}

impl Lent {
    pub(crate) fn index(&self) -> u32 {
        self.index
    }

    /// Settles the end of the call for its caller: the block is the process's again, or it stays in flight until a late
    /// completion brings it back to the pool.
    pub(crate) fn settle(self, returned: bool) -> Option<Block> {
        if returned {
            return Some(self.pool.own(self.index));
        }
        self.pool.in_flight.fetch_add(1, Ordering::Relaxed);
        None
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
