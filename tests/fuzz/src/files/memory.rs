//! The blocks of all pools, which clients, the service and the driver share.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use atoll_abi::block::BLOCK_SIZE;
use atoll_service::Memory;

use super::Block;

/// All blocks, by pool and index, which hold zeroes at first. Clones are the same memory.
#[derive(Clone, Default)]
pub struct Shared(Rc<RefCell<BTreeMap<Block, Content>>>);

type Content = [u8; BLOCK_SIZE];

impl Shared {
    /// What a block holds.
    pub fn block(&self, pool: u32, index: u32) -> [u8; BLOCK_SIZE] {
        let blocks = self.0.borrow();
        blocks
            .get(&(pool, index))
            .copied()
            .unwrap_or([0; BLOCK_SIZE])
    }

    /// Writes bytes to the beginning of a block.
    pub fn fill(&self, pool: u32, index: u32, bytes: &[u8]) {
        let mut blocks = self.0.borrow_mut();
        let block = blocks.entry((pool, index)).or_insert([0; BLOCK_SIZE]);
        block[..bytes.len()].copy_from_slice(bytes);
    }

    /// The first bytes of some blocks of a pool, one behind the other.
    pub fn bytes(&self, pool: u32, blocks: &[u32], length: usize) -> Vec<u8> {
        let all = blocks.iter().flat_map(|&index| self.block(pool, index));
        all.take(length).collect()
    }
}

impl Memory for Shared {
    fn read_block(&mut self, pool: u32, index: u32, into: &mut [u8; BLOCK_SIZE]) {
        *into = self.block(pool, index);
    }

    fn write_block(&mut self, pool: u32, index: u32, from: &[u8; BLOCK_SIZE]) {
        self.fill(pool, index, from);
    }
}
