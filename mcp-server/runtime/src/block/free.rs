//! The blocks of a pool that are free.

use core::mem;
use core::ops::Range;

use atoll_abi::block::MAX_ORDER;

use super::pages::{Chain, Link, Page, PageTable};
use super::pool::PoolNumber;

const NO_LARGE: [Link; MAX_ORDER as usize] = [Link::NONE; MAX_ORDER as usize];

/// Free blocks of a pool. Those of order 0 are taken from the front of a list. A larger one that was given back stays what it is, for
/// the next one who wants its order; else it is put together from blocks of order 0 that are one behind another.
///
/// The lists go through the words of the pages, which also say what is free where: nothing is allocated.
pub(super) struct FreeBlocks {
    pool: PoolNumber,
    /// The first block of order 0.
    pages: Link,
    /// The first block of each order, from order 1 on.
    large: [Link; MAX_ORDER as usize],
    /// Pages of all of them.
    count: usize,
}

impl FreeBlocks {
    /// None of a pool.
    pub(super) const fn none(pool: PoolNumber) -> FreeBlocks {
        FreeBlocks {
            pool,
            pages: Link::NONE,
            large: NO_LARGE,
            count: 0,
        }
    }

    /// Pages of all free blocks.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Tells each free block of an order.
    #[cfg(any(test, feature = "simulated"))]
    pub(super) fn each(&self, table: &PageTable, order: u32, each: impl FnMut(u32)) {
        let first = match order.checked_sub(1) {
            None => self.pages,
            Some(place) => *self.large.get(place as usize).unwrap_or(&Link::NONE),
        };
        let next = |block: &u32| table.get(*block).next.block();
        let list = core::iter::successors(first.block(), next);
        list.for_each(each);
    }

    /// A block of an order is free.
    #[inline]
    pub(super) fn push(&mut self, table: &PageTable, block: u32, order: u32) {
        debug_assert!(!table.get(block).is_free, "{block} is free twice");
        let first = match order.checked_sub(1) {
            None => &mut self.pages,
            Some(place) => match self.large.get_mut(place as usize) {
                Some(first) => first,
                None => return,
            },
        };
        let free = Page {
            pool: self.pool,
            order,
            is_free: true,
            next: *first,
        };
        table.set(block, free);
        *first = Link::to(block);
        self.count += 1 << order;
    }

    /// These pages are free.
    pub(super) fn put(&mut self, table: &PageTable, mut pages: Chain) {
        while let Some(page) = pages.pop(table) {
            self.push(table, page, 0);
        }
    }

    /// Takes a block of order 0.
    #[inline]
    pub(super) fn pop(&mut self, table: &PageTable) -> Option<u32> {
        match self.pages.block() {
            Some(page) => {
                self.pages = self.taken(table, page, 0);
                Some(page)
            }
            None => self.pop_of_large(table),
        }
    }

    #[cold]
    fn pop_of_large(&mut self, table: &PageTable) -> Option<u32> {
        if self.count > 0 {
            self.take_apart(table);
        }
        let page = self.pages.block()?;
        self.pages = self.taken(table, page, 0);
        Some(page)
    }

    /// Notes that a block is free no more; the one behind it.
    #[inline]
    fn taken(&mut self, table: &PageTable, block: u32, order: u32) -> Link {
        self.count -= 1 << order;
        let before = table.change(block, |page| {
            page.is_free = false;
            page.next = Link::NONE;
        });
        before.next
    }

    /// Takes a block of an order.
    pub(super) fn pop_of(&mut self, table: &PageTable, order: u32) -> Option<u32> {
        let Some(place) = order.checked_sub(1) else {
            return self.pop(table);
        };
        if let Some(block) = self.large.get(place as usize)?.block() {
            let next = self.taken(table, block, order);
            *self.large.get_mut(place as usize)? = next;
            return Some(block);
        }
        if 1 << order > self.count {
            return None;
        }
        self.put_together(table, order).or_else(|| {
            self.take_apart(table);
            self.put_together(table, order)
        })
    }

    /// Makes all large blocks pages.
    fn take_apart(&mut self, table: &PageTable) {
        for (mut first, order) in mem::replace(&mut self.large, NO_LARGE).into_iter().zip(1..) {
            while let Some(block) = first.block() {
                first = self.taken(table, block, order);
                (block..block + (1 << order)).for_each(|page| self.push(table, page, 0));
            }
        }
        self.sort(table);
    }

    /// A block of pages that are one behind another.
    fn put_together(&mut self, table: &PageTable, order: u32) -> Option<u32> {
        let first = self.last_run(table, 1 << order)?;
        for page in first..first + (1 << order) {
            self.taken(table, page, 0);
        }
        self.sort(table);
        Some(first)
    }

