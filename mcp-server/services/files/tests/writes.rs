//! A client that changes the volume.

mod common;

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::disk::Properties;
use atoll_abi::file::OpenFlags;
use atoll_abi::interface::DiskCall;
use atoll_abi::syscall::{Completion, NO_BLOCK, Status, Syscall};
use atoll_call::{Event, Loss};
use atoll_test_support::volume::Mounted;
use common::*;

fn bytes(length: usize, seed: u8) -> Vec<u8> {
    (0..length).map(|at| (at / 3) as u8 ^ seed).collect()
}

#[test]
fn what_was_synced_is_on_the_disk() {
    let mut bench = Bench::ready();
    let file = bench.created(0, "made");
    let content = bytes(3 * BLOCK_SIZE + 10, 1);
    bench.fill(0, 0, &content);
    let length = content.len() as u64;
    let written = bench.perform(0, write(file, 0, length, &[0, 1, 2, 3]));
    assert_eq!(written, (Status::Done, [length, 0]));
    assert_eq!(bench.ask(0, stat(file)).1[0], length);
    assert!(
        bench.asked.writes > 0,
        "the device takes the data from the client's blocks"
    );
    // In the midst of a block: it is copied.
    bench.fill(0, 9, b"copied");
    assert_eq!(bench.perform(0, write(file, 5, 6, &[9])).0, Status::Done);
    assert_eq!(bench.perform(0, sync()).0, Status::Done);
    assert!(bench.asked.flushes > 0);
    let mut expected = content;
    expected[5..11].copy_from_slice(b"copied");
    assert!(bench.on_disk("made").unwrap() == expected);
    assert!(bench.is_at_rest());
}

#[test]
fn what_is_read_is_what_was_written_last() {
    let mut bench = Bench::ready();
    let file = bench.opened(0);
    bench.perform(0, read(file, 0, BLOCK, 3));
    // A read, a write and a read under way together are done in their order.
    bench.fill(0, 0, &[9; BLOCK_SIZE]);
    let tags = [
        bench.call(0, read(file, 0, BLOCK, 1)),
        bench.call(0, write(file, 0, BLOCK, &[0])),
        bench.call(0, read(file, 0, BLOCK, 2)),
    ];
    bench.drive();
    for tag in tags {
        let (answered, status, ..) = bench.answer(0).unwrap();
        assert_eq!((answered, status), (tag, Status::Done));
    }
    assert!(bench.bytes(0, 1, BLOCK_SIZE) == input()[..BLOCK_SIZE]);
    assert!(bench.bytes(0, 2, BLOCK_SIZE) == [9; BLOCK_SIZE]);
}

/// The blocks from which the service copies count whole, and those from which the device transfers do not.
#[test]
fn a_write_tells_what_was_copied_for_it() {
    let mut bench = Bench::ready();
    let file = bench.created(0, "new");
    bench.fill(0, 0, &[7; 16 * BLOCK_SIZE]);
    let pages: Vec<u32> = (0..8).collect();
    for (offset, length, copied) in [
        // It makes the file longer, and ends it.
        (0, 2 * BLOCK + 5, 0),
        // It goes over data.
        (0, 2 * BLOCK, 0),
        // It begins, or ends, or both, in the midst of a block.
        (10, 100, BLOCK),
        (10, BLOCK, BLOCK),
        (10, BLOCK + 1, 2 * BLOCK),
        (0, 1, BLOCK),
        (2 * BLOCK + 5, 6 * BLOCK, 6 * BLOCK),
        (3 * BLOCK, 0, 0),
    ] {
        let count = length.div_ceil(BLOCK).max(1) as usize;
        let (status, result) = bench.perform(0, write(file, offset, length, &pages[..count]));
        assert_eq!(
            (status, result),
            (Status::Done, [length, copied]),
            "{offset} {length}"
        );
    }
    assert!(bench.is_at_rest());
}

/// Blocks that a truncation frees may be another file's at once: nothing is read from them for the file that they were of.
#[test]
fn a_truncation_waits_for_reads_that_are_under_way() {
    let mut bench = Bench::ready();
    let file = bench.opened(0);
    bench.perform(0, read(file, 0, BLOCK, 3));
    let read_tag = bench.call(0, read(file, 0, BLOCK, 1));
    let truncate_tag = bench.call(0, truncate(file, 0));
    let late_tag = bench.call(0, read(file, 0, BLOCK, 2));
    assert_eq!(bench.world.driver.len(), 1, "the read alone is under way");
    assert_eq!(bench.asked.own_writes, 0);
    bench.drive();
    let answers = [0; 3].map(|_| {
        let (tag, status, result, _) = bench.answer(0).unwrap();
        (tag, status, result[0])
    });
    let expected = [
        (read_tag, Status::Done, BLOCK),
        (truncate_tag, Status::Done, 0),
        (late_tag, Status::Done, 0),
    ];
    assert_eq!(answers, expected);
    assert_eq!(bench.ask(0, stat(file)).1[0], 0);
}

