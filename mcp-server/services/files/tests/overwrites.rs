//! Writes over data that a file has: they go to the driver, and the file system knows nothing of them.

mod common;

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::disk::Properties;
use atoll_abi::handle::Handle;
use atoll_abi::syscall::{Completion, NO_BLOCK, Status};
use atoll_call::{Event, Loss, Service};
use common::*;

/// Blocks of the file that is written over.
const FILE_BLOCKS: u64 = 16;

/// A service, and a file of 16 blocks that was written since it was opened.
fn written() -> (Bench, Handle) {
    let mut bench = Bench::ready();
    let file = bench.created(0, "made");
    for block in 0..FILE_BLOCKS {
        bench.fill(0, 0, &[0xAA; BLOCK_SIZE]);
        let written = bench.perform(0, write(file, block * BLOCK, BLOCK, &[0]));
        assert_eq!(written, (Status::Done, [BLOCK, 0]));
    }
    // It is known then where the data is.
    bench.perform(0, read(file, 0, BLOCK, 0));
    bench.asked = Asked::default();
    (bench, file)
}

/// What the driver was asked for transfers of clients alone.
fn of_clients(reads: usize, writes: usize) -> Asked {
    Asked {
        reads,
        writes,
        ..Asked::default()
    }
}

#[test]
fn an_overwrite_makes_no_job() {
    let (mut bench, file) = written();
    bench.fill(0, 4, &[1; BLOCK_SIZE]);
    bench.fill(0, 6, &[2; BLOCK_SIZE]);
    let length = 2 * BLOCK;
    let tag = bench.call(0, write(file, 3 * BLOCK, length, &[4, 6]));
    assert_eq!(
        bench.world.driver.len(),
        1,
        "the transfer, and nothing else"
    );
    bench.drive();
    assert_eq!(bench.answer(0), Some((tag, Status::Done, [length, 0], 4)));
    assert_eq!(bench.asked, of_clients(0, 1));
    assert_eq!(bench.ask(0, stat(file)).1[0], FILE_BLOCKS * BLOCK);
    bench.perform(0, sync());
    let content = bench.on_disk("made").unwrap();
    let expected = [0xAA, 0xAA, 0xAA, 1, 2, 0xAA].map(|byte| [byte; BLOCK_SIZE]);
    assert!(content.starts_with(expected.as_flattened()));
    assert!(bench.is_at_rest());
}

#[test]
fn overwrites_and_reads_of_a_file_are_under_way_together() {
    let (mut bench, file) = written();
    for block in 0..FILE_BLOCKS as u32 {
        bench.fill(0, block, &[block as u8; BLOCK_SIZE]);
        let at = u64::from(block) * BLOCK;
        bench.call(0, write(file, at, BLOCK, &[block]));
        bench.call(1, read(file, at, BLOCK, 32 + block));
    }
    let all = 2 * FILE_BLOCKS as usize;
    assert_eq!(bench.world.driver.len(), all);
    // In no order.
    bench.world.driver.make_contiguous().reverse();
    assert_eq!(bench.drive(), all);
    for ring in [0, 1] {
        for _ in 0..FILE_BLOCKS {
            let (_, status, [bytes, _], _) = bench.answer(ring).unwrap();
            assert_eq!((status, bytes), (Status::Done, BLOCK));
        }
    }
    let asked = FILE_BLOCKS as usize;
    assert_eq!(bench.asked, of_clients(asked, asked));
    assert!(bench.is_at_rest());
    for block in 0..FILE_BLOCKS {
        bench.perform(0, read(file, block * BLOCK, BLOCK, 0));
        assert!(bench.bytes(0, 0, BLOCK_SIZE) == [block as u8; BLOCK_SIZE]);
    }
}

/// Makes a write; whether the file system has changed something for it.
fn is_job(bench: &mut Bench, file: Handle, at: u64, length: u64, blocks: &[u32]) -> bool {
    bench.asked = Asked::default();
    let (status, [bytes, _]) = bench.perform(0, write(file, at, length, blocks));
    assert_eq!((status, bytes), (Status::Done, length));
    bench.perform(0, sync());
    bench.asked.own_writes > 0
}

/// The time of a file's last change is the file system's: no other call sets it.
#[test]
fn the_first_write_since_a_file_was_opened_is_a_job() {
    let mut bench = Bench::ready();
    bench.fill(0, 0, &[1; BLOCK_SIZE]);
    for _ in 0..2 {
        let file = bench.opened(0);
        bench.perform(0, read(file, 0, BLOCK, 3));
        assert!(is_job(&mut bench, file, 0, BLOCK, &[0]));
        // Where the data is has to be asked again after a job.
        for _ in 0..2 {
            assert!(!is_job(&mut bench, file, 0, BLOCK, &[0]));
        }
        bench.ask(0, close(file));
        bench.drive();
    }
}

