//! The blocks of a splice.

use atoll_abi::block::{MAX_CALL_BLOCKS, MAX_ORDER};

use crate::block::{Block, Blocks, Source};

/// Where a splice takes its blocks from: one of its own, and further ones that are free, of which it leaves one to the next splice.
pub(super) struct Stock {
    pool: Source,
    /// The one block that it keeps, where no call has it.
    own: Option<Block>,
    /// Pages that it may take still.
    budget: usize,
    /// The largest order that is worth being asked for: of those above there were none.
    order: u32,
}

impl Stock {
    /// Waits for the first block. Takes at most so many pages, in blocks of at most an order.
    pub(super) fn new(pool: Source, window: usize, order: u32) -> Stock {
        Stock {
            pool,
            own: Some(pool.acquire()),
            budget: window,
            order: order.min(MAX_ORDER),
        }
    }

    /// Blocks of one order for so many pages, or for fewer; none where there are none now.
    pub(super) fn take(&mut self, pages: usize) -> Blocks {
        let pages = pages.min(self.budget);
        let mut blocks = Blocks::new();
        let Some(most) = pages.checked_ilog2() else {
            return blocks;
        };
        while self.order > 0 && most > 0 && blocks.is_empty() {
            let order = self.order.min(most);
            let count = (pages >> order).min(MAX_CALL_BLOCKS);
            self.fill(&mut blocks, count, |pool| pool.try_acquire_large(order));
            if blocks.is_empty() {
                self.order = order - 1;
            }
        }
        if blocks.is_empty() {
            if let Some(own) = self.own.take() {
                // There is room for the first one.
                let _ = blocks.push(own);
            }
            let count = pages.min(MAX_CALL_BLOCKS);
            self.fill(&mut blocks, count, Source::try_acquire);
        }
        let taken = blocks.iter().map(|block| 1 << block.order());
        self.budget = self.budget.saturating_sub(taken.sum());
        blocks
    }

    /// Takes free blocks up to a number, and leaves one free.
    fn fill(&self, blocks: &mut Blocks, count: usize, take: impl Fn(Source) -> Option<Block>) {
        while blocks.len() < count
            && let Some(block) = take(self.pool)
        {
            // Looked at afterwards: of two splices that take the last two blocks, one sees it.
            if self.pool.free() == 0 {
                break;
            }
            // There is room for as many as one call has.
            let _ = blocks.push(block);
        }
    }

    /// As [`Stock::take`], in place of blocks that do not come back: it waits for one where there are none.
    pub(super) fn replace(&mut self, pages: usize) -> Blocks {
        let blocks = self.take(pages);
        if !blocks.is_empty() {
            return blocks;
        }
        self.budget = self.budget.saturating_sub(1);
        self.pool.acquire().alone()
    }

    /// The one block, for what is written last, where no call has it; or another one, for which it waits where it may.
    pub(super) fn last(&mut self, waits: bool) -> Option<Block> {
        let free = self.own.take().or_else(|| self.pool.try_acquire());
        match free {
            None if waits => Some(self.pool.acquire()),
            free => free,
        }
    }

    /// Blocks are not needed any more, of a call that was given so many pages.
    pub(super) fn give(&mut self, blocks: Blocks) {
        for block in blocks {
            self.budget += 1 << block.order();
            if self.own.is_none() && block.order() == 0 {
                self.own = Some(block);
            }
        }
    }
}
