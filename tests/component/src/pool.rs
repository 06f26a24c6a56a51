//! Pools of blocks, which the driver, their owners and the services of their owners share.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::plan::Plan;
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

/// The pools that a component reaches, by their indexes in the plan.
pub struct Reached(BTreeMap<u32, Pool>);

impl Reached {
    /// Those of a service of a plan, out of all pools.
    pub fn new(plan: &Plan, service: usize, pools: &[Pool]) -> Reached {
        let reached = plan.reached_pools(service);
        Reached(
            reached
                .map(|it| (it.pool, pools[it.pool as usize]))
                .collect(),
        )
    }

    /// All of them, which the driver reaches.
    pub fn all(pools: &[Pool]) -> Reached {
        Reached((0..).zip(pools.iter().copied()).collect())
    }

    fn pool(&self, pool: u32) -> Pool {
        let own = self.0.get(&pool);
        *own.unwrap_or_else(|| panic!("the component does not reach pool {pool}"))
    }
}

impl Memory for Reached {
    fn read_block(&mut self, pool: u32, index: u32, into: &mut [u8; BLOCK_SIZE]) {
        let pool = self.pool(pool);
        for (word, bytes) in into.as_chunks_mut().0.iter_mut().enumerate() {
            *bytes = pool.read(index, word).to_le_bytes();
        }
    }

    fn write_block(&mut self, pool: u32, index: u32, from: &[u8; BLOCK_SIZE]) {
        let pool = self.pool(pool);
        for (word, bytes) in from.as_chunks().0.iter().enumerate() {
            pool.write(index, word, u64::from_le_bytes(*bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{BLOCKS, plan};

    /// A service with two clients, and all pools: 0 and 1 are the clients', 2 is its own.
    fn reached() -> (Vec<Pool>, Reached) {
        let plan = plan(&[(0, 1), (1, 1)]);
        let pools: Vec<Pool> = plan.pools().iter().map(|it| Pool::new(it.blocks)).collect();
        let reached = Reached::new(&plan, 0, &pools);
        (pools, reached)
    }

    #[test]
    fn a_service_and_the_owner_of_a_pool_have_the_same_blocks() {
        let (pools, mut reached) = reached();
        for (index, pool) in (0..).zip(&pools) {
            pool.write(3, 1, 7);
            let mut bytes = [0; BLOCK_SIZE];
            reached.read_block(index, 3, &mut bytes);
            assert_eq!(bytes[8..16], 7u64.to_le_bytes());
            bytes[8] = 9;
            reached.write_block(index, 4, &bytes);
            assert_eq!((pool.read(4, 1), pool.read(3, 1)), (9, 7));
        }
    }

    #[test]
    #[should_panic = "does not reach pool 3"]
    fn a_pool_of_others_is_not_reached() {
        reached().1.write_block(3, 0, &[0; BLOCK_SIZE]);
    }

    #[test]
    #[should_panic]
    fn what_lies_beyond_a_pool_is_not_reached() {
        reached().1.write_block(0, BLOCKS, &[0; BLOCK_SIZE]);
    }
}