#[test]
fn a_write_into_a_hole_is_a_job_and_one_over_it_is_none() {
    let (mut bench, file) = written();
    let (hole, length) = (FILE_BLOCKS * BLOCK, (FILE_BLOCKS + 8) * BLOCK);
    bench.perform(0, truncate(file, length));
    bench.perform(0, sync());
    bench.fill(0, 0, &[7; 2 * BLOCK_SIZE]);
    assert!(is_job(&mut bench, file, hole + BLOCK, BLOCK, &[0]));
    // Half of it is a hole.
    let (at, both) = (hole + BLOCK, 2 * BLOCK);
    assert!(is_job(&mut bench, file, at, both, &[0, 1]));
    assert!(!is_job(&mut bench, file, at, both, &[0, 1]));
    let content = bench.on_disk("made").unwrap();
    assert_eq!(content.len() as u64, length);
    let expected = [0, 7, 7, 0].map(|byte| [byte; BLOCK_SIZE]);
    assert!(content[hole as usize..].starts_with(expected.as_flattened()));
}

#[test]
fn what_ends_within_a_block_or_makes_a_file_longer_is_a_job() {
    let (mut bench, file) = written();
    let end = FILE_BLOCKS * BLOCK;
    bench.perform(0, truncate(file, end - 100));
    bench.perform(0, sync());
    bench.fill(0, 0, &[5; 2 * BLOCK_SIZE]);
    let last = end - BLOCK;
    for (offset, length) in [
        (0, BLOCK - 1),
        (1, BLOCK - 1),
        (1, BLOCK),
        (last, BLOCK - 100),
        (last, BLOCK - 50),
        (last + BLOCK, 1),
    ] {
        bench.perform(0, read(file, 0, BLOCK, 3));
        let job = is_job(&mut bench, file, offset, length, &[0, 1]);
        assert!(job, "{length} bytes at {offset}");
    }
    let beyond = write(file, u64::MAX - BLOCK + 1, BLOCK, &[0]);
    assert_eq!(bench.perform(0, beyond).0, Status::InvalidArgument);
    // What is behind the end of a file in its last block is zero, whatever the client's block held there.
    bench.perform(0, truncate(file, end - 100));
    bench.perform(0, read(file, 0, BLOCK, 3));
    bench.perform(0, write(file, last, BLOCK - 100, &[0]));
    bench.perform(0, write(file, end + BLOCK, BLOCK, &[0]));
    bench.perform(0, sync());
    let content = bench.on_disk("made").unwrap();
    assert!(content[end as usize - 100..].starts_with(&[0; 100]));
}

/// What the caches of the file system hold of a block is older than what was written over it.
#[test]
fn jobs_go_on_from_what_was_written_over() {
    let (mut bench, file) = written();
    let mut expected = vec![0xAA; FILE_BLOCKS as usize * BLOCK_SIZE];
    for round in 1..=3 {
        let last = expected.len() as u64 - BLOCK;
        // The file system reads the block, changes a part of it, and has it then.
        bench.fill(0, 0, &[round; 10]);
        bench.perform(0, write(file, last + 20, 10, &[0]));
        bench.perform(0, sync());
        bench.fill(0, 1, &[0x10 | round; BLOCK_SIZE]);
        bench.perform(0, read(file, last, BLOCK, 2));
        assert!(!is_job(&mut bench, file, last, BLOCK, &[1]));
        bench.fill(0, 0, &[0x20 | round; 10]);
        bench.perform(0, write(file, last + 50, 10, &[0]));
        let shorter = last + 1000;
        for length in [shorter, shorter + 3 * BLOCK, shorter + 3 * BLOCK + 3096] {
            bench.perform(0, truncate(file, length));
        }
        expected.truncate(last as usize);
        expected.resize(shorter as usize, 0x10 | round);
        expected[last as usize + 50..][..10].fill(0x20 | round);
        expected.resize(shorter as usize + 3 * BLOCK_SIZE + 3096, 0);
        bench.perform(0, sync());
        assert!(bench.on_disk("made").unwrap() == expected, "round {round}");
        let held = expected.len() as u64;
        assert_eq!(bench.ask(0, stat(file)).1[0], held);
        // So that the last block is data again.
        bench.fill(0, 0, &[round; BLOCK_SIZE]);
        bench.perform(0, write(file, held - BLOCK, BLOCK, &[0]));
        expected[held as usize - BLOCK_SIZE..].fill(round);
    }
}

#[test]
fn a_sync_flushes_what_was_written_over() {
    let (mut bench, file) = written();
    bench.perform(0, sync());
    for written in [true, false] {
        bench.asked = Asked::default();
        if written {
            bench.perform(0, write(file, 0, BLOCK, &[0]));
        }
        let tag = bench.call(0, sync());
        assert_eq!(bench.answer(0), None, "before the device has flushed");
        bench.drive();
        assert_eq!(bench.answer(0).unwrap().0, tag);
        let (flushes, own_writes) = (bench.asked.flushes, bench.asked.own_writes);
        assert_eq!((flushes, own_writes), (1, 0), "nothing is to be committed");
    }
}

#[test]
fn a_device_that_keeps_nothing_is_not_flushed() {
    let mut bench = Bench::loading();
    bench.disk.properties = Properties {
        caches: false,
        ..bench.disk.properties
    };
    bench.drive();
    let file = bench.opened(0);
    bench.fill(0, 0, &[1; BLOCK_SIZE]);
    for _ in 0..2 {
        bench.perform(0, write(file, 0, BLOCK, &[0]));
        assert_eq!(bench.perform(0, sync()).0, Status::Done);
    }
    assert_eq!(bench.asked.flushes, 0);
}

