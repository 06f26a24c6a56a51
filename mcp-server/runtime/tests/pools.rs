//! Pools: processes on host threads, over the real rings.

mod common;

use std::sync::Arc;
use std::time::Duration;

use atoll_runtime::pager::{Lru, Pager, PagerError};
use atoll_runtime::{
    Block, Blocks, EventQueue, File, Pool, PoolError, Runtime, Status, become_mcp, open,
    request_vcores, spawn, with_timeout, yield_now,
};
use common::paged::{number, partition, run_paged};
use common::{Command, Manners, Setup, run, run_with};

fn common_free() -> usize {
    Runtime::current().free_blocks()
}

/// Has reads take all blocks of the common pool, for good.
fn starve(file: &File) -> EventQueue {
    let queue = EventQueue::new();
    while let Some(block) = Block::try_acquire() {
        queue.add(0, file.read(0, 4096, block));
    }
    queue
}

#[test]
fn reads_that_have_all_blocks_of_one_pool_take_none_of_another_one() {
    let setup = Setup::new(1, 8, vec![3; 100_000], Manners::Slow);
    let report = run_with(setup, |control| {
        let receiving = Pool::new(2).unwrap();
        let file = open("input").wait().unwrap();
        let queue = starve(&file);
        assert_eq!((common_free(), receiving.free()), (0, 2));
        assert_eq!(Pool::new(1).err(), Some(PoolError::Pages { free: 0 }));
        for _ in 0..10 {
            let block = receiving.acquire();
            let read = file.read(4096, 4096, block);
            control.order(Command::Release(4096));
            assert_eq!(read.wait().unwrap().bytes(), [3; 4096]);
        }
        // Nor do those who wait for the one pool get blocks of the other one.
        let waits = spawn(|| drop(Block::acquire()));
        let two = [receiving.acquire(), receiving.acquire()];
        let pool = receiving;
        let receives = spawn(move || {
            let block = pool.acquire();
            drop(file.read(4096, 1, block));
            pool
        });
        yield_now();
        assert_eq!(common_free(), 0);
        drop(two);
        let receiving = receives.join();
        control.order(Command::ReleaseAll);
        while queue.wait().is_some() {}
        waits.join();
        while receiving.free() < 2 {
            yield_now();
        }
        assert_eq!(common_free(), 6);
    });
    report.ended_well(8);
}

#[test]
fn who_waits_for_a_block_gets_one_when_the_pool_grows_or_another_one_shrinks() {
    let report = run(1, 4, Vec::new(), Manners::Honest, || {
        let (empty, full) = (Pool::new(0).unwrap(), Pool::new(4).unwrap());
        let waits = spawn(Block::acquire);
        yield_now();
        assert_eq!((full.shrink(2), common_free()), (2, 2));
        let block = waits.join();
        assert_eq!(common_free(), 1);
        let empty = Arc::new(empty);
        let waiting = empty.clone();
        let waits = spawn(move || drop(waiting.acquire()));
        yield_now();
        assert_eq!((empty.grow(4), empty.pages()), (1, 1));
        waits.join();
        assert_eq!(empty.grow(1), 0);
        drop(block);
        assert_eq!(empty.grow(1), 1);
    });
    report.ended_well(4);
}

#[test]
fn blocks_that_come_late_go_to_their_pool_or_to_the_common_one_where_that_is_owed() {
    let setup = Setup::new(1, 12, vec![1; 100_000], Manners::Slow);
    let report = run_with(setup, |control| {
        let runtime = Runtime::current();
        let (pool, ending) = (Pool::new(4).unwrap(), Pool::new(4).unwrap());
        let file = open("input").wait().unwrap();
        let end_early = |pool: &Pool, offset| {
            let blocks = [(); 2].map(|()| pool.acquire());
            let read = file.read_blocks(offset, 100, Blocks::from_iter(blocks));
            assert_eq!(read.cancel().wait(), Ok(true));
            assert_eq!(read.wait().map(drop), Err(Status::Cancelled));
        };
        (0..2).for_each(|number| end_early(&pool, number * 4096));
        end_early(&ending, 8192);
        let held = ending.acquire();
        // In a call that has not ended.
        let reading = file.read(8192, 4096, ending.acquire());
        assert_eq!((pool.shrink(3), pool.pages(), pool.owed()), (0, 1, 3));
        drop(ending);
        assert_eq!((common_free(), runtime.blocks_in_flight()), (4, 6));
        drop(held);
        assert_eq!(common_free(), 5);
        // The last one has a block that is not owed.
        for (offset, free, owed) in [(0, 0, 1), (4096, 1, 0)] {
            control.order(Command::Release(offset));
            while pool.owed() > owed {
                yield_now();
            }
            assert_eq!(pool.free(), free);
        }
        assert_eq!((common_free(), runtime.blocks_in_flight()), (8, 2));
        control.order(Command::ReleaseAll);
        drop(reading.wait().unwrap());
        while common_free() < 11 {
            yield_now();
        }
        assert_eq!(runtime.blocks_in_flight(), 0);
        assert_eq!((pool.grow(100), pool.pages()), (11, 12));
        assert_eq!(pool.try_acquire_large(3).map(|it| it.order()), Some(3));
    });
    report.ended_well(12);
}

