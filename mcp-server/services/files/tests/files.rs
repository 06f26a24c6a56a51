//! Files of a well-behaved client that reads.

mod common;

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::file::{Attributes, Kind};
use atoll_abi::interface::DiskCall;
use atoll_abi::syscall::Status;
use atoll_call::{Event, Loss};
use atoll_files::FILES_PER_CLIENT;
use atoll_test_support::e2fsprogs::image as raw_image;
use common::*;

#[test]
fn a_file_is_opened_read_and_closed() {
    let mut bench = Bench::ready();
    let file = bench.opened(0);
    let (status, attributes) = bench.ask(0, stat(file));
    let attributes = Attributes::from_raw(attributes).unwrap();
    assert_eq!(
        (status, attributes.length, attributes.kind),
        (Status::Done, LENGTH, Kind::File)
    );
    // On the other vcore of the same process: its vcores share what is open.
    let tag = bench.call(1, read(file, BLOCK, BLOCK, 5));
    assert_eq!(bench.answer(1), None);
    assert_eq!(bench.service.blocks_in_use(), 1);
    bench.drive();
    assert_eq!(bench.answer(1), Some((tag, Status::Done, [513, 0], 5)));
    assert_eq!(bench.bytes(0, 5, 513), input()[BLOCK_SIZE..]);
    assert_eq!(bench.ask(0, close(file)).0, Status::Done);
    bench.drive();
    assert!(bench.is_at_rest());
    assert_eq!(bench.service.handles(), 0, "the file is closed");
    assert_eq!(bench.service.open_files(), 0, "the file is closed");
    assert_eq!(bench.ask(0, stat(file)).0, Status::BadHandle);
}

#[test]
fn what_is_known_of_a_file_is_read_by_the_device_alone() {
    let mut bench = Bench::ready();
    let file = bench.opened(0);
    bench.perform(0, read(file, BLOCK, 1, 5));
    bench.asked = Asked::default();
    let tag = bench.call(0, read_into(file, BLOCK, 600, &[9, 5]));
    let asked: Vec<_> = bench.world.driver.iter().copied().collect();
    let [asked] = asked[..] else {
        panic!("the driver is asked once, and at once: {asked:?}");
    };
    let Ok(DiskCall::ReadSectors(sectors)) = DiskCall::decode(&asked) else {
        panic!("the driver is asked for sectors");
    };
    assert_eq!((sectors.sectors, sectors.pool, asked.block), (8, 0, 9));
    bench.drive();
    assert_eq!(bench.answer(0), Some((tag, Status::Done, [513, 0], 9)));
    assert_eq!((bench.asked.reads, bench.asked.own_reads), (1, 0));
}

#[test]
fn the_end_of_a_file_needs_no_device() {
    let mut bench = Bench::ready();
    let file = bench.opened(0);
    let (empty, length) = bench.open(0, "empty").unwrap();
    assert_eq!(length, 0);
    for call in [
        read(file, 2 * BLOCK, BLOCK, 0),
        read(file, u64::MAX - 4095, BLOCK, 0),
        read(file, 0, 0, 0),
        read(empty, 0, BLOCK, 0),
    ] {
        let tag = bench.call(0, call);
        assert_eq!(bench.answer(0), Some((tag, Status::Done, [0, 0], 0)));
    }
    assert!(bench.is_at_rest() && bench.world.driver.is_empty());
}

#[test]
fn calls_wait_for_the_volume_in_their_order() {
    let mut bench = Bench::loading();
    let tags = [
        bench.call(0, open("input")),
        bench.call(0, open("nosuch")),
        bench.call(OTHER, open("empty")),
    ];
    assert_eq!((bench.answer(0), bench.service.parked()), (None, 3));
    bench.drive();
    let first = bench.answer(0).unwrap();
    assert_eq!((first.0, first.1), (tags[0], Status::Done));
    let second = bench.answer(0).unwrap();
    assert_eq!((second.0, second.1), (tags[1], Status::NotFound));
    assert_eq!(bench.answer(OTHER).unwrap().1, Status::Done);
    assert!(bench.is_at_rest());
}