/// What was known of where a file's data is must not outlive a change: the blocks may be another file's.
#[test]
fn a_file_that_was_emptied_and_grew_again_reads_as_zeroes() {
    let mut bench = Bench::ready();
    let file = bench.opened(0);
    bench.perform(0, read_into(file, 0, LENGTH, &[3, 4]));
    for length in [0, LENGTH] {
        assert_eq!(bench.perform(0, truncate(file, length)).0, Status::Done);
    }
    let other = bench.created(OTHER, "other");
    bench.fill(1, 0, &[9; 2 * BLOCK_SIZE]);
    bench.perform(OTHER, write(other, 0, 2 * BLOCK, &[0, 1]));
    bench.asked = Asked::default();
    let (status, [read_bytes, _]) = bench.perform(0, read_into(file, 0, LENGTH, &[3, 4]));
    assert_eq!((status, read_bytes), (Status::Done, LENGTH));
    assert!(
        bench
            .bytes(0, 3, LENGTH as usize)
            .iter()
            .all(|byte| *byte == 0)
    );
    assert_eq!(bench.asked.reads, 0);
}

#[test]
fn to_open_may_empty_a_file() {
    let mut bench = Bench::ready();
    let other = bench.opened(OTHER);
    let (status, [_, length]) = bench.perform(0, open_with("input", OpenFlags::TRUNCATE));
    assert_eq!((status, length), (Status::Done, 0));
    // All who have it open see it.
    assert_eq!(bench.ask(OTHER, stat(other)).1[0], 0);
    assert_eq!(
        (bench.service.handles(), bench.service.open_files()),
        (2, 1)
    );
    let exclusive = open_with("input", OpenFlags::CREATE | OpenFlags::EXCLUSIVE);
    assert_eq!(bench.perform(0, exclusive).0, Status::Exists);
    assert!(bench.is_at_rest());
}

#[test]
fn names_are_made_changed_and_removed() {
    let mut bench = Bench::ready();
    assert_eq!(bench.perform(0, make_folder("new")).0, Status::Done);
    assert_eq!(bench.perform(0, make_folder("new")).0, Status::Exists);
    let (from, to) = ("/folder/inside", "/new/outside");
    bench.fill(0, 0, format!("{from}{to}").as_bytes());
    let renames = rename([from.len(), to.len()], &[0]);
    assert_eq!(bench.perform(0, renames).0, Status::Done);
    assert_eq!(bench.perform(0, renames).0, Status::NotFound);
    assert_eq!(bench.perform(0, remove("folder")).0, Status::Done);
    assert_eq!(bench.perform(0, remove("new")).0, Status::NotEmpty);
    let (status, [blocks, free]) = bench.perform(0, space());
    assert_eq!((status, blocks), (Status::Done, 10 << 20 >> 12));
    assert!(free > 0 && free < blocks);
    bench.perform(0, sync());
    assert_eq!(bench.on_disk(to), Ok(b"inside".to_vec()));
    assert_eq!(bench.on_disk(from), Err(Status::NotFound));
}

#[test]
fn what_is_removed_lives_on_while_it_is_open() {
    let mut bench = Bench::ready();
    // However often it is open.
    let file = bench.opened(0);
    let [again, others] = [0, OTHER].map(|ring| bench.opened(ring));
    let (_, [_, free]) = bench.perform(0, space());
    assert_eq!(bench.perform(OTHER, remove("input")).0, Status::Done);
    assert_eq!(bench.open(OTHER, "input"), Err(Status::NotFound));
    let (status, [read_bytes, _]) = bench.perform(0, read(file, 0, BLOCK, 3));
    assert_eq!((status, read_bytes), (Status::Done, BLOCK));
    for (ring, handle) in [(0, file), (0, again), (OTHER, others)] {
        assert_eq!(bench.perform(0, space()).1[1], free, "it is open");
        assert_eq!(bench.ask(ring, close(handle)).0, Status::Done);
        bench.drive();
    }
    assert!(bench.perform(0, space()).1[1] > free, "its blocks are free");
}

