//! Reads and writes with blocks of more than a page.

mod common;

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::handle::Handle;
use atoll_abi::syscall::Status;
use atoll_call::{Event, Service};
use common::*;

/// Order of the large blocks, and their bytes: more than the file system writes at a time.
const ORDER: u32 = 4;
const LARGE: usize = BLOCK_SIZE << ORDER;

fn bytes(length: usize, seed: u8) -> Vec<u8> {
    let byte = |at: usize| (at / 7 + at / BLOCK_SIZE) as u8 ^ seed;
    (0..length).map(byte).collect()
}

/// Reads from a large block's own pages on.
fn read_large(file: Handle, offset: u64, length: u64, block: u32) -> atoll_abi::syscall::Syscall {
    large(read(file, offset, length, block), ORDER, &[block])
}

/// Writes content from large block 3; what the service copied.
fn write_large(bench: &mut Bench, file: Handle, offset: u64, content: &[u8]) -> u64 {
    bench.fill(0, 3, content);
    let length = content.len() as u64;
    let call = large(write(file, offset, length, &[3]), ORDER, &[3]);
    let (status, [written, copied]) = bench.perform(0, call);
    assert_eq!((status, written), (Status::Done, length));
    copied
}

#[test]
fn a_large_block_is_read_in_one_call_of_the_driver() {
    let mut bench = Bench::ready();
    let file = bench.created(0, "made");
    let content = bytes(2 * LARGE, 1);
    write_large(&mut bench, file, 0, &content[..LARGE]);
    write_large(&mut bench, file, LARGE as u64, &content[LARGE..]);
    bench.perform(0, read(file, 0, BLOCK, 69));
    bench.asked = Asked::default();
    let both = large(read(file, 0, 2 * LARGE as u64, 37), ORDER, &[37, 5]);
    bench.call(0, both);
    assert_eq!(bench.world.driver.len(), 1);
    assert_eq!(bench.service.blocks_in_use(), 32);
    for taken in [5, 20, 37, 52] {
        assert_eq!(bench.ask(0, read(file, 0, 1, taken)).0, Status::BadBlock);
    }
    bench.drive();
    bench.world.answers[0].clear();
    assert!(bench.bytes(0, 37, LARGE) == content[..LARGE]);
    assert!(bench.bytes(0, 5, LARGE) == content[LARGE..]);
    assert!(bench.is_at_rest());
    let beyond = [large(read(file, 0, 1, 55), ORDER, &[55])];
    for call in beyond {
        assert_eq!(bench.ask(0, call).0, Status::BadBlock, "behind the pool");
    }
}

#[test]
fn a_part_of_a_large_block_is_read_and_the_holes_are_zeroes() {
    let mut bench = Bench::ready();
    let file = bench.created(0, "made");
    let mut content = bytes(LARGE, 2);
    // Two pages of data, three of a hole, and data up to the midst of a page.
    content[2 * BLOCK_SIZE..5 * BLOCK_SIZE].fill(0);
    content.truncate(11 * BLOCK_SIZE + 100);
    bench.fill(0, 3, &content);
    for (offset, pages) in [(0, &[3, 4][..]), (5, &[8, 9, 10, 11, 12, 13, 14])] {
        let at = offset * BLOCK;
        let length = (pages.len() as u64 * BLOCK).min(content.len() as u64 - at);
        let written = bench.perform(0, write(file, at, length, pages));
        assert_eq!(written, (Status::Done, [length, 0]));
    }
    bench.world.blocks.clear();
    let all = content.len() as u64;
    for _ in 0..2 {
        let (status, result) = bench.perform(0, read_large(file, 0, LARGE as u64, 21));
        assert_eq!((status, result), (Status::Done, [all, 0]));
        assert!(bench.bytes(0, 21, content.len()) == content);
        assert!(!bench.world.blocks.contains_key(&(0, 20)));
        assert!(!bench.world.blocks.contains_key(&(0, 21 + 12)));
    }
    // 2, and 7 as 4, 2 and 1: pages of a block that others do not share a call with.
    assert_eq!(bench.asked.reads, 2 * 4);
    assert!(bench.is_at_rest());
}

#[test]
fn a_large_block_is_written_over_data_by_the_driver() {
    let mut bench = Bench::ready();
    let file = bench.created(0, "made");
    write_large(&mut bench, file, 0, &bytes(LARGE, 3));
    bench.perform(0, read(file, 0, BLOCK, 69));
    bench.asked = Asked::default();
    let content = bytes(LARGE, 4);
    write_large(&mut bench, file, 0, &content);
    let once = Asked {
        writes: 1,
        ..Asked::default()
    };
    assert_eq!(bench.asked, once);
    bench.perform(0, sync());
    assert!(bench.on_disk("made").unwrap() == content);
}

