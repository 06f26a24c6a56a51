//! Blocks of more than a page.

mod support;

use atoll_abi::block::MAX_ORDER;
use atoll_abi::syscall::Status;
use atoll_test_disk::sector_word;
use atoll_virtio_blk::Abilities;
use support::*;

/// What a device can do whose requests have two segments at most.
fn two_segments() -> Abilities {
    Abilities {
        segments: 2,
        ..ABILITIES
    }
}

/// What the first word of a page holds that was read from sectors of client 0, from one on.
fn read_from(sector: u64) -> u64 {
    sector_word(EXTENTS[0].first + sector)
}

#[test]
fn a_large_block_is_one_segment() {
    let mut bench = bench_of(two_segments(), 256);
    // Of 16 pages, not aligned, the second one before the first.
    let tag = bench.call(0, read_large(4, &[33, 5], 1000, 256));
    assert_eq!(bench.driver.blocks_taken(), 32);
    assert_eq!(bench.serve(), 1, "one request");
    assert_eq!(bench.answer(0), Some((tag, Status::Done, 256, 33)));
    for page in 0..16 {
        let sector = 1000 + 8 * u64::from(page);
        assert_eq!(bench.word(0, 33 + page, 0), read_from(sector));
        assert_eq!(bench.word(0, 5 + page, 0), read_from(sector + 128));
    }
    for page in [4, 21, 32, 49] {
        assert_eq!(bench.word(0, page, 0), 0, "of no block");
    }
    assert!(bench.is_at_rest());
}

#[test]
fn sectors_need_not_fill_a_large_block() {
    let mut bench = bench();
    assert_eq!(
        bench.done(0, read_large(3, &[8, 40], 0, 64 + 17)),
        (Status::Done, 81)
    );
    assert_eq!(bench.word(0, 42, 0), read_from(64 + 16));
    assert_eq!(bench.word(0, 42, 64), 0);
    let beyond = bench.ask(0, read_large(3, &[8, 40], 0, 129));
    assert_eq!(beyond, Status::InvalidArgument);
    assert!(bench.is_at_rest());
}

#[test]
fn a_large_block_is_the_clients_as_a_whole_and_in_one_call() {
    let mut bench = bench();
    // The pool behind this one is another client's.
    for (order, blocks) in [
        (1, &[63][..]),
        (4, &[49]),
        (6, &[1]),
        (7, &[0]),
        (MAX_ORDER, &[0]),
        (MAX_ORDER, &[u32::MAX - 512]),
        (2, &[8, 11]),
    ] {
        let refused = bench.ask(0, read_large(order, blocks, 0, 1));
        assert_eq!(refused, Status::BadBlock, "order {order} of {blocks:?}");
    }
    let mut too_large = read_large(MAX_ORDER, &[0], 0, 1);
    too_large.count += 1 << 8;
    assert_eq!(bench.ask(0, too_large), Status::BadBlock);
    bench.call(0, read_large(4, &[8], 0, 128));
    for page in [8, 15, 23] {
        assert_eq!(bench.ask(0, read(page, 0, 1)), Status::BadBlock);
    }
    assert_eq!(bench.ask(0, read_large(3, &[23], 0, 1)), Status::BadBlock);
    for page in [7, 24] {
        bench.call(0, read(page, 0, 1));
    }
    assert_eq!(bench.driver.blocks_taken(), 18);
    while bench.serve() > 0 {}
    assert!(bench.is_at_rest());
    bench.world.answers[0].clear();
    // The whole pool.
    assert_eq!(
        bench.done(0, read_large(6, &[0], 0, 512)),
        (Status::Done, 512)
    );
}

#[test]
fn large_blocks_beyond_the_segments_of_a_device_are_read_in_pieces() {
    let mut bench = bench_of(two_segments(), 256);
    let blocks = [0, 8, 16, 24, 32];
    // None is behind the one before, so that each is a segment.
    let blocks: Vec<u32> = blocks.into_iter().rev().collect();
    let tag = bench.call(0, read_large(2, &blocks, 0, 5 * 32));
    let requests: usize = core::iter::from_fn(|| Some(bench.serve()).filter(|it| *it > 0)).sum();
    assert_eq!(requests, 3);
    assert_eq!(bench.answer(0), Some((tag, Status::Done, 160, 32)));
    for (place, block) in (0..).zip(blocks) {
        for page in 0..4 {
            let sector = 32 * place + 8 * u64::from(page);
            assert_eq!(bench.word(0, block + page, 0), read_from(sector));
        }
    }
    assert!(bench.is_at_rest());
}
