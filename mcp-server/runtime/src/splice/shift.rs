//! Bytes of any number, made whole blocks.

use alloc::boxed::Box;
use core::mem;

use atoll_abi::block::BLOCK_SIZE;

/// What fills no block yet: the bytes that come next follow it. Its memory is taken when it is needed first.
#[derive(Default)]
pub(super) struct Tail {
    length: usize,
    bytes: Option<Box<[u8; BLOCK_SIZE]>>,
    spare: Option<Box<[u8; BLOCK_SIZE]>>,
}

/// What became of blocks that were made whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shifted {
    /// Bytes in whole blocks, from the first block's beginning on.
    pub(super) whole: usize,
    /// Bytes that were copied for it.
    pub(super) copied: usize,
}

impl Tail {
    /// Bytes that it keeps.
    pub(super) fn length(&self) -> usize {
        self.length
    }

    /// Has what it keeps stand before the bytes of blocks, of which there are `length` in all, and keeps what fills no block behind them.
    /// Blocks are of any multiple of [`BLOCK_SIZE`], and are full but for the last one that has bytes.
    pub(super) fn shift<'b>(
        &mut self,
        blocks: impl Iterator<Item = &'b mut [u8]>,
        length: usize,
    ) -> Shifted {
        let (mut left, mut copied) = (length, 0);
        let mut whole = self.length + length;
        let rest = whole % BLOCK_SIZE;
        whole -= rest;
        for block in blocks {
            if left == 0 {
                break;
            }
            let size = block.len();
            let used = left.min(size);
            left -= used;
            let held = self.length;
            let over = (held + used).saturating_sub(size);
            if held > 0 {
                let tail = Tail::buffer(&mut self.bytes);
                let spare = Tail::buffer(&mut self.spare);
                put(spare, block.get(used - over..used).unwrap_or_default());
                block.copy_within(..used - over, held);
                put(block, tail.get(..held).unwrap_or_default());
                mem::swap(&mut self.bytes, &mut self.spare);
                copied += used + held;
                self.length = over;
            }
            if left == 0 && over == 0 {
                let end = held + used;
                let bytes = block.get(end - rest..end).unwrap_or_default();
                if rest > 0 {
                    put(Tail::buffer(&mut self.bytes), bytes);
                }
                self.length = rest;
                copied += rest;
            }
        }
        Shifted { whole, copied }
    }

    /// Puts what it keeps at the beginning of a block, followed by zeroes, and keeps nothing. How many bytes it was.
    pub(super) fn empty(&mut self, block: &mut [u8]) -> usize {
        let length = mem::take(&mut self.length);
        block.fill(0);
        if let Some(bytes) = &self.bytes {
            put(block, bytes.get(..length).unwrap_or_default());
        }
        length
    }

    fn buffer(bytes: &mut Option<Box<[u8; BLOCK_SIZE]>>) -> &mut [u8; BLOCK_SIZE] {
        bytes.get_or_insert_with(|| Box::new([0; BLOCK_SIZE]))
    }
}

/// Puts bytes at the beginning of a buffer that has room for them.
fn put(to: &mut [u8], bytes: &[u8]) {
    if let Some(to) = to.get_mut(..bytes.len()) {
        to.copy_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use alloc::vec;
    use alloc::vec::Vec;

    use proptest::collection::vec as any_vec;
    use proptest::prelude::*;

    use super::*;

    /// Makes chunks whole blocks, in blocks of an order; what was stored.
    fn stored(chunks: &[usize], order: usize) -> (Vec<u8>, usize) {
        let (mut tail, mut stored, mut next, mut copied) = (Tail::default(), vec![], 0u32, 0);
        let size = BLOCK_SIZE << order;
        for &length in chunks {
            let mut bytes = vec![0xee; length.div_ceil(size) * size];
            for byte in &mut bytes[..length] {
                *byte = (next % 253) as u8;
                next += 1;
            }
            let shifted = tail.shift(bytes.chunks_mut(size), length);
            assert!(shifted.whole.is_multiple_of(BLOCK_SIZE));
            assert!(shifted.copied <= 2 * BLOCK_SIZE * bytes.len().div_ceil(size) + length);
            stored.extend_from_slice(&bytes[..shifted.whole]);
            copied += shifted.copied;
        }
        let mut last = [0xee; BLOCK_SIZE];
        let length = tail.empty(&mut last);
        assert!(length < BLOCK_SIZE && last[length..].iter().all(|byte| *byte == 0));
        stored.extend_from_slice(&last[..length]);
        (stored, copied)
    }

    fn check(chunks: &[usize], order: usize) -> usize {
        let (stored, copied) = stored(chunks, order);
        assert_eq!(stored.len(), chunks.iter().sum::<usize>());
        let right = (0u32..).zip(&stored);
        assert!(
            right
                .into_iter()
                .all(|(at, byte)| *byte == (at % 253) as u8)
        );
        copied
    }

    #[test]
    fn what_is_whole_is_not_copied() {
        assert_eq!(check(&[8192, 4096, 32_768], 0), 0);
        assert_eq!(check(&[8192, 4096, 100], 0), 100);
        assert_eq!(check(&[100, 3996, 4096], 0), 100 + 4096);
    }

    proptest! {
        #[test]
        fn bytes_stay_in_order(chunks in any_vec(1usize..20_000, 0..12), order in 0usize..3) {
            check(&chunks, order);
        }

        #[test]
        fn bytes_near_whole_blocks_stay_in_order(
            chunks in any_vec((0usize..4, 0usize..3), 0..12), order in 0usize..3,
        ) {
            let near = |(blocks, more)| ((blocks * BLOCK_SIZE + more) as isize - 1).max(1) as usize;
            let chunks: Vec<usize> = chunks.into_iter().map(near).collect();
            check(&chunks, order);
        }
    }
}
