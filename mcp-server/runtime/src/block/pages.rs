//! What is known of each page: a word for each, so that lists of blocks take no memory of their own.

use alloc::boxed::Box;
use core::sync::atomic::{AtomicU32, Ordering};

use atoll_abi::block::MAX_ORDER;
use atoll_abi::layout::MAX_POOL_BLOCKS;

use super::pool::{MAX_POOLS, PoolNumber};

/// A word for each page of the process's blocks.
///
/// The words of blocks that are free change under the lock of their pool alone. Those of any other block are changed by the one who has
/// it: as a value, in a call, or on its way from one pool to another one. A block changes hands under a lock, that of a pool or
/// of a channel, or as a value, so the next one sees what the one before has written.
pub(super) struct PageTable(Box<[AtomicU32]>);

impl PageTable {
    /// That of so many pages, none of which is free.
    pub(super) fn new(pages: u32) -> PageTable {
        PageTable((0..pages).map(|_| AtomicU32::new(0)).collect())
    }

    /// How many there are.
    pub(super) fn count(&self) -> u32 {
        self.0.len() as u32
    }

    #[inline]
    pub(super) fn get(&self, page: u32) -> Page {
        let word = self.0.get(page as usize);
        Page::from_raw(word.map_or(0, |word| word.load(Ordering::Relaxed)))
    }

    #[inline]
    pub(super) fn set(&self, page: u32, to: Page) {
        if let Some(word) = self.0.get(page as usize) {
            word.store(to.to_raw(), Ordering::Relaxed);
        }
    }

    /// Changes what is known of a page. Gives what was known before.
    #[inline]
    pub(super) fn change(&self, page: u32, change: impl FnOnce(&mut Page)) -> Page {
        let Some(word) = self.0.get(page as usize) else {
            return Page::from_raw(0);
        };
        let before = Page::from_raw(word.load(Ordering::Relaxed));
        let mut after = before;
        change(&mut after);
        word.store(after.to_raw(), Ordering::Relaxed);
        before
    }
}

/// The next block of a list, or none: as it stands in a word.
#[derive(Clone, Copy)]
pub(super) struct Link(u32);

impl Link {
    pub(super) const NONE: Link = Link(0);

    #[inline]
    pub(super) fn to(block: u32) -> Link {
        Link(block + 1)
    }

    #[inline]
    pub(super) fn block(self) -> Option<u32> {
        self.0.checked_sub(1)
    }
}

/// What is known of a page; of a block, it is known of its first one.
#[derive(Clone, Copy)]
pub(super) struct Page {
    /// The pool to which its block goes back.
    pub(super) pool: PoolNumber,
    /// The order of the block that is free, or in a call, and begins here.
    pub(super) order: u32,
    /// A free block begins here.
    pub(super) is_free: bool,
    /// The block behind this one, in the list of free ones or in the call that has both.
    pub(super) next: Link,
}

impl Page {
    const NEXT_BITS: u32 = 20;
    const ORDER_BITS: u32 = 4;
    const POOL_BITS: u32 = 4;
    const ORDER: u32 = Page::NEXT_BITS;
    const POOL: u32 = Page::ORDER + Page::ORDER_BITS;
    const FREE: u32 = Page::POOL + Page::POOL_BITS;

    #[inline]
    fn from_raw(raw: u32) -> Page {
        Page {
            pool: PoolNumber::from_bits(raw >> Page::POOL),
            order: raw >> Page::ORDER & ((1 << Page::ORDER_BITS) - 1),
            is_free: raw >> Page::FREE != 0,
            next: Link(raw & ((1 << Page::NEXT_BITS) - 1)),
        }
    }

    #[inline]
    fn to_raw(self) -> u32 {
        let pool = self.pool.bits() << Page::POOL;
        u32::from(self.is_free) << Page::FREE | pool | self.order << Page::ORDER | self.next.0
    }
}

const _: () = {
    assert!(MAX_POOL_BLOCKS < 1 << Page::NEXT_BITS);
    assert!(MAX_ORDER < 1 << Page::ORDER_BITS);
    assert!(MAX_POOLS <= 1 << Page::POOL_BITS);
    assert!(Page::FREE < u32::BITS);
};

/// Pages that are in no pool, because they go from one to another one: each names the one behind it.
#[must_use = "pages that reach no pool are lost"]
pub(super) struct Chain {
    first: Link,
    count: usize,
}

impl Chain {
    /// None.
    pub(super) const fn new() -> Chain {
        Chain {
            first: Link::NONE,
            count: 0,
        }
    }

    /// Puts a page, which is no free block any more, before the others.
    pub(super) fn push(&mut self, table: &PageTable, page: u32) {
        let taken = Page {
            pool: PoolNumber::COMMON,
            order: 0,
            is_free: false,
            next: self.first,
        };
        table.set(page, taken);
        self.first = Link::to(page);
        self.count += 1;
    }

    /// Takes the page that was put last.
    pub(super) fn pop(&mut self, table: &PageTable) -> Option<u32> {
        let page = self.first.block()?;
        self.first = table.get(page).next;
        self.count -= 1;
        Some(page)
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.count
    }
}
