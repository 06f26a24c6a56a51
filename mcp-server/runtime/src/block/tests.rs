//! Pools of blocks, without a process.
#![allow(unsafe_code, reason = "memory for blocks")]

extern crate std;

mod model;
mod threads;

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use super::*;
use crate::window::PoolMemory;

/// The pools of a process with so many blocks.
fn pools(blocks: u32) -> &'static Pools {
    let memory = Box::leak(vec![0; blocks as usize * BLOCK_SIZE].into_boxed_slice());
    // SAFETY: the memory is there for good, and nothing else uses it.
    let memory = unsafe { PoolMemory::new(memory.as_mut_ptr(), blocks) };
    let pools = Box::leak(Box::new(Pools::held_back(memory)));
    pools.release();
    pools
}

/// Ends a call of a block early. Gives what names the block when it comes back.
fn end_early(block: Block) -> u32 {
    let first = block.index;
    assert!(block.lend().settle(false).is_none());
    first
}

#[test]
fn a_pool_owes_what_is_out_and_pays_with_what_comes_back_first() {
    let pools = pools(8);
    let pool = Pool::of(pools, 4).unwrap();
    let counts = |pool: &Pool| (pool.pages(), pool.free(), pool.owed(), pools.free());
    let mut out: Vec<Block> = (0..3).filter_map(|_| pool.try_acquire()).collect();
    assert_eq!(counts(&pool), (4, 1, 0, 4));
    assert_eq!(pool.shrink(3), 1);
    assert_eq!(counts(&pool), (1, 0, 2, 5));
    out.pop();
    assert_eq!(counts(&pool), (1, 0, 1, 6));
    assert!(pool.try_acquire().is_none());
    // What it owes is the first that it grows by.
    assert_eq!(pool.grow(3), 3);
    assert_eq!(counts(&pool), (4, 2, 0, 4));
    drop(out);
    assert_eq!(counts(&pool), (4, 4, 0, 4));
    assert_eq!((pool.shrink(100), pool.grow(100)), (4, 8));
    assert_eq!(counts(&pool), (8, 8, 0, 0));
    assert_eq!(Pool::of(pools, 1).err(), Some(PoolError::Pages { free: 0 }));
}

#[test]
fn a_large_block_pays_in_part() {
    let pools = pools(8);
    let pool = Pool::of(pools, 8).unwrap();
    let (block, rest) = (pool.try_acquire_large(2), pool.try_acquire_large(2));
    assert_eq!((pool.shrink(5), pool.owed()), (0, 5));
    drop(block);
    assert_eq!((pool.free(), pool.owed(), pools.free()), (0, 1, 4));
    drop(rest);
    assert_eq!((pool.free(), pool.owed(), pools.free()), (3, 0, 5));
    assert!(pool.try_acquire_large(1).is_some());
}

#[test]
fn a_pool_that_was_dropped_is_one_of_all_until_its_blocks_are_back() {
    let pools = pools(20);
    let mut others: Vec<Pool> = (2..MAX_POOLS)
        .map(|_| Pool::of(pools, 1).unwrap())
        .collect();
    let last = Pool::of(pools, 3).unwrap();
    let (block, late) = (last.try_acquire(), last.try_acquire().unwrap());
    let late = end_early(late);
    assert_eq!(Pool::of(pools, 1).err(), Some(PoolError::Pools));
    assert_eq!(pools.free(), 20 - 17);
    drop(last);
    assert_eq!(pools.free(), 20 - 16);
    drop(block);
    assert_eq!(Pool::of(pools, 1).err(), Some(PoolError::Pools));
    pools.take_back(late);
    assert_eq!((pools.free(), pools.in_flight()), (20 - 14, 0));
    others.push(Pool::of(pools, 1).unwrap());
    drop(others);
    assert_eq!(pools.free(), 20);
}

#[test]
fn one_call_has_blocks_of_several_pools() {
    let pools = pools(6);
    let (one, other) = (Pool::of(pools, 2).unwrap(), Pool::of(pools, 2).unwrap());
    let common = Source::common_of(pools);
    let take = || {
        let blocks = [one.try_acquire(), common.try_acquire(), other.try_acquire()];
        Blocks::from_iter(blocks.into_iter().flatten())
    };
    let free = || (one.free(), common.free(), other.free());
    let (lent, list) = lend_all(take()).unwrap();
    let (late, late_list) = lend_all(take()).unwrap();
    assert_eq!((list.pages(), free()), (3, (0, 0, 0)));
    assert_eq!(lent.settle_all(true).len(), 3);
    assert_eq!(free(), (1, 1, 1));
    assert_eq!(late.settle_all(false).len(), 0);
    pools.take_back(late_list.as_slice()[0]);
    assert_eq!((free(), pools.in_flight()), ((2, 2, 2), 0));
}

#[test]
fn a_pool_has_pages_one_behind_another_where_there_are_as_many() {
    let pools = pools(64);
    let small = Source::common_of(pools).try_acquire();
    let pool = Pool::of(pools, 32).unwrap();
    assert!(pool.try_acquire_large(5).is_some());
    assert!(Source::common_of(pools).try_acquire_large(4).is_some());
    drop((small, pool));
    assert!(Source::common_of(pools).try_acquire_large(6).is_some());
}