#[test]
fn a_path_in_a_block_is_as_one_in_the_message() {
    let mut bench = Bench::ready();
    let long = format!("/folder{}/inside", "/.".repeat(2000));
    bench.fill(0, 7, long.as_bytes());
    let (status, [_, length]) = bench.perform(0, open_in_block(long.len(), 7));
    assert_eq!((status, length), (Status::Done, 6));
    assert_eq!(bench.open(0, "folder/../../folder/inside").unwrap().1, 6);
    assert!(bench.is_at_rest());
}

#[test]
fn a_folder_is_listed() {
    let mut bench = Bench::ready();
    let (folder, _) = bench.open(0, "/").unwrap();
    let (status, [bytes, entries]) = bench.perform(0, list(folder, [0; 2], &[3, 4]));
    assert_eq!((status, entries), (Status::Done, 4));
    let listing = bench.bytes(0, 3, bytes as usize);
    let behind = &listing[size_of::<atoll_abi::file::ListHeader>()..];
    let mut names: Vec<_> = atoll_abi::file::entries(behind)
        .map(|it| (String::from_utf8_lossy(it.name).into_owned(), it.kind))
        .collect();
    names.sort();
    let (file, folder_kind) = (Kind::File as u8, Kind::Folder as u8);
    let expected = [
        ("empty", file),
        ("folder", folder_kind),
        ("input", file),
        ("lost+found", folder_kind),
    ];
    assert_eq!(names, expected.map(|(name, kind)| (name.to_owned(), kind)));
    // A folder cannot be read, nor a file listed.
    let refused = bench.ask(0, read(folder, 0, BLOCK, 0));
    assert_eq!(refused.0, Status::IsAFolder);
    let file = bench.opened(0);
    let refused = bench.ask(0, list(file, [0; 2], &[0]));
    assert_eq!(refused.0, Status::NotAFolder);
    assert!(bench.is_at_rest());
}

#[test]
fn a_hole_reads_as_zeroes_without_the_device() {
    let mut bench = Bench::ready();
    let file = bench.created(0, "holes");
    bench.fill(0, 0, &[1; BLOCK_SIZE]);
    let (status, _) = bench.perform(0, write(file, 3 * BLOCK, BLOCK, &[0]));
    assert_eq!(status, Status::Done);
    bench.fill(0, 1, &[2; 4 * BLOCK_SIZE]);
    let (status, [read_bytes, _]) = bench.perform(0, read_into(file, 0, 4 * BLOCK, &[1, 2, 3, 4]));
    assert_eq!((status, read_bytes), (Status::Done, 4 * BLOCK));
    let mut expected = vec![0; 3 * BLOCK_SIZE];
    expected.extend([1; BLOCK_SIZE]);
    assert!(bench.bytes(0, 1, 4 * BLOCK_SIZE) == expected);
    assert_eq!(bench.asked.reads, 1);
    // Where there is nothing but a hole, it is answered at once.
    bench.fill(0, 1, &[2; BLOCK_SIZE]);
    assert_eq!(
        bench.ask(0, read(file, BLOCK, 100, 1)),
        (Status::Done, [100, 0])
    );
    assert_eq!(bench.bytes(0, 1, 100), [0; 100]);
}

#[test]
fn a_volume_that_is_none_fails_every_call() {
    for (disk, status) in [
        (vec![0; 1 << 20], Status::Corrupt),
        (raw_image(10, &["-b", "1024"], None), Status::Unsupported),
    ] {
        let mut bench = Bench::loading_from(disk);
        bench.call(0, open("input"));
        bench.drive();
        assert_eq!(bench.answer(0).unwrap().1, status);
        assert_eq!(bench.ask(0, open("input")).0, status);
    }
    let mut bench = Bench::loading();
    bench.drive_with(Status::DeviceError);
    assert_eq!(bench.ask(0, open("input")).0, Status::DeviceError);
    // A device may err once: the next call finds it well.
    bench.drive();
    bench.opened(0);
}

