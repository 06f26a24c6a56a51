//! Which blocks are being read into.

use atoll_abi::layout::MAX_POOL_BLOCKS;
use atoll_abi::plan::{MAX_POOLS, NONE, Plan};

/// The pools of the plan and, for each, which of its blocks a read in flight holds.
pub(crate) struct Blocks {
    pools: [PoolState; MAX_POOLS],
}

#[derive(Clone, Copy)]
struct PoolState {
    blocks: u32,
    process: u32,
    cluster: u32,
    in_use: [u64; MAX_POOL_BLOCKS / 64],
}

impl Blocks {
    pub(crate) const fn new() -> Blocks {
        Blocks {
            pools: [PoolState {
                blocks: 0,
                process: NONE,
                cluster: NONE,
                in_use: [0; MAX_POOL_BLOCKS / 64],
            }; MAX_POOLS],
        }
    }

    pub(crate) fn configure(&mut self, plan: &Plan) {
        for (state, pool) in self.pools.iter_mut().zip(plan.pools()) {
            *state = PoolState {
                blocks: pool.blocks.min(MAX_POOL_BLOCKS as u32),
                process: pool.process,
                cluster: pool.cluster,
                in_use: [0; MAX_POOL_BLOCKS / 64],
            };
        }
    }

    /// The process that owns a pool, where the pool is a process's and of the given cluster.
    pub(crate) fn owner(&self, pool: u32, cluster: u32) -> Option<usize> {
        let state = self.pools.get(pool as usize)?;
        (state.cluster == cluster && state.process != NONE).then_some(state.process as usize)
    }

    /// Takes a block; `false` where there is no such block or it is taken.
    pub(crate) fn take(&mut self, pool: u32, block: u32) -> bool {
        let Some((word, mask)) = self.bit(pool, block) else {
            return false;
        };
        let free = *word & mask == 0;
        *word |= mask;
        free
    }

    /// Gives a block back that was taken.
    pub(crate) fn give_back(&mut self, pool: u32, block: u32) {
        if let Some((word, mask)) = self.bit(pool, block) {
            debug_assert!(*word & mask != 0, "block {block} of pool {pool} was free");
            *word &= !mask;
        }
    }

    /// How many blocks are taken, in all pools.
    pub(crate) fn taken(&self) -> usize {
        self.pools
            .iter()
            .flat_map(|pool| pool.in_use)
            .map(|word| word.count_ones() as usize)
            .sum()
    }

    fn bit(&mut self, pool: u32, block: u32) -> Option<(&mut u64, u64)> {
        let state = self.pools.get_mut(pool as usize)?;
        if block >= state.blocks {
            return None;
        }
        let word = state.in_use.get_mut(block as usize / 64)?;
        Some((word, 1 << (block % 64)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_taken_once() {
        let mut plan = Plan::empty();
        plan.pool_count = 2;
        plan.pools[0].blocks = 65;
        plan.pools[1].blocks = u32::MAX;
        let mut blocks = Blocks::new();
        blocks.configure(&plan);
        assert!(blocks.take(0, 64));
        assert!(!blocks.take(0, 64));
        assert!(!blocks.take(0, 65));
        assert!(!blocks.take(2, 0) && !blocks.take(u32::MAX, u32::MAX));
        assert!(blocks.take(1, MAX_POOL_BLOCKS as u32 - 1));
        assert!(!blocks.take(1, MAX_POOL_BLOCKS as u32));
        assert_eq!(blocks.taken(), 2);
        blocks.give_back(0, 64);
        assert!(blocks.take(0, 64));
    }
}
