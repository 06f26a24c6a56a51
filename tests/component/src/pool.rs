//! Pools of blocks, which the driver writes and their owners read.

use std::sync::atomic::{AtomicU64, Ordering};

use atoll_abi::block::BLOCK_SIZE;
use atoll_service::Memory;

use crate::disk::WORDS;

/// A pool of blocks that stays for good. Its copies are the same one.
///
/// Its words are read and written without any order of their own: a block's content is there when the completion says so
/// because the rings order it.
#[derive(Clone, Copy)]
pub struct Pool(&'static [AtomicU64]);

impl Pool {
    /// A pool of so many blocks of zeros.
    pub fn new(blocks: u32) -> Pool {
        let words = (0..blocks as usize * WORDS).map(|_| AtomicU64::new(0));
        Pool(Box::leak(words.collect()))
    }

    /// Writes a word of a block.
    pub fn write(&self, block: u32, word: usize, value: u64) {
        self.0[block as usize * WORDS + word].store(value, Ordering::Relaxed);
    }

    /// Reads a word of a block.
    pub fn read(&self, block: u32, word: usize) -> u64 {
        self.0[block as usize * WORDS + word].load(Ordering::Relaxed)
    }
}

impl Memory for Pool {
    fn read_block(&mut self, index: u32, into: &mut [u8; BLOCK_SIZE]) {
        for (word, bytes) in into.chunks_exact_mut(8).enumerate() {
            bytes.copy_from_slice(&self.read(index, word).to_le_bytes());
        }
    }
}
