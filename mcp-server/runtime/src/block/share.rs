//! The state of one pool: its free blocks, and how much of the process's memory it has.

use super::free::FreeBlocks;
use super::pages::{Chain, PageTable};
use super::pool::PoolNumber;

/// What a pool has. A page belongs to one pool; it is free there, or out: as a block, in a call, or in flight.
pub(super) struct Share {
    free: FreeBlocks,
    /// Pages that belong to the pool.
    owned: usize,
    /// So many of those that are out go to the common pool when they come back. Where there are any, no page is free.
    owed: usize,
    /// There is a [`Pool`](super::Pool) of this number. One that was dropped keeps its number as long as pages of it are out.
    in_use: bool,
}

impl Share {
    /// A pool without pages, which is not in use.
    pub(super) const fn none(pool: PoolNumber) -> Share {
        Share {
            free: FreeBlocks::none(pool),
            owned: 0,
            owed: 0,
            in_use: false,
        }
    }

    /// Its free blocks. One that is taken is out, and comes back by [`Share::give_back`].
    #[inline]
    pub(super) fn free(&mut self) -> &mut FreeBlocks {
        &mut self.free
    }

    /// Pages that it is to have, when all that it owes have come back.
    pub(super) fn pages(&self) -> usize {
        self.owned - self.owed
    }

    /// Pages that it owes to the common pool.
    pub(super) fn owed(&self) -> usize {
        self.owed
    }

    /// Takes the number of a pool that is not in use. Tells whether it was one.
    pub(super) fn begin(&mut self) -> bool {
        let is_vacant = !self.in_use && self.owned == 0;
        self.in_use |= is_vacant;
        is_vacant
    }

    /// The pool is not used any more; those of its pages that are free.
    pub(super) fn end(&mut self, table: &PageTable) -> Chain {
        self.in_use = false;
        self.shrink(table, self.pages())
    }

    /// Pages come to be the pool's.
    pub(super) fn receive(&mut self, table: &PageTable, pages: Chain) {
        self.owned += pages.count();
        self.free.put(table, pages);
    }

    /// A block that is out has come back, and is free: unless the pool owes pages, and has to [pay](Share::pay). Tells whether it is free.
    #[inline]
    pub(super) fn give_back(&mut self, table: &PageTable, block: u32, order: u32) -> bool {
        let is_free = self.owed == 0;
        if is_free {
            self.free.push(table, block, order);
        }
        is_free
    }

    /// A block that is out has come back to a pool that owes pages. Gives those that go to the common pool; the others are free.
    pub(super) fn pay(&mut self, table: &PageTable, block: u32, order: u32) -> Chain {
        let mut paid = Chain::new();
        for page in block..block + (1 << order) {
            if paid.count() < self.owed {
                paid.push(table, page);
            } else {
                self.free.push(table, page, 0);
            }
        }
        self.owed -= paid.count();
        self.owned -= paid.count();
        paid
    }

    /// Owes up to so many pages less, because it grows. Tells how many.
    pub(super) fn keep(&mut self, pages: usize) -> usize {
        let kept = pages.min(self.owed);
        self.owed -= kept;
        kept
    }

    /// Has the pool have up to so many pages less: gives those of them that are free, and owes the others.
    pub(super) fn shrink(&mut self, table: &PageTable, pages: usize) -> Chain {
        let leave = pages.min(self.pages());
        let now = leave.min(self.free.count());
        self.owned -= now;
        self.owed += leave - now;
        self.free.take(table, now)
    }
}