/// Blocks that a truncation or the last close frees may be another file's at once: nothing is written to them for the file that
/// they were of.
#[test]
fn what_frees_blocks_waits_for_overwrites_that_are_under_way() {
    for removes in [false, true] {
        let (mut bench, file) = written();
        if removes {
            bench.perform(0, remove("made"));
        }
        bench.perform(0, sync());
        bench.perform(0, read(file, 0, BLOCK, 3));
        bench.fill(0, 0, &[1; BLOCK_SIZE]);
        let over = bench.call(0, write(file, 0, BLOCK, &[0]));
        let mut frees = None;
        match removes {
            true => assert_eq!(bench.ask(1, close(file)).0, Status::Done),
            false => frees = Some(bench.call(1, truncate(file, 0))),
        }
        // It waits for the truncation.
        let late = bench.call(0, write(file, 0, BLOCK, &[1]));
        let closed = Some((late, Status::BadHandle, [0; 2], 1));
        assert!(!removes || bench.answer(0) == closed);
        assert_eq!(bench.world.driver.len(), 1, "the overwrite alone");
        let kept = bench.world.driver.pop_front().unwrap();
        let other = bench.call(OTHER, space());
        bench.drive();
        // What frees is not done; where it is a call, the others wait for it.
        if removes {
            assert_eq!(bench.answer(OTHER).unwrap().0, other);
            assert_eq!(bench.service.open_files(), 1);
        } else {
            assert_eq!(bench.answer(1), None);
        }
        bench.world.driver.push_back(kept);
        bench.drive();
        assert_eq!(bench.answer(0).unwrap().0, over);
        assert_eq!(bench.answer(1).map(|it| it.0), frees);
        if !removes {
            assert_eq!(bench.answer(0).unwrap().0, late);
        }
        assert_eq!(bench.service.open_files(), usize::from(!removes));
        assert!(bench.is_at_rest());
    }
}

#[test]
fn an_overwrite_that_fails_in_one_part_fails_as_a_whole() {
    let (mut bench, file) = written();
    let (other, _) = bench.open(0, "input").unwrap();
    bench.fill(0, 0, &[1; BLOCK_SIZE]);
    let over = bench.call(0, write(file, 0, BLOCK, &[0]));
    bench.drive_with(Status::DeviceError);
    let failed = Some((over, Status::DeviceError, [0; 2], 0));
    assert_eq!(bench.answer(0), failed);
    assert!(bench.is_at_rest());
    // The file system has lost nothing by it.
    bench.perform(0, write(other, 0, BLOCK, &[0]));
    assert_eq!(bench.perform(0, sync()).0, Status::Done);
}

#[test]
fn a_lost_driver_ends_overwrites_and_gives_blocks_back_where_it_is_dead() {
    for loss in [Loss::Death, Loss::Fault] {
        let (mut bench, file) = written();
        let blocks: Vec<u32> = (0..FILE_BLOCKS as u32).collect();
        for &block in &blocks {
            bench.fill(0, block, &[1; BLOCK_SIZE]);
            bench.call(0, write(file, u64::from(block) * BLOCK, BLOCK, &[block]));
        }
        bench.event(Event::UpstreamLost(loss));
        for &block in &blocks {
            let (_, status, _, returned) = bench.answer(0).unwrap();
            let expected = if loss == Loss::Death { block } else { NO_BLOCK };
            assert_eq!((status, returned), (Status::PeerLost, expected));
        }
        assert_eq!(
            bench.ask(0, write(file, 0, BLOCK, &[40])).0,
            Status::PeerLost
        );
        let in_use = if loss == Loss::Death { 0 } else { blocks.len() };
        assert_eq!(bench.service.blocks_in_use(), in_use);
        bench.event(Event::UpstreamLost(Loss::Death));
        assert!(bench.is_at_rest());
        bench.world.driver.clear();
        bench.event(Event::UpstreamConnected);
        bench.asked = Asked::default();
        bench.perform(0, write(file, 0, BLOCK, &[0]));
        assert_eq!(bench.asked, of_clients(0, 1));
    }
}

#[test]
fn the_next_life_waits_for_overwrites_of_the_last_one() {
    let (mut bench, file) = written();
    bench.fill(0, 0, &[1; BLOCK_SIZE]);
    bench.call(0, write(file, 0, BLOCK, &[0]));
    for ring in [0, 1] {
        bench.event(Event::ClientLost { ring });
    }
    assert!(!bench.service.is_quiet(0), "the device reads its block");
    let asked = bench.world.driver.pop_front().unwrap();
    let done = Completion::of(&asked, Status::Done, [8, 0]);
    bench.event(Event::Completions(&[done]));
    bench.drive();
    assert!(bench.service.is_quiet(0));
    assert_eq!(bench.answer(0), None);
    assert_eq!(bench.service.open_files(), 0);
    assert!(bench.is_at_rest());
}
