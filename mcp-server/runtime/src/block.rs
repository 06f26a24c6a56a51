//! Blocks: data whose ownership moves.
#![deny(unsafe_code)]

use alloc::vec::Vec;
use core::fmt;
use core::mem;
use core::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use crate::monitor::Monitor;
use crate::runtime::Runtime;
use crate::window::PoolMemory;

/// The process has it, free or not.
const HERE: u8 = 0;
/// With a call that has no completion yet.
const LENT: u8 = 1;
/// Its call has ended early; a device or another cluster may still write it.
const AWAY: u8 = 2;
/// It has come back from a call of which the completion has not been taken yet.
const BACK: u8 = 3;

/// The process's pool of blocks.
pub(crate) struct BlockPool {
    memory: PoolMemory,
    free: Monitor<Vec<u32>>,
    /// Where each block is.
    places: Vec<AtomicU8>,
    away: AtomicUsize,
}

impl BlockPool {
    pub(crate) fn new(memory: PoolMemory) -> BlockPool {
        let memory_blocks = memory.blocks();
        let free = (0..memory_blocks).rev().collect();
        BlockPool {
            memory,
            free: Monitor::new(free),
            places: (0..memory_blocks).map(|_| AtomicU8::new(HERE)).collect(),
            away: AtomicUsize::new(0),
        }
    }

    /// Blocks that nobody owns.
    pub(crate) fn free(&self) -> usize {
        self.free.look(|free| free.len())
    }

    /// Blocks of calls that ended early, which have not come back.
    pub(crate) fn away(&self) -> usize {
        self.away.load(Ordering::Relaxed)
    }

    /// Takes a block back of a call that ended early. Tells whether there is such a block away.
    pub(crate) fn take_back(&self, index: u32) -> bool {
        let Some(place) = self.places.get(index as usize) else {
            return false;
        };
        let before = place.fetch_update(Ordering::AcqRel, Ordering::Acquire, |place| match place {
            AWAY => Some(HERE),
            // The completion that ends its call may come from another vcore's ring, and be seen later.
            LENT => Some(BACK),
            _ => None,
        });
        if before == Ok(AWAY) {
            self.away.fetch_sub(1, Ordering::Relaxed);
            self.free.change_for_one(|free| free.push(index));
        }
        before.is_ok()
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
    /// A block of the pool. Waits until there is one: for ever, where all that others had are away and the server is gone.
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

    fn place(&self) -> &AtomicU8 {
        &self.pool.places[self.index as usize]
    }

    /// Notes that the block goes into a call.
    pub(crate) fn lend(&self) {
        self.place().store(LENT, Ordering::Release);
    }

    /// Deals with the block of a call that has ended: it is the process's again, or it stays away until it comes back to
    /// the pool by itself.
    pub(crate) fn settle(self, returned: bool) -> Option<Block> {
        if returned {
            self.place().store(HERE, Ordering::Release);
            return Some(self);
        }
        let pool = self.pool;
        let index = self.index;
        // It must not go to the pool with the value.
        mem::forget(self);
        let place = &pool.places[index as usize];
        pool.away.fetch_add(1, Ordering::Relaxed);
        if place.swap(AWAY, Ordering::SeqCst) == BACK {
            pool.take_back(index);
        }
        None
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