#[test]
fn a_pool_that_was_dropped_gets_the_blocks_of_a_service_that_dies() {
    let setup = Setup::new(1, 4, vec![1; 10], Manners::Slow);
    let report = run_with(setup, |control| {
        let pool = Pool::new(3).unwrap();
        let file = open("input").wait().unwrap();
        let read = |block| file.read(0, 10, block);
        let (kept, dropped) = (read(pool.acquire()), read(pool.acquire()));
        let late = with_timeout(Duration::from_millis(1), || read(pool.acquire()));
        assert_eq!(late.wait().unwrap_err().status, Status::TimedOut);
        drop((pool, dropped));
        assert_eq!(common_free(), 1);
        control.order(Command::Kill(0));
        let error = kept.wait().unwrap_err();
        assert_eq!(
            (error.status, error.block.is_some()),
            (Status::PeerLost, true)
        );
        drop(error);
        while common_free() < 4 {
            yield_now();
        }
    });
    report.ended_well(4);
}

#[test]
fn one_read_has_blocks_of_several_pools() {
    let content: Vec<u8> = (0..100_000).map(|at| (at / 7) as u8).collect();
    let report = run(1, 6, content.clone(), Manners::Honest, move || {
        let (one, other) = (Pool::new(2).unwrap(), Pool::new(2).unwrap());
        let file = open("input").wait().unwrap();
        // The services of this test read into the first block alone.
        let blocks = [one.acquire(), Block::acquire(), other.acquire()];
        let read = file.read_blocks(4096, 4096, Blocks::from_iter(blocks));
        let back = read.wait().unwrap();
        assert!(back[0].bytes() == &content[4096..8192]);
        assert_eq!((one.free(), common_free(), other.free()), (1, 1, 1));
        drop(back);
        assert_eq!((one.free(), common_free(), other.free()), (2, 2, 2));
        // Of one order they have to be.
        let large = one.try_acquire_large(1).unwrap();
        let blocks = [large, other.acquire()];
        let refused = file.read_blocks(0, 1, Blocks::from_iter(blocks)).wait();
        assert_eq!(refused.map(drop), Err(Status::InvalidArgument));
        assert_eq!((one.free(), other.free()), (2, 2));
    });
    report.ended_well(6);
}

#[test]
fn pools_change_while_two_vcores_read() {
    let report = run(2, 16, vec![5; 100_000], Manners::Honest, || {
        become_mcp().wait().unwrap();
        request_vcores(2).wait().unwrap();
        let file = open("input").wait().unwrap();
        let pools = Arc::new([(); 3].map(|()| Pool::new(3).unwrap()));
        let uthreads: Vec<_> = (0..6)
            .map(|number: usize| {
                let pools = pools.clone();
                spawn(move || {
                    for round in 0..200 {
                        let pool = &pools[(number + round) % 3];
                        let block = match round % 4 {
                            0 => Some(Block::acquire()),
                            _ => pool.try_acquire(),
                        };
                        if let Some(block) = block {
                            let read = file.read(4096, 4096, block);
                            assert_eq!(read.wait().unwrap().bytes(), [5; 4096]);
                        }
                        match round % 7 {
                            0 => drop(pool.shrink(2)),
                            1 => drop(pool.grow(1)),
                            2 => drop(Pool::new(1).map(|pool| pool.try_acquire())),
                            _ => {}
                        }
                    }
                })
            })
            .collect();
        uthreads.into_iter().for_each(|uthread| uthread.join());
        let has_all = |pool: &Pool| pool.free() == pool.pages() && pool.owed() == 0;
        assert!(pools.iter().all(has_all), "{pools:?}");
        let pages: usize = pools.iter().map(Pool::pages).sum();
        assert_eq!(pages + common_free(), 16);
    });
    report.ended_well(16);
}

#[test]
fn a_pager_keeps_to_its_pool() {
    let report = run_paged(8, Manners::Honest, |_, _| {
        let pool = Pool::new(4).unwrap();
        let pager = |frames| Pager::within(&pool, partition(), frames, Lru::default());
        for frames in [0, 5] {
            let refused = pager(frames).map(drop);
            assert_eq!(refused, Err(PagerError::Frames { free: 4 }));
        }
        assert_eq!(pool.free(), 4);
        let own = pager(3).unwrap();
        for page in 0..20 {
            number(&own, page).unwrap();
        }
        assert_eq!((pool.free(), common_free()), (1, 4));
        // The pager keeps what it has, and the pool gives it when it ends.
        assert_eq!((pool.shrink(4), pool.owed(), common_free()), (1, 3, 5));
        number(&own, 1).unwrap();
        drop(own);
        assert_eq!((pool.owed(), common_free()), (0, 8));
    });
    report.ended_well(8);
}

#[test]
fn a_new_pool_waits_for_the_blocks_of_the_life_before() {
    let mut setup = Setup::new(1, 4, vec![1; 10], Manners::Honest);
    setup.generation = 2;
    let report = run_with(setup, |control| {
        let pool = spawn(|| Pool::new(3).unwrap());
        yield_now();
        assert_eq!(common_free(), 0);
        control.order(Command::Meet(0));
        let pool = pool.join();
        assert_eq!((pool.free(), common_free()), (3, 1));
    });
    report.ended_well(4);
}
