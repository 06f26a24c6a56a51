//! The pools of blocks that are mapped in a service.

use alloc::boxed::Box;
use alloc::vec::Vec;

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::layout::SERVICE_POOL;
use atoll_abi::plan::Plan;
use atoll_component::meter;

use crate::links::Memory;

const WORD: usize = size_of::<u64>();

/// The pools that a service reaches, by their indexes in the plan.
pub(super) struct Pools(Box<[Pool]>);

struct Pool {
    /// Its index in the plan.
    index: u32,
    blocks: u32,
    address: usize,
    /// It is a client's.
    lent: bool,
}

impl Pools {
    /// Those of a service of a plan, which is the one that runs.
    pub(super) fn new(plan: &Plan, service: usize) -> Pools {
        let pools = plan.reached_pools(service).map(|reached| Pool {
            index: reached.pool,
            blocks: plan.pools()[reached.pool as usize].blocks,
            address: reached.address,
            lent: reached.address != SERVICE_POOL,
        });
        let mut pools: Vec<Pool> = pools.collect();
        pools.sort_unstable_by_key(|pool| pool.index);
        Pools(pools.into_boxed_slice())
    }

    /// Where a block begins, which is about to be copied.
    fn block(&self, pool: u32, index: u32) -> *mut u64 {
        let place = self.0.binary_search_by_key(&pool, |it| it.index);
        let own = &self.0[place.unwrap_or_else(|_| panic!("pool {pool} is not reached"))];
        assert!(index < own.blocks, "pool {pool} has no block {index}");
        if own.lent {
            meter::copied(BLOCK_SIZE);
        }
        (own.address + index as usize * BLOCK_SIZE) as *mut u64
    }
}

impl Memory for Pools {
    fn read_block(&mut self, pool: u32, index: u32, into: &mut [u8; BLOCK_SIZE]) {
        let block = self.block(pool, index);
        for (number, bytes) in into.as_chunks_mut::<WORD>().0.iter_mut().enumerate() {
            // SAFETY: the root task mapped every pool that the service reaches, and `block` has looked that this block is in the
            // pool; the word lies in the block and is aligned. It is never borrowed. Volatile, because a device or the client
            // may write it meanwhile: any value is a word.
            *bytes = unsafe { block.add(number).read_volatile() }.to_le_bytes();
        }
    }

    fn write_block(&mut self, pool: u32, index: u32, from: &[u8; BLOCK_SIZE]) {
        let block = self.block(pool, index);
        for (number, bytes) in from.as_chunks::<WORD>().0.iter().enumerate() {
            // SAFETY: as for reading; the root task mapped the pools writable. Volatile, because a device or the client may
            // read it meanwhile.
            unsafe { block.add(number).write_volatile(u64::from_le_bytes(*bytes)) };
        }
    }
}
