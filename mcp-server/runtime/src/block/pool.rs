//! A pool: what a part of a program has of the process's blocks for itself.

use core::fmt;

use super::Block;
use super::pools::Pools;
use crate::runtime::Runtime;

/// Pools that a process may have at a time, the common one among them.
pub const MAX_POOLS: usize = 16;

/// Which pool of the process it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PoolNumber(u8);

impl PoolNumber {
    /// The pool that the process begins with.
    pub(super) const COMMON: PoolNumber = PoolNumber(0);

    /// The number of the lowest bits.
    #[inline]
    pub(super) const fn from_bits(bits: u32) -> PoolNumber {
        PoolNumber(bits as u8 % MAX_POOLS as u8)
    }

    #[inline]
    pub(super) const fn bits(self) -> u32 {
        self.0 as u32
    }

    /// Its place among all pools.
    #[inline]
    pub(super) const fn place(self) -> usize {
        self.0 as usize % MAX_POOLS
    }
}

/// Blocks of the process that a part of a program has for itself, so that no other part can take them all.
///
/// The memory of all blocks is one piece, which the plan fixes; devices reach it, and it does not move. A process begins with one pool of
/// all of it, the *common* one, from which [`Block::acquire`] takes. A `Pool` takes pages from it, and can grow and shrink while the
/// program runs. A block goes back to the pool that it was taken from, also where its call had ended early and it comes late. One call
/// may have blocks of several pools.
///
/// Where blocks are out while their pool shrinks or is dropped, the pool *owes* their pages: whichever come back first go to the common pool.
///
/// ```no_run
/// use atoll_runtime::{Block, Pool, PoolError, open};
///
/// fn receive() -> Result<(), PoolError> {
///     let receiving = Pool::new(8)?;
///     // However many blocks others have, up to eight are there for this.
///     let file = open("input").wait().expect("it is there");
///     let block = file.read(0, 4096, receiving.acquire()).wait();
///     drop(block);
///     // From now on there are four more of them for everybody.
///     receiving.shrink(4);
///     Ok(())
/// }
/// ```
pub struct Pool(Source);

impl Pool {
    /// A pool of so many pages, which it takes from the common one: one behind another, where there are as many. It may have none, to
    /// [grow](Pool::grow) later. Waits where no block is free yet because services may still write what an earlier life of the
    /// process had lent, and for nothing else.
    ///
    /// # Errors
    /// [`PoolError::Pages`], [`PoolError::Pools`].
    ///
    /// # Panics
    /// Where the caller runs on no vcore, or has to wait and is not a uthread.
    pub fn new(pages: usize) -> Result<Pool, PoolError> {
        Pool::of(Runtime::current().pools(), pages)
    }

    pub(super) fn of(pools: &'static Pools, pages: usize) -> Result<Pool, PoolError> {
        let number = pools.begin(pages)?;
        Ok(Pool(Source { pools, number }))
    }

    /// A block of the pool. Waits until there is one: for ever, where the pool has no pages and does not grow, or all that are not owned
    /// stay in flight because their service broke the protocol.
    ///
    /// # Panics
    /// Where it has to wait and the caller is not a uthread.
    pub fn acquire(&self) -> Block {
        self.0.acquire()
    }

    /// A block of the pool, or `None` where none is free.
    pub fn try_acquire(&self) -> Option<Block> {
        self.0.try_acquire()
    }

    /// A block of an order, as [`Block::try_acquire_large`], of the pages of this pool.
    pub fn try_acquire_large(&self, order: u32) -> Option<Block> {
        self.0.try_acquire_large(order)
    }

    /// Pages that it has: those that are free, and those that are out and that it does not [owe](Pool::owed).
    pub fn pages(&self) -> usize {
        self.0.pools.share(self.0.number, |share| share.pages())
    }

    /// Pages of its free blocks.
    pub fn free(&self) -> usize {
        self.0.free()
    }

    /// Pages that it has shrunk by, and that have not come back yet: each goes to the common pool when it does.
    pub fn owed(&self) -> usize {
        self.0.pools.share(self.0.number, |share| share.owed())
    }

    /// Has the pool have more pages: first those that it [owes](Pool::owed), then as many as are free in the common pool, one behind
    /// another where there are as many. Tells how many more it has now, which may be fewer than were wanted, or none. Waits for
    /// nothing.
    #[must_use = "it may have grown by fewer pages"]
    pub fn grow(&self, pages: usize) -> usize {
        self.0.pools.grow(self.0.number, pages)
    }

    /// Has the pool have so many pages less, or none where it has fewer. Those of its pages that are free go to the common pool at once: tells
    /// how many. Others it [owes](Pool::owed), and none of its blocks is free until they have come back. Waits for nothing.
    pub fn shrink(&self, pages: usize) -> usize {
        self.0.pools.shrink(self.0.number, pages)
    }

    /// The pool, as something to take blocks from.
    pub(crate) fn source(&self) -> Source {
        self.0
    }
}

/// Its free pages go to the common pool at once, the others when they come back. Until then the pool counts as one of [`MAX_POOLS`].
impl Drop for Pool {
    fn drop(&mut self) {
        self.0.pools.end(self.0.number);
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Pool")
            .field("pages", &self.pages())
            .field("free", &self.free())
            .field("owed", &self.owed())
            .finish_non_exhaustive()
    }
}

/// A pool to take blocks from. Of one that has been dropped there are none.
#[derive(Clone, Copy)]
pub(crate) struct Source {
    pools: &'static Pools,
    number: PoolNumber,
}

impl Source {
    /// The common pool of the process.
    pub(crate) fn common() -> Source {
        Source::common_of(Runtime::current().pools())
    }

    pub(super) fn common_of(pools: &'static Pools) -> Source {
        Source {
            pools,
            number: PoolNumber::COMMON,
        }
    }

    pub(crate) fn is_common(self) -> bool {
        self.number == PoolNumber::COMMON
    }

    /// Pages of free blocks.
    pub(crate) fn free(self) -> usize {
        self.pools.share(self.number, |share| share.free().count())
    }

    /// Tells each free block, with its order.
    #[cfg(test)]
    pub(super) fn each_free(self, each: impl FnMut(u32, u32)) {
        self.pools.each_free(self.number, each);
    }

    /// A free block; waits until there is one.
    pub(crate) fn acquire(self) -> Block {
        self.pools.acquire(self.number)
    }

    /// A free block, or `None` where there is none.
    pub(crate) fn try_acquire(self) -> Option<Block> {
        self.pools.try_acquire(self.number)
    }

    /// A block of an order, or `None` where there are not as many free pages one behind another.
    pub(crate) fn try_acquire_large(self, order: u32) -> Option<Block> {
        self.pools.try_acquire_large(self.number, order)
    }
}

/// Why there is no new pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolError {
    /// Fewer pages are free in the common pool than the new one is to have.
    Pages {
        /// How many are free.
        free: usize,
    },
    /// The process has [`MAX_POOLS`], those counted that were dropped and of which blocks are still out.
    Pools,
}

/// The reason, a semicolon, and what to do.
impl fmt::Display for PoolError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PoolError::Pages { free } => write!(
                formatter,
                "the common pool has {free} free pages; give the new pool at most these, have another one shrink, or give the process more blocks"
            ),
            PoolError::Pools => write!(
                formatter,
                "the process has {MAX_POOLS} pools; drop one, and the blocks of those that were dropped"
            ),
        }
    }
}

impl core::error::Error for PoolError {}
