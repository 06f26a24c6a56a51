//! Files of a well-behaved client.

mod common;

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::interface::DiskCall;
use atoll_abi::syscall::Status;
use atoll_call::Event;
use atoll_files::FILES_PER_CLIENT;
use common::*;

const BLOCK: u64 = BLOCK_SIZE as u64;

#[test]
fn a_file_is_opened_read_and_closed() {
    let mut bench = Bench::ready();
    let file = bench.opened(0);
    assert_eq!(bench.ask(0, stat(file)), (Status::Done, [LENGTH, 0]));
    // On the other vcore of the same process: its vcores share what is open.
    let tag = bench.call(1, read(file, BLOCK, BLOCK, 5));
    assert_eq!(bench.answer(1), None);
    assert_eq!(bench.service.blocks_in_use(), 1);
    let asked = bench.world.driver[0];
    let Ok(DiskCall::ReadSectors(sectors)) = DiskCall::decode(&asked) else {
        panic!("the driver is asked for sectors");
    };
    // The file begins at block 1; 513 bytes of its second block are two sectors.
    assert_eq!((sectors.sector, sectors.sectors), (2 * 8, 2));
    assert_eq!((sectors.pool, asked.block), (0, 5));
    bench.drive();
    assert_eq!(bench.answer(1), Some((tag, Status::Done, [513, 0], 5)));
    assert_eq!(bench.ask(0, close(file)).0, Status::Done);
    assert!(bench.is_at_rest());
    assert_eq!(bench.service.open_files(), 0, "the file is closed");
    assert_eq!(bench.ask(0, stat(file)).0, Status::BadHandle);
}

#[test]
fn the_end_of_a_file_needs_no_device() {
    let mut bench = Bench::ready();
    let file = bench.opened(0);
    let (_, [empty, _]) = bench.ask(0, open("empty"));
    let empty = atoll_abi::handle::Handle::from_raw(empty as u32).unwrap();
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
fn a_volume_that_is_none_fails_every_call() {
    let mut bench = Bench::loading();
    bench.world.blocks.get_mut(&(OWN_POOL, 0)).unwrap()[0] ^= 1;
    bench.call(0, open("input"));
    bench.drive();
    assert_eq!(bench.answer(0).unwrap().1, Status::NoService);
    assert_eq!(bench.ask(0, open("input")).0, Status::NoService);

    let mut bench = Bench::loading();
    bench.drive_with(Status::DeviceError);
    assert_eq!(bench.ask(0, open("input")).0, Status::DeviceError);
}

#[test]
fn a_failure_of_the_device_is_told() {
    let mut bench = Bench::ready();
    let file = bench.opened(0);
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
    assert_eq!(bench.ask(1, open("input")).0, Status::Busy);
    // The other client has its own.
    bench.opened(OTHER);
    assert_eq!(bench.ask(1, close(files[3])).0, Status::Done);
    bench.opened(0);
}

#[test]
fn a_lost_driver_ends_reads_and_gives_blocks_back_where_it_is_dead() {
    for (loss, block) in [
        (atoll_call::Loss::Death, 3),
        (atoll_call::Loss::Fault, u32::MAX),
    ] {
        let mut bench = Bench::ready();
        let file = bench.opened(0);
        let tag = bench.call(0, read(file, 0, BLOCK, 3));
        bench.event(Event::UpstreamLost(loss));
        assert_eq!(
            bench.answer(0),
            Some((tag, Status::PeerLost, [0, 0], block))
        );
        assert_eq!(bench.service.blocks_in_use(), usize::from(block != 3));
        // What needs no device goes on.
        assert_eq!(bench.ask(0, stat(file)).0, Status::Done);
        assert_eq!(bench.ask(0, read(file, 0, BLOCK, 4)).0, Status::PeerLost);
        bench.event(Event::UpstreamLost(atoll_call::Loss::Death));
        assert_eq!(bench.service.blocks_in_use(), 0, "its device is quiet");
        bench.event(Event::UpstreamConnected);
        let tag = bench.call(0, read(file, 0, BLOCK, 4));
        // A late answer of before answers nothing now.
        bench.drive();
        assert_eq!(bench.answer(0).unwrap().0, tag);
    }
}

#[test]
fn a_driver_that_is_lost_before_the_header_came_is_asked_again() {
    let mut bench = Bench::loading();
    bench.call(0, open("input"));
    bench.event(Event::UpstreamLost(atoll_call::Loss::Death));
    assert_eq!(bench.answer(0).unwrap().1, Status::PeerLost);
    assert_eq!(bench.ask(0, open("input")).0, Status::PeerLost);
    bench.world.driver.clear();
    bench.event(Event::UpstreamConnected);
    bench.drive();
    bench.opened(0);
}