#[test]
fn a_volume_that_can_only_be_read_is_not_changed() {
    let disk = image();
    let mut bench = Bench::loading_from(disk.clone());
    bench.disk.properties = Properties {
        read_only: true,
        ..bench.disk.properties
    };
    bench.drive();
    let file = bench.opened(0);
    for call in [
        create("made"),
        open_with("input", OpenFlags::TRUNCATE),
        write(file, 0, 1, &[0]),
        truncate(file, 0),
        remove("input"),
        make_folder("new"),
        rename([1, 1], &[0, 1]),
    ] {
        assert_eq!(bench.ask(0, call).0, Status::ReadOnly, "{call:?}");
    }
    bench.perform(0, read(file, 0, BLOCK, 0));
    assert!(bench.bytes(0, 0, BLOCK_SIZE) == input()[..BLOCK_SIZE]);
    bench.perform(0, sync());
    assert!(bench.is_at_rest() && bench.disk.bytes() == disk);
}

/// The driver dies after any number of answers, while a file is written, and another one made.
#[test]
fn a_driver_that_is_lost_ends_what_is_under_way_and_nothing_else() {
    let content = bytes(2 * BLOCK_SIZE, 5);
    let mut cut = 0;
    for loss in [Loss::Death, Loss::Fault] {
        for answers in 0.. {
            let mut bench = Bench::ready();
            let file = bench.created(0, "kept");
            bench.fill(0, 0, &content);
            bench.fill(0, 2, &bytes(2 * BLOCK_SIZE, 6));
            let length = content.len() as u64;
            assert_eq!(
                bench.perform(0, write(file, 0, length, &[0, 1])).0,
                Status::Done
            );
            bench.call(0, write(file, length, length, &[2, 3]));
            bench.call(1, sync());
            bench.call(OTHER, create("other"));
            let done = (0..answers).all(|_| bench.drive_with(Status::Done) > 0);
            bench.event(Event::UpstreamLost(loss));
            if loss == Loss::Fault {
                bench.event(Event::UpstreamLost(Loss::Death));
            }
            let ends = [0, 1, OTHER].map(|ring| bench.answer(ring).unwrap().1);
            let fair = |status: &Status| matches!(status, Status::Done | Status::PeerLost);
            assert!(ends.iter().all(fair), "{ends:?}");
            assert!(bench.is_at_rest(), "{loss:?} after {answers}");
            bench.world.driver.clear();
            bench.event(Event::UpstreamConnected);
            bench.drive();
            // The volume is as it was, and can be changed.
            let again = bench.created(0, "again");
            assert_eq!(
                bench.perform(0, write(again, 0, length, &[0, 1])).0,
                Status::Done
            );
            let size = bench.ask(0, stat(file)).1[0];
            assert_eq!(bench.perform(0, sync()).0, Status::Done);
            let mut volume = Mounted::new(bench.disk.bytes());
            let kept = volume.read("kept").unwrap();
            assert_eq!(kept.len() as u64, size);
            assert!(kept.starts_with(&content));
            assert!(volume.read("again").unwrap() == content);
            if done && answers > 0 && ends == [Status::Done; 3] {
                break;
            }
            cut += 1;
        }
    }
    assert!(cut > 10, "{cut}");
}

#[test]
fn data_that_the_driver_may_still_read_stays_in_use() {
    let all = [
        (Status::DeviceError, Status::DeviceError),
        (Status::Done, Status::Malformed),
    ];
    for (status, expected) in all {
        let mut bench = Bench::ready();
        let file = bench.created(0, "made");
        bench.fill(0, 0, &[7; BLOCK_SIZE]);
        let tag = bench.call(0, write(file, 0, BLOCK, &[0]));
        let of_client = |call: &Syscall| {
            let call = DiskCall::decode(call);
            matches!(call, Ok(DiskCall::WriteSectors(write)) if write.pool == 0)
        };
        while !bench.world.driver.iter().any(of_client) {
            bench.drive_with(Status::Done);
        }
        let asked = bench.world.driver.pop_front().unwrap();
        let kept = Completion {
            block: NO_BLOCK,
            ..Completion::of(&asked, status, [8, 0])
        };
        bench.event(Event::Completions(&[kept]));
        bench.drive();
        let failed = Some((tag, expected, [0, 0], NO_BLOCK));
        assert_eq!(bench.answer(0), failed);
        assert_eq!(bench.service.blocks_in_use(), 1);
        assert_eq!(bench.ask(0, write(file, 0, 1, &[0])).0, Status::BadBlock);
        bench.event(Event::UpstreamLost(Loss::Death));
        assert_eq!(bench.service.blocks_in_use(), 0);
    }
}
