//! Blocks of more than a page: processes on host threads, over the real rings.

mod common;

use atoll_runtime::{BLOCK_SIZE, Block, Blocks, Runtime, Status, open, yield_now};
use common::{Command, Manners, Setup, run, run_with};

fn content() -> Vec<u8> {
    (0..100_000).map(|at| (at / 3) as u8).collect()
}

#[test]
fn a_large_block_is_one_piece_that_a_read_fills() {
    let file = content();
    let report = run(1, 16, file.clone(), Manners::Honest, move || {
        let file_of = open("input").wait().unwrap();
        let small = Block::acquire();
        let mut large = Block::try_acquire_large(2).unwrap();
        assert_eq!((large.order(), large.size()), (2, 4 * BLOCK_SIZE));
        assert_eq!((small.order(), small.size()), (0, BLOCK_SIZE));
        assert_eq!(large.bytes_mut().len(), 4 * BLOCK_SIZE);
        assert_eq!(Runtime::current().free_blocks(), 11);
        let block = file_of.read(4096, 10_000, large).wait().unwrap();
        assert!(block.bytes() == &file[4096..14_096]);
        // No more than the block holds.
        let read = file_of.read(0, 100_000, block).wait().unwrap();
        assert!(read.bytes() == &file[..4 * BLOCK_SIZE]);
        let mut blocks = read.alone();
        let read = file_of.read_blocks(8192, 12_345, blocks).wait();
        blocks = read.unwrap();
        assert!(blocks[0].bytes() == &file[8192..8192 + 12_345]);
        // Blocks of two orders are in no call, and come back.
        blocks.push(small).unwrap();
        let refused = file_of.read_blocks(0, 1, blocks).wait();
        assert_eq!(refused.map(drop), Err(Status::InvalidArgument));
        assert_eq!(Runtime::current().free_blocks(), 16);
        assert!(Block::try_acquire_large(5).is_none());
        assert!(Block::try_acquire_large(100).is_none());
        let whole = Block::try_acquire_large(4).unwrap();
        assert!(Block::try_acquire().is_none());
        drop(whole);
        let all: Vec<Block> = (0..16).map(|_| Block::acquire()).collect();
        drop(all);
    });
    report.ended_well(16);
}

#[test]
fn a_large_block_of_a_read_that_ended_early_comes_back_whole() {
    let report = run_with(Setup::new(1, 8, content(), Manners::Slow), |control| {
        let file = open("input").wait().unwrap();
        let two = [0; 2].map(|_| Block::try_acquire_large(1).unwrap());
        let read = file.read_blocks(0, 100, Blocks::from_iter(two));
        assert_eq!(Runtime::current().free_blocks(), 4);
        assert_eq!(read.cancel().wait(), Ok(true));
        assert_eq!(read.wait().map(drop), Err(Status::Cancelled));
        assert_eq!(Runtime::current().blocks_in_flight(), 4);
        control.order(Command::ReleaseAll);
        while Runtime::current().free_blocks() < 8 {
            yield_now();
        }
        assert_eq!(Runtime::current().blocks_in_flight(), 0);
        assert!(Block::try_acquire_large(3).is_some());
    });
    report.ended_well(8);
}

#[test]
fn a_large_block_of_a_service_that_died_is_the_processes_again() {
    let report = run_with(Setup::new(1, 8, content(), Manners::Slow), |control| {
        let file = open("input").wait().unwrap();
        let block = Block::try_acquire_large(3).unwrap();
        let read = file.read(0, 100, block);
        control.order(Command::Kill(0));
        let error = read.wait().unwrap_err();
        assert_eq!(error.status, Status::PeerLost);
        assert_eq!(error.block.map(|block| block.order()), Some(3));
    });
    report.ended_well(8);
}