#[test]
fn a_failure_of_the_device_is_told() {
    let mut bench = Bench::ready();
    let file = bench.opened(0);
    bench.perform(0, read(file, 0, BLOCK, 3));
    let tag = bench.call(0, read(file, 0, BLOCK, 3));
    bench.drive_with(Status::DeviceError);
    let failed = Some((tag, Status::DeviceError, [0, 0], 3));
    assert_eq!(bench.answer(0), failed);
    assert!(bench.is_at_rest());
}

#[test]
fn more_reads_than_the_driver_takes_wait_for_it() {
    let mut bench = Bench::ready();
    let file = bench.opened(0);
    bench.perform(0, read(file, 0, BLOCK, 3));
    let mut tags: Vec<u64> = Vec::new();
    for block in 0..BLOCKS {
        tags.push(bench.call(block as usize % 2, read(file, 0, BLOCK, block)));
    }
    assert_eq!(bench.world.driver.len(), 64);
    assert_eq!(bench.drive_with(Status::Done), 64);
    assert_eq!(bench.drive(), BLOCKS as usize - 64);
    for tags in tags.chunks(2) {
        let answered = [0, 1].map(|ring| bench.answer(ring).unwrap().0);
        assert_eq!(answered, *tags);
    }
    assert!(bench.is_at_rest());
}

#[test]
fn a_client_has_a_bounded_number_of_files_open() {
    let mut bench = Bench::ready();
    let files: Vec<_> = (0..FILES_PER_CLIENT).map(|_| bench.opened(0)).collect();
    assert_eq!(bench.open(1, "input"), Err(Status::Busy));
    assert_eq!(bench.service.open_files(), 1, "it is open once");
    // The other client has its own.
    bench.opened(OTHER);
    assert_eq!(bench.ask(1, close(files[3])).0, Status::Done);
    bench.opened(0);
}

#[test]
fn a_lost_driver_ends_reads_and_gives_blocks_back_where_it_is_dead() {
    for (loss, block) in [(Loss::Death, 3), (Loss::Fault, u32::MAX)] {
        let mut bench = Bench::ready();
        let file = bench.opened(0);
        bench.perform(0, read(file, 0, BLOCK, 3));
        let tag = bench.call(0, read(file, 0, BLOCK, 3));
        bench.event(Event::UpstreamLost(loss));
        let lost = Some((tag, Status::PeerLost, [0, 0], block));
        assert_eq!(bench.answer(0), lost);
        assert_eq!(bench.service.blocks_in_use(), usize::from(block != 3));
        // What needs no device goes on.
        assert_eq!(bench.ask(0, stat(file)).0, Status::Done);
        assert_eq!(bench.ask(0, read(file, 0, BLOCK, 4)).0, Status::PeerLost);
        assert_eq!(bench.ask(0, open("input")).0, Status::PeerLost);
        bench.event(Event::UpstreamLost(Loss::Death));
        assert_eq!(bench.service.blocks_in_use(), 0, "its device is quiet");
        bench.event(Event::UpstreamConnected);
        let tag = bench.call(0, read(file, 0, BLOCK, 4));
        // A late answer of before answers nothing now.
        bench.drive();
        assert_eq!(bench.answer(0).unwrap().0, tag);
    }
}

#[test]
fn a_driver_that_is_lost_before_the_volume_is_there_is_asked_again() {
    // After each number of answers that it may have given.
    for answers in 0..8 {
        let mut bench = Bench::loading();
        bench.call(0, open("input"));
        for _ in 0..answers {
            bench.drive_with(Status::Done);
        }
        bench.event(Event::UpstreamLost(Loss::Death));
        let known = bench.answer(0).unwrap().1 == Status::Done;
        assert_eq!(bench.ask(0, open("input")).0, Status::PeerLost);
        bench.world.driver.clear();
        bench.event(Event::UpstreamConnected);
        bench.drive();
        bench.opened(0);
        assert_eq!(bench.service.handles(), 1 + usize::from(known));
    }
}
