//! The loop that the driver runs for benchmarks.

mod support;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use atoll_abi::block::{BLOCK_SIZE, SECTORS_PER_BLOCK};
use atoll_test_disk::{FakeDevice, Line, Memory, sector_word};
use atoll_virtio_blk::bare::{Loop, Taken, run};
use atoll_virtio_blk::{Disk, Operation, Queue};
use support::*;

/// Runs a loop of a device that does all that it has whenever the clock is read, and in the end what blocks of the pool hold.
fn looped(work: &Loop) -> (Option<Taken>, Vec<u64>) {
    let memory = Memory::new(DMA_SIZE, DMA_PHYSICAL);
    let pool = Memory::new(256 * BLOCK_SIZE, POOL_PHYSICAL);
    let dma = pool.dma();
    let queue = Queue::new(memory.dma(), 256).unwrap();
    let device = FakeDevice::new(&memory, queue.size(), queue.addresses(), CAPACITY);
    let line = Line {
        keep: vec![memory],
        ..Line::default()
    };
    let mut disk = Disk::new(line, queue, ABILITIES);
    let world = RefCell::new((device, pool));
    let time = Cell::new(0);
    let clock = || {
        let (device, pool) = &mut *world.borrow_mut();
        device.serve_all(pool);
        time.set(time.get() + 1);
        time.get()
    };
    let taken = run(&mut disk, EXTENTS[0], POOL_PHYSICAL, work, clock);
    let words = 0..work.blocks * work.depth;
    let words = words.map(|block| dma.load64((block * BLOCK_SIZE) << work.order));
    (taken, words.collect())
}

#[test]
fn blocks_are_read_one_behind_another_in_requests_of_several_calls() {
    for (order, blocks, depth, most) in [
        (0, 1, 1, 1),
        (0, 8, 1, 8),
        (0, 1, 32, 32),
        (0, 8, 32, 32),
        (4, 1, 1, 1),
        (4, 1, 16, 16),
    ] {
        let held = (blocks * depth) as u64;
        let size = (BLOCK_SIZE as u64) << order;
        let work = Loop {
            operation: Operation::Read,
            blocks,
            order,
            depth,
            bytes: 2 * held * size,
        };
        let (taken, words) = looped(&work);
        let taken = taken.unwrap();
        let least = 2 * held / most;
        assert!((least..=2 * least).contains(&taken.requests), "{taken:?}");
        assert!(taken.ticks > 0 && taken.ticks < taken.elapsed);
        let read =
            |block: u64| sector_word(EXTENTS[0].first + (SECTORS_PER_BLOCK << order) * block);
        // Where the queue is shorter than all calls together, some blocks are never used.
        let used = words.iter().filter(|word| **word != 0);
        let places = used.map(|word| (0..2 * held).find(|block| read(*block) == *word));
        let places: Vec<u64> = places.map(Option::unwrap).collect();
        let different: BTreeSet<u64> = places.iter().copied().collect();
        assert_eq!(different.len(), places.len(), "no block is read twice");
        assert!(places.contains(&(2 * held - 1)), "the last one was read");
    }
}

#[test]
fn a_partition_that_is_too_short_is_refused() {
    let work = Loop {
        operation: Operation::Write,
        blocks: 1,
        depth: 1,
        order: 0,
        bytes: (EXTENTS[0].sectors + 8) * 512,
    };
    assert_eq!(looped(&work).0, None);
}