#[test]
fn what_the_file_system_writes_may_take_several_operations() {
    for (offset, length) in [
        (0, LARGE),
        (BLOCK, LARGE - 1),
        (100, LARGE - 200),
        (2 * BLOCK, 9 * BLOCK_SIZE),
    ] {
        let mut bench = Bench::ready();
        let file = bench.created(0, "made");
        let mut content = bytes(offset as usize + LARGE, 5);
        assert_eq!(write_large(&mut bench, file, 0, &content[..LARGE]), 0);
        let over = bytes(length, 6);
        // All of it in each operation, where it begins in the midst of a block.
        let copied = if offset == 100 { LARGE as u64 } else { 0 };
        assert_eq!(write_large(&mut bench, file, offset, &over), copied);
        content.truncate(LARGE.max(offset as usize + length));
        content[offset as usize..][..length].copy_from_slice(&over);
        bench.perform(0, sync());
        let found = bench.on_disk("made").unwrap();
        assert_eq!(found.len(), content.len(), "{length} at {offset}");
        assert!(found == content, "{length} at {offset}");
        assert!(bench.is_at_rest());
    }
}

#[test]
fn a_write_at_the_end_of_all_numbers_is_refused() {
    let mut bench = Bench::ready();
    let file = bench.created(0, "made");
    bench.fill(0, 3, &[1; LARGE]);
    for offset in [u64::MAX, u64::MAX - 1, u64::MAX - LARGE as u64] {
        for length in [1, BLOCK, LARGE as u64] {
            let call = large(write(file, offset, length, &[3]), ORDER, &[3]);
            let status = bench.perform(0, call).0;
            assert_eq!(status, Status::InvalidArgument, "{length} at {offset}");
        }
    }
    assert!(bench.is_at_rest());
}

/// Between two operations of a write its client dies.
#[test]
fn a_write_of_a_dead_client_does_not_go_on() {
    let mut lengths = Vec::new();
    for answers in 0.. {
        let mut bench = Bench::ready();
        let file = bench.created(0, "made");
        bench.fill(0, 3, &bytes(LARGE, 7));
        let call = write(file, 0, LARGE as u64, &[3]);
        bench.call(0, large(call, ORDER, &[3]));
        let done = (0..answers).all(|_| bench.drive_with(Status::Done) > 0);
        if done && !bench.world.answers[0].is_empty() {
            break;
        }
        for ring in [0, 1] {
            bench.event(Event::ClientLost { ring });
        }
        bench.drive();
        assert!(bench.service.is_quiet(0) && bench.is_at_rest());
        assert_eq!(bench.service.open_files(), 0);
        bench.perform(OTHER, sync());
        lengths.push(bench.on_disk("made").unwrap().len() / BLOCK_SIZE);
    }
    // What it was in the midst of is done to its end.
    assert_eq!(lengths, [8, 16]);
}

#[test]
fn a_read_of_a_file_in_many_pieces_ends_early() {
    let mut bench = Bench::ready();
    let file = bench.created(0, "made");
    let mut content = vec![0; 48 * BLOCK_SIZE];
    bench.perform(0, truncate(file, content.len() as u64));
    for block in (0..48).step_by(2) {
        let page = [1 + block as u8; BLOCK_SIZE];
        bench.fill(0, 0, &page);
        bench.perform(0, write(file, block * BLOCK, BLOCK, &[0]));
        content[block as usize * BLOCK_SIZE..][..BLOCK_SIZE].copy_from_slice(&page);
    }
    let mut read_bytes = Vec::new();
    let mut calls = 0;
    while read_bytes.len() < content.len() {
        let at = read_bytes.len() as u64;
        let call = large(read(file, at, 32 * BLOCK, 1), 5, &[1]);
        let (status, [count, _]) = bench.perform(0, call);
        assert!(status == Status::Done && count > 0 && count.is_multiple_of(BLOCK));
        read_bytes.extend(bench.bytes(0, 1, count as usize));
        calls += 1;
    }
    assert!(calls > 2, "{calls}");
    assert!(read_bytes == content);
}

#[test]
fn a_listing_into_a_large_block_is_of_its_pages() {
    let mut bench = Bench::ready();
    let (root, _) = bench.open(0, "/").unwrap();
    let (status, [length, entries]) = bench.perform(0, list(root, [0, 0], &[0]));
    let small = bench.bytes(0, 0, length as usize);
    assert!(status == Status::Done && entries > 3);
    let again = large(list(root, [0, 0], &[40]), ORDER, &[40]);
    // The cursor is in the arguments that blocks beyond the first have.
    assert_eq!(bench.perform(0, again), (status, [length, entries]));
    assert!(bench.bytes(0, 40, length as usize) == small);
}
