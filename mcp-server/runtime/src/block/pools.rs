//! All blocks of a process, and the pools that they are divided into.

use core::array;
use core::sync::atomic::{AtomicBool, AtomicIsize, Ordering};

use super::Block;
use super::pages::{Chain, Link, Page, PageTable};
use super::pool::{MAX_POOLS, PoolError, PoolNumber};
use super::share::Share;
use crate::monitor::Monitor;
use crate::window::PoolMemory;

/// The blocks of a process and its pools.
///
/// Each pool has a lock. Nobody has two of them: pages that go from one pool to another one are in neither on their way.
pub(crate) struct Pools {
    memory: PoolMemory,
    pages: PageTable,
    shares: [Monitor<Share>; MAX_POOLS],
    /// No block is free yet, because devices may still write what an earlier life of the process had lent. Changes under the lock of the
    /// common pool.
    held_back: AtomicBool,
    /// Pages in flight: those of calls that ended for their caller without the block. Signed, because a late completion may
    /// bring a block back before the caller has settled its end of the call.
    in_flight: AtomicIsize,
}

impl Pools {
    /// Pools without free blocks: see [`Pools::release`].
    pub(crate) fn held_back(memory: PoolMemory) -> Pools {
        let number = |place| PoolNumber::from_bits(place as u32);
        Pools {
            shares: array::from_fn(|place| Monitor::new(Share::none(number(place)))),
            pages: PageTable::new(memory.blocks()),
            memory,
            held_back: AtomicBool::new(true),
            in_flight: AtomicIsize::new(0),
        }
    }

    /// Whether the blocks have still to be [released](Pools::release).
    #[inline]
    pub(crate) fn is_held_back(&self) -> bool {
        self.held_back.load(Ordering::Relaxed)
    }

    /// Makes all blocks free, once, in the common pool. No service or device has any, or writes to one.
    pub(crate) fn release(&self) {
        self.of(PoolNumber::COMMON).with_notify(|common| {
            if self.held_back.swap(false, Ordering::Relaxed) {
                let mut all = Chain::new();
                (0..self.memory.blocks()).for_each(|page| all.push(&self.pages, page));
                common.receive(&self.pages, all);
            }
        });
    }

    /// The memory of the blocks.
    #[inline]
    pub(super) fn memory(&self) -> &PoolMemory {
        &self.memory
    }

    #[inline]
    fn of(&self, pool: PoolNumber) -> &Monitor<Share> {
        &self.shares[pool.place()]
    }

    /// Works on the state of a pool, in a way that serves nobody who waits.
    pub(super) fn share<R>(&self, pool: PoolNumber, work: impl FnOnce(&mut Share) -> R) -> R {
        self.of(pool).with(work)
    }

    /// Pages of the free blocks of the common pool.
    pub(crate) fn free(&self) -> usize {
        self.share(PoolNumber::COMMON, |share| share.free().count())
    }

    /// Tells which blocks of order 0 are free, of all pools; `false` where that is being changed just now.
    #[cfg(feature = "simulated")]
    pub(crate) fn show_free(&self, show: impl FnOnce(&[u32])) -> bool {
        let mut free = alloc::vec::Vec::new();
        let shown = self.shares.iter().all(|share| {
            let look = |share: &mut Share| {
                let list = |page| free.push(page);
                share.free().each(&self.pages, 0, list);
            };
            share.try_with(look).is_some()
        });
        if shown {
            show(&free);
        }
        shown
    }

    /// Tells each free block of a pool, with its order.
    #[cfg(test)]
    pub(super) fn each_free(&self, pool: PoolNumber, mut each: impl FnMut(u32, u32)) {
        let orders = 0..=atoll_abi::block::MAX_ORDER;
        self.share(pool, |share| {
            for order in orders {
                let free = share.free();
                free.each(&self.pages, order, |block| each(block, order));
            }
        });
    }

    /// Pages of calls that ended early, which have not come back.
    pub(crate) fn in_flight(&self) -> usize {
        usize::try_from(self.in_flight.load(Ordering::Relaxed)).unwrap_or(0)
    }

    /// So many pages stay with a call that has ended for its caller.
    pub(super) fn note_in_flight(&self, pages: isize) {
        self.in_flight.fetch_add(pages, Ordering::Relaxed);
    }

    /// Takes the blocks back of a call that had ended early, by the first of them. The client end of the channel tells of each
    /// such call once, and the call's [`Lent`](super::Lent) never becomes a [`Block`] again, so no value names the blocks.
    pub(crate) fn take_back(&self, first: u32) {
        let mut next = Some(first);
        while let Some(index) = next {
            let page = self.pages.get(index);
            next = page.next.block();
            self.note_in_flight(-(1 << page.order));
            self.give_back(index, page.order);
        }
    }

