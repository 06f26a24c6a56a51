//! Blocks: data whose ownership moves.
#![deny(unsafe_code)]

use alloc::vec::Vec;
use core::fmt;

use crate::monitor::Monitor;
use crate::runtime::Runtime;
use crate::window::PoolMemory;

/// The process's pool of blocks.
pub(crate) struct BlockPool {
    memory: PoolMemory,
    free: Monitor<Vec<u32>>,
}

impl BlockPool {
    pub(crate) fn new(memory: PoolMemory) -> BlockPool {
        let free = (0..memory.blocks()).rev().collect();
        BlockPool {
            memory,
            free: Monitor::new(free),
        }
    }

    /// Blocks that nobody owns.
    pub(crate) fn free(&self) -> usize {
        self.free.look(|free| free.len())
    }

    fn own(&'static self, index: u32) -> Block {
        Block {
            index,
            length: 0,
            pool: self,
        }
    }
}

/// A block of the process's pool, owned by whoever holds the value.
///
/// A syscall that is given a block takes the value: until its completion nobody can name the block. A block that is
/// dropped goes back to its pool.
pub struct Block {
    index: u32,
    length: usize,
    pool: &'static BlockPool,
}

impl Block {
    /// A block of the pool. Waits until there is one.
    ///
    /// # Panics
    /// Where the caller is not a uthread.
    pub fn acquire() -> Block {
        let pool = &Runtime::current().pool;
        pool.own(pool.free.wait_for(Vec::pop))
    }

    /// A block of the pool, or `None` where all are owned.
    ///
    /// # Panics
    /// Where the caller runs on no vcore.
    pub fn try_acquire() -> Option<Block> {
        let pool = &Runtime::current().pool;
        pool.free.look(Vec::pop).map(|index| pool.own(index))
    }

    /// What the last read put there.
    pub fn bytes(&self) -> &[u8] {
        self.pool.memory.bytes(self.index, self.length)
    }

    pub(crate) fn index(&self) -> u32 {
        self.index
    }

    pub(crate) fn set_length(&mut self, length: usize) {
        self.length = length;
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        let index = self.index;
        self.pool.free.change_for_one(|free| free.push(index));
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