    /// Takes so many pages, of those that are free: where it can, pages that are one behind another.
    pub(super) fn take(&mut self, table: &PageTable, count: usize) -> Chain {
        let mut taken = Chain::new();
        if count == 0 {
            return taken;
        }
        let run = self.last_run(table, count as u32).or_else(|| {
            self.take_apart(table);
            self.last_run(table, count as u32)
        });
        let pages = match run {
            Some(first) => first..first + count as u32,
            None => self.last(table, count as u32),
        };
        for page in pages {
            if self.has(table, page) {
                self.taken(table, page, 0);
                taken.push(table, page);
            }
        }
        self.sort(table);
        taken
    }

    /// Whether a page is free, as a block of order 0 of this pool.
    fn has(&self, table: &PageTable, page: u32) -> bool {
        let page = table.get(page);
        page.is_free && page.order == 0 && page.pool == self.pool
    }

    /// The first of so many pages that are one behind another: of the last ones, because single pages are taken from the front.
    fn last_run(&self, table: &PageTable, count: u32) -> Option<u32> {
        let mut run = 0;
        (0..table.count()).rev().find(|page| {
            run = match self.has(table, *page) {
                true => run + 1,
                false => 0,
            };
            run == count
        })
    }

    /// The shortest range that ends with the last page and in which so many free ones are.
    fn last(&self, table: &PageTable, count: u32) -> Range<u32> {
        let end = table.count();
        let mut pages = (0..end).rev().filter(|page| self.has(table, *page));
        pages.nth(count as usize - 1).unwrap_or(0)..end
    }

    /// Makes the list of pages anew, so that the first ones are taken first.
    fn sort(&mut self, table: &PageTable) {
        self.pages = Link::NONE;
        for page in (0..table.count()).rev() {
            if self.has(table, page) {
                table.change(page, |free| free.next = self.pages);
                self.pages = Link::to(page);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    fn free(pages: impl Iterator<Item = u32>) -> (FreeBlocks, PageTable) {
        let (mut free, table) = (FreeBlocks::none(PoolNumber::COMMON), PageTable::new(16));
        pages.for_each(|page| free.push(&table, page, 0));
        (free, table)
    }

    #[test]
    fn a_block_is_of_pages_one_behind_another() {
        let (mut free, table) = free((0..16).filter(|page| page % 5 != 4));
        assert_eq!(free.pop_of(&table, 3), None);
        assert_eq!(free.pop_of(&table, 2), Some(10));
        assert_eq!(free.pop_of(&table, 1), Some(7));
        assert_eq!(free.count(), 13 - 6);
        let rest: Vec<u32> = core::iter::from_fn(|| free.pop(&table)).collect();
        assert_eq!(rest, [0, 1, 2, 3, 5, 6, 15]);
    }

    #[test]
    fn what_was_given_back_is_put_together_and_taken_apart() {
        let (mut free, table) = free(0..8);
        let blocks = [0; 4].map(|_| free.pop_of(&table, 1).unwrap());
        assert_eq!((free.count(), free.pop(&table)), (0, None));
        assert_eq!(free.pop_of(&table, 1), None);
        for block in blocks {
            free.push(&table, block, 1);
        }
        assert_eq!(free.pop_of(&table, 3), Some(0));
        free.push(&table, 0, 3);
        let pages: Vec<u32> = core::iter::from_fn(|| free.pop(&table)).collect();
        assert_eq!((pages.len(), free.count()), (8, 0));
        assert_eq!(free.pop_of(&table, MAX_ORDER + 1), None);
    }

    #[test]
    fn pages_are_taken_one_behind_another_where_there_are_as_many() {
        let (mut free, table) = free((0..16).filter(|page| page % 6 != 5));
        let large = free.pop_of(&table, 1).unwrap();
        assert_eq!(large, 14);
        let chain = |mut chain: Chain| -> Vec<u32> {
            let count = chain.count();
            let mut pages: Vec<u32> = core::iter::from_fn(|| chain.pop(&table)).collect();
            assert_eq!((pages.len(), chain.count()), (count, 0));
            pages.sort_unstable();
            pages
        };
        assert_eq!(chain(free.take(&table, 5)), [6, 7, 8, 9, 10]);
        // A large block is taken apart where single pages are too few.
        free.push(&table, large, 1);
        assert_eq!(chain(free.take(&table, 6)), [2, 3, 4, 12, 13, 14, 15][1..]);
        assert_eq!(free.count(), 3);
        assert_eq!(chain(free.take(&table, 0)), []);
        assert_eq!(chain(free.take(&table, 3)), [0, 1, 2]);
    }
}
