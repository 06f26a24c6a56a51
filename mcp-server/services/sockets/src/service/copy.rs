//! Bytes between the stack and the blocks of a client.

use core::ops::Range;

use atoll_abi::block::{BLOCK_SIZE, BlockList};
use atoll_call::Actions;

/// The blocks of a call.
pub(super) struct ClientBlocks<'a> {
    pub(super) pool: u32,
    pub(super) blocks: &'a BlockList,
}

impl ClientBlocks<'_> {
    /// The page that has a byte of them.
    fn page(&self, offset: usize) -> Option<u32> {
        let page = offset / BLOCK_SIZE;
        let block = self.blocks.as_slice().get(page >> self.blocks.order())?;
        let within = page as u32 & (self.blocks.pages_of_block() - 1);
        Some(block + within)
    }

    /// Writes bytes from a place on, all of which are in the blocks. How many were copied.
    pub(super) fn write(&self, offset: usize, bytes: &[u8], actions: &mut impl Actions) -> u64 {
        let mut copied = 0;
        for part in parts(offset, bytes.len()) {
            if let Some(page) = self.page(offset + part.start)
                && let Some(bytes) = bytes.get(part.clone())
            {
                let within = (offset + part.start) % BLOCK_SIZE;
                actions.write_bytes(self.pool, page, within, bytes);
                copied += bytes.len() as u64;
            }
        }
        copied
    }

    /// Reads bytes from a place on, all of which are in the blocks. How many were copied.
    pub(super) fn read(&self, offset: usize, bytes: &mut [u8], actions: &mut impl Actions) -> u64 {
        let mut copied = 0;
        for part in parts(offset, bytes.len()) {
            if let Some(page) = self.page(offset + part.start)
                && let Some(bytes) = bytes.get_mut(part.clone())
            {
                let within = (offset + part.start) % BLOCK_SIZE;
                actions.read_bytes(self.pool, page, within, bytes);
                copied += bytes.len() as u64;
            }
        }
        copied
    }
}

/// So many bytes from a place on, in parts that are each in one page.
fn parts(offset: usize, length: usize) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    core::iter::from_fn(move || {
        let left = length.checked_sub(at).filter(|left| *left > 0)?;
        let room = BLOCK_SIZE - (offset + at) % BLOCK_SIZE;
        let part = at..at + left.min(room);
        at = part.end;
        Some(part)
    })
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn parts_end_with_pages() {
        let found: Vec<Range<usize>> = parts(4000, 5000).collect();
        assert_eq!(found, [0..96, 96..4192, 4192..5000]);
        assert_eq!(parts(4096, 0).count(), 0);
        assert_eq!(parts(8192, 4096).next(), Some(0..4096));
    }
}