    /// A block comes back to its pool. That cannot change meanwhile: the pool of a block that is out is changed by nobody else.
    #[inline]
    pub(super) fn give_back(&self, index: u32, order: u32) {
        let pool = self.pages.get(index).pool;
        let pages = &self.pages;
        let give_back = move |share: &mut Share| share.give_back(pages, index, 0);
        if order > 0 || !self.of(pool).with_notify_one(give_back) {
            self.give_back_slowly(pool, index, order);
        }
    }

    /// A block comes back that serves more than one who waits, or whose pool owes pages.
    #[cold]
    fn give_back_slowly(&self, pool: PoolNumber, index: u32, order: u32) {
        let owed = self.of(pool).with_notify(|share| {
            let is_free = share.give_back(&self.pages, index, order);
            match is_free {
                true => Chain::new(),
                false => share.pay(&self.pages, index, order),
            }
        });
        self.move_to(PoolNumber::COMMON, owed);
    }

    #[cold]
    fn move_to(&self, pool: PoolNumber, pages: Chain) {
        if pages.count() > 0 {
            self.of(pool)
                .with_notify(|share| share.receive(&self.pages, pages));
        }
    }

    /// A pool that was not in use, which has so many pages of the common one.
    pub(super) fn begin(&self, pages: usize) -> Result<PoolNumber, PoolError> {
        let taken = self.of(PoolNumber::COMMON).wait_for(|common| {
            if self.is_held_back() {
                return None;
            }
            let free = common.free().count();
            Some(match pages > free {
                true => Err(PoolError::Pages { free }),
                false => Ok(common.shrink(&self.pages, pages)),
            })
        })?;
        let mut others = (1..MAX_POOLS as u32).map(PoolNumber::from_bits);
        let vacant = others.find(|pool| self.share(*pool, Share::begin));
        self.move_to(vacant.unwrap_or(PoolNumber::COMMON), taken);
        vacant.ok_or(PoolError::Pools)
    }

    /// Has a pool grow by so many pages, or fewer. Tells how many.
    pub(super) fn grow(&self, pool: PoolNumber, pages: usize) -> usize {
        let kept = self.share(pool, |share| share.keep(pages));
        let taken = self.share(PoolNumber::COMMON, |common| {
            let free = common.free().count();
            common.shrink(&self.pages, free.min(pages - kept))
        });
        let grown = kept + taken.count();
        self.move_to(pool, taken);
        grown
    }

    /// Has a pool shrink by so many pages. Tells how many are the common pool's now.
    pub(super) fn shrink(&self, pool: PoolNumber, pages: usize) -> usize {
        let free = self.share(pool, |share| share.shrink(&self.pages, pages));
        let moved = free.count();
        self.move_to(PoolNumber::COMMON, free);
        moved
    }

    /// A pool is not used any more.
    pub(super) fn end(&self, pool: PoolNumber) {
        let free = self.share(pool, |share| share.end(&self.pages));
        self.move_to(PoolNumber::COMMON, free);
    }

    /// A free block of a pool; waits until there is one.
    #[inline]
    pub(super) fn acquire(&'static self, pool: PoolNumber) -> Block {
        let found = self.try_acquire(pool);
        found.unwrap_or_else(|| self.wait_for_block(pool))
    }

    /// Apart, because most do not wait.
    #[cold]
    fn wait_for_block(&'static self, pool: PoolNumber) -> Block {
        let share = self.of(pool);
        let index = share.wait_for(|share| share.free().pop(&self.pages));
        self.own(index, 0)
    }

    /// A free block of a pool, or `None` where there is none.
    #[inline]
    pub(super) fn try_acquire(&'static self, pool: PoolNumber) -> Option<Block> {
        let index = self.share(pool, |share| share.free().pop(&self.pages));
        index.map(|index| self.own(index, 0))
    }

    /// A block of an order, or `None` where there are not as many free pages one behind another.
    pub(super) fn try_acquire_large(&'static self, pool: PoolNumber, order: u32) -> Option<Block> {
        let index = self.share(pool, |share| share.free().pop_of(&self.pages, order));
        index.map(|index| self.own(index, order))
    }

    /// What is known of a block that is in a call.
    pub(super) fn lent(&self, index: u32) -> Page {
        self.pages.get(index)
    }

    /// Notes what there is to know of a block that goes into a call: its order, and the one behind it.
    pub(super) fn lend(&self, index: u32, order: u32, next: Option<u32>) {
        self.pages.change(index, |page| {
            page.order = order;
            page.next = next.map_or(Link::NONE, Link::to);
        });
    }

    pub(super) fn own(&'static self, index: u32, order: u32) -> Block {
        Block {
            index,
            order,
            length: 0,
            pools: self,
        }
    }
}
