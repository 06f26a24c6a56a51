//! Pools that many use at once.

use core::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::*;

const BLOCKS: u32 = 32;
const ROUNDS: usize = 20_000;
const THREADS: usize = 4;

struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1);
        (self.0 >> 33) as usize % bound
    }
}

/// What a thread holds.
struct Worker<'p> {
    pools: &'static Pools,
    shared: &'p [Pool],
    own: Option<Pool>,
    /// Blocks, each with what was written to it.
    blocks: Vec<(Block, u8)>,
    in_flight: Vec<u32>,
    random: Random,
}

impl Worker<'_> {
    fn source(&mut self) -> Source {
        match (self.random.below(4), &self.own) {
            (0, _) => Source::common_of(self.pools),
            (1, Some(own)) => own.source(),
            (which, _) => self.shared[which % self.shared.len()].source(),
        }
    }

    fn acquire(&mut self) {
        let order = self.random.below(6).saturating_sub(3) as u32;
        let block = match order {
            0 => self.source().try_acquire(),
            _ => self.source().try_acquire_large(order),
        };
        if let Some(mut block) = block {
            let stamp = self.random.below(256) as u8;
            block.bytes_mut().fill(stamp);
            self.blocks.push((block, stamp));
        }
    }

    fn block(&mut self) -> Option<Block> {
        let place = match self.blocks.len() {
            0 => return None,
            blocks => self.random.below(blocks),
        };
        let (block, stamp) = self.blocks.swap_remove(place);
        let is_own = block.bytes().iter().all(|byte| *byte == stamp);
        assert!(is_own, "somebody else has {block:?} too");
        Some(block)
    }

    fn act(&mut self) {
        let pool = &self.shared[self.random.below(self.shared.len())];
        match self.random.below(16) {
            0 => drop(pool.grow(self.random.below(6))),
            1 => drop(pool.shrink(self.random.below(6))),
            2 => self.own = Pool::of(self.pools, self.random.below(4)).ok(),
            3..8 if self.blocks.len() < 6 => self.acquire(),
            8 | 9 => {
                let block = self.block();
                self.in_flight.extend(block.map(end_early));
            }
            10 => {
                let block = self.block();
                drop(block.and_then(|block| block.lend().settle(true)));
            }
            11 | 12 => {
                let first = self.in_flight.pop();
                first.into_iter().for_each(|it| self.pools.take_back(it));
            }
            _ => drop(self.block()),
        }
    }

    fn finish(mut self) {
        while self.block().is_some() {}
        let late = self.in_flight.drain(..);
        late.for_each(|first| self.pools.take_back(first));
    }
}

#[test]
fn no_block_is_lost_or_in_two_hands_whoever_changes_the_pools() {
    let pools = pools(BLOCKS);
    let shared: Vec<Pool> = (0..3).map(|_| Pool::of(pools, 4).unwrap()).collect();
    let acquired = AtomicUsize::new(0);
    thread::scope(|scope| {
        for seed in 0..THREADS {
            let (shared, acquired) = (&shared, &acquired);
            scope.spawn(move || {
                let mut worker = Worker {
                    pools,
                    shared,
                    own: None,
                    blocks: Vec::new(),
                    in_flight: Vec::new(),
                    random: Random(seed as u64),
                };
                for _ in 0..ROUNDS {
                    let before = worker.blocks.len();
                    worker.act();
                    let more = worker.blocks.len().saturating_sub(before);
                    acquired.fetch_add(more, Ordering::Relaxed);
                }
                worker.finish();
            });
        }
    });
    assert!(acquired.into_inner() > ROUNDS / 2);
    let owned = |pool: &Pool| (pool.free() - pool.pages(), pool.owed());
    assert!(shared.iter().all(|pool| owned(pool) == (0, 0)));
    drop(shared);
    assert_eq!((pools.free(), pools.in_flight()), (BLOCKS as usize, 0));
    // All numbers are free again.
    let all = (1..MAX_POOLS).map(|_| Pool::of(pools, 1));
    assert!(all.collect::<Result<Vec<Pool>, PoolError>>().is_ok());
}
