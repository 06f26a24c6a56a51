//! The blocks of a pool that are free.

use alloc::vec::Vec;
use core::array;

use atoll_abi::block::MAX_ORDER;

/// Free blocks. Those of order 0 are taken from the end of a list. A larger one that was given back stays what it is, for the next
/// one who wants its order; else it is put together from blocks of order 0 that are one behind another.
pub(crate) struct FreeBlocks {
    pages: Vec<u32>,
    /// By their orders, from order 1 on.
    large: [Vec<u32>; MAX_ORDER as usize],
}

impl FreeBlocks {
    /// None, with room for all blocks of each order that so many pages make: nothing is allocated when one is given back.
    pub(crate) fn none(most: usize) -> FreeBlocks {
        FreeBlocks {
            pages: Vec::with_capacity(most),
            large: array::from_fn(|place| Vec::with_capacity(most >> (place + 1))),
        }
    }

    /// Pages of all free blocks.
    pub(crate) fn count(&self) -> usize {
        let large = self.large.iter().zip(1..);
        let large = large.map(|(blocks, order)| blocks.len() << order);
        self.pages.len() + large.sum::<usize>()
    }

    /// Those of order 0.
    #[cfg(feature = "simulated")]
    pub(crate) fn pages(&self) -> &[u32] {
        &self.pages
    }

    /// Adds these pages.
    pub(crate) fn extend(&mut self, pages: impl Iterator<Item = u32>) {
        self.pages.extend(pages);
    }

    /// A block of an order is free.
    #[inline]
    pub(crate) fn push(&mut self, block: u32, order: u32) {
        match order {
            0 => self.pages.push(block),
            _ => self.push_large(block, order),
        }
    }

    fn push_large(&mut self, block: u32, order: u32) {
        if let Some(blocks) = self.large.get_mut(order as usize - 1) {
            blocks.push(block);
        }
    }

    /// Takes a block of order 0.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<u32> {
        self.pages.pop().or_else(|| self.pop_of_large())
    }

    #[cold]
    fn pop_of_large(&mut self) -> Option<u32> {
        self.take_apart();
        self.pages.pop()
    }

    /// Takes a block of an order.
    pub(crate) fn pop_of(&mut self, order: u32) -> Option<u32> {
        let Some(place) = order.checked_sub(1) else {
            return self.pop();
        };
        if let Some(block) = self.large.get_mut(place as usize)?.pop() {
            return Some(block);
        }
        if 1 << order > self.count() {
            return None;
        }
        self.put_together(order).or_else(|| {
            self.take_apart();
            self.put_together(order)
        })
    }

    /// Makes all large blocks pages.
    fn take_apart(&mut self) {
        for (blocks, order) in self.large.iter_mut().zip(1..) {
            let pages = blocks.drain(..).flat_map(|it| it..it + (1 << order));
            self.pages.extend(pages);
        }
    }

    /// A block of pages that are one behind another: of the last ones, because single pages are taken from the front.
    fn put_together(&mut self, order: u32) -> Option<u32> {
        // From the last one to the first one, so that the first ones are taken first.
        self.pages.sort_unstable_by(|one, other| other.cmp(one));
        let count = 1 << order;
        let mut windows = self.pages.windows(count);
        let place = windows.position(|pages| match pages {
            [last, .., first] => last - first == count as u32 - 1,
            _ => false,
        })?;
        let first = *self.pages.get(place + count - 1)?;
        self.pages.drain(place..place + count);
        Some(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn free(pages: impl Iterator<Item = u32>) -> FreeBlocks {
        let mut free = FreeBlocks::none(0);
        free.extend(pages);
        free
    }

    #[test]
    fn a_block_is_of_pages_one_behind_another() {
        let mut free = free((0..16).filter(|page| page % 5 != 4));
        assert_eq!(free.pop_of(3), None);
        assert_eq!(free.pop_of(2), Some(10));
        assert_eq!(free.pop_of(1), Some(7));
        assert_eq!(free.count(), 13 - 6);
        let mut rest: Vec<u32> = core::iter::from_fn(|| free.pop()).collect();
        rest.sort_unstable();
        assert_eq!(rest, [0, 1, 2, 3, 5, 6, 15]);
    }

    #[test]
    fn what_was_given_back_is_put_together_and_taken_apart() {
        let mut free = free(0..8);
        let blocks = [0; 4].map(|_| free.pop_of(1).unwrap());
        assert_eq!((free.count(), free.pop(), free.pop_of(1)), (0, None, None));
        for block in blocks {
            free.push(block, 1);
        }
        assert_eq!(free.pop_of(3), Some(0));
        free.push(0, 3);
        let pages: Vec<u32> = core::iter::from_fn(|| free.pop()).collect();
        assert_eq!((pages.len(), free.count()), (8, 0));
        assert_eq!(free.pop_of(MAX_ORDER + 1), None);
    }
}
