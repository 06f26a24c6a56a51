//! Clients that ask for what they may not have, or die.

mod support;

use atoll_abi::interface::{Call, Request, request};
use atoll_abi::syscall::{NO_BLOCK, Status, Syscall};
use atoll_call::{Event, Service};
use atoll_driver::DeviceService;
use atoll_virtio::VirtioError;
use atoll_virtio_blk::{Disk, DiskService, Queue};
use support::*;

#[test]
fn what_is_not_the_clients_never_reaches_the_device() {
    let mut bench = bench();
    let sectors = EXTENTS[0].sectors;
    let good = read(0, 0, 1);
    let call = |call| Syscall { call, ..good };
    let no_list = |count, block| Syscall {
        count,
        block,
        ..good
    };
    let bad = [
        (read(POOL_BLOCKS, 0, 1), Status::BadBlock),
        (read_into(0, &[0, POOL_BLOCKS], 0, 1), Status::BadBlock),
        (no_list(0, NO_BLOCK), Status::BadBlock),
        (no_list(8, 0), Status::BadBlock),
        (no_list(1, 0), Status::BadBlock),
        // Pools of the other client, of its service, and none.
        (read_into(1, &[0], 0, 1), Status::BadBlock),
        (read_into(3, &[0], 0, 1), Status::BadBlock),
        (read_into(4, &[0], 0, 1), Status::BadBlock),
        (read_into(u32::MAX, &[0], 0, 1), Status::BadBlock),
        (write_from(1, &[0], 0, 1), Status::BadBlock),
        (read(0, 0, 0), Status::InvalidArgument),
        (read(0, 0, 9), Status::InvalidArgument),
        (read_into(0, &[0, 1], 0, 17), Status::InvalidArgument),
        (read(0, 0, u32::MAX), Status::InvalidArgument),
        (read(0, sectors, 1), Status::InvalidArgument),
        (read(0, sectors - 7, 8), Status::InvalidArgument),
        (write(0, sectors - 7, 8), Status::InvalidArgument),
        (read(0, u64::MAX, 1), Status::InvalidArgument),
        (read(0, u64::MAX - 7, 8), Status::InvalidArgument),
        (zero(sectors - 1, 2), Status::InvalidArgument),
        (zero(0, 0), Status::InvalidArgument),
        (discard(u64::MAX - 1, 1), Status::InvalidArgument),
        (discard(0, u32::MAX), Status::InvalidArgument),
        (call(0), Status::UnknownCall),
        (call(u16::MAX), Status::UnknownCall),
        (call(Call::Read as u16), Status::NotAllowed),
        (call(Call::Exit as u16), Status::NotAllowed),
        (call(Call::ReadBlocks as u16), Status::NotAllowed),
    ];
    for (request, status) in &bad {
        let tag = bench.call(0, *request);
        let block = match status {
            Status::BadBlock => NO_BLOCK,
            _ => request.block,
        };
        assert_eq!(
            bench.answer(0),
            Some((tag, *status, 0, block)),
            "{request:?}"
        );
        assert!(bench.is_at_rest());
    }
    assert_eq!((bench.line.notified.get(), bench.device.take()), (0, 0));
    assert_eq!(bench.done(0, good), (Status::Done, 1));
}

#[test]
fn a_block_is_in_one_call() {
    let mut bench = bench();
    bench.call(0, read_into(0, &[4, 5], 0, 16));
    for list in [&[5_u32][..], &[6, 4], &[4, 5]] {
        bench.call(0, read_into(0, list, 100, 1));
        let refused = bench.answer(0).map(|it| it.1);
        assert_eq!(refused, Some(Status::BadBlock), "a duplicate block");
    }
    // A pool that both the client and its service may name is one pool.
    assert_eq!(bench.ask(0, write(5, 100, 1)), Status::BadBlock);
    bench.serve();
    assert_eq!(bench.answer(0).map(|it| it.1), Some(Status::Done));
    assert_eq!(bench.done(0, write(5, 100, 1)), (Status::Done, 1));
}

#[test]
fn a_client_without_a_partition_is_served_by_nobody() {
    let memory = atoll_test_disk::Memory::new(DMA_SIZE, DMA_PHYSICAL);
    let line = atoll_test_disk::Line {
        keep: vec![memory.clone()],
        ..Default::default()
    };
    let disk = Disk::new(line, Queue::new(memory.dma(), 256).unwrap(), ABILITIES);
    let mut other = bench();
    other.driver = DiskService::new(&plan(), 0, disk, [None, Some(EXTENTS[1])]);
    let describe = request::DescribeDisk {}.encode();
    for call in [read(0, 0, 1), write(0, 0, 1), zero(0, 1), flush(), describe] {
        assert_eq!(other.ask(0, call), Status::NoService, "{call:?}");
    }
    assert_eq!(other.ask(1, describe), Status::Done);
}

#[test]
fn a_client_that_is_lost_is_quiet_when_the_device_has_nothing_of_it() {
    let mut bench = bench();
    bench.calls(0, &[read(0, 0, 8), read(1, 100, 8)]);
    bench.call(1, read_into(1, &[0], 0, 8));
    let quiet = bench.driver.is_quiet(0);
    assert!(!quiet, "the disk still writes for the client");
    bench.event(Event::ClientLost { ring: 0 });
    assert_eq!(bench.driver.take_quiet(), None);
    bench.device.take();
    bench.device.serve(0, 0, &mut bench.pools);
    bench.event(Event::Device);
    assert_eq!(bench.driver.take_quiet(), None, "one is left");
    bench.device.serve(0, 1, &mut bench.pools);
    bench.event(Event::Device);
    assert!(bench.driver.is_quiet(0));
    assert_eq!(bench.driver.take_quiet(), Some(0));
    assert_eq!(bench.driver.take_quiet(), None, "it is told once");
    assert!(bench.world.answers[0].is_empty(), "nobody is answered");
    // The other one goes on; so does the next life.
    bench.event(Event::ClientConnected {
        ring: 0,
        generation: 2,
    });
    bench.serve();
    assert_eq!(bench.answer(1).map(|it| it.1), Some(Status::Done));
    assert_eq!(bench.done(0, read(0, 0, 8)).0, Status::Done);
    // One without calls is quiet at once, and told again when it is lost again.
    for _ in 0..2 {
        bench.event(Event::ClientLost { ring: 0 });
        assert_eq!(bench.driver.take_quiet(), Some(0));
    }
}

#[test]
fn what_a_lost_client_had_waiting_is_dropped() {
    let mut bench = bench_of(ABILITIES, 4);
    let fill: Vec<Syscall> = (0..5).map(|at| read(at, 100 * u64::from(at), 1)).collect();
    bench.calls(0, &fill);
    let other = bench.call(1, read_into(1, &[0], 0, 1));
    bench.event(Event::ClientLost { ring: 0 });
    assert_eq!(
        bench.driver.blocks_taken(),
        2,
        "what the device has, and the other client's"
    );
    assert_eq!((bench.serve(), bench.serve(), bench.serve()), (1, 1, 0));
    assert_eq!(bench.answer(1).map(|it| it.0), Some(other));
    assert_eq!(bench.driver.take_quiet(), Some(0));
    assert!(bench.is_at_rest());
}

#[test]
fn one_client_cannot_take_the_room_of_the_other() {
    let mut bench = bench();
    let mut sent = 0;
    while bench.driver.room(0, 1000) > 0 {
        bench.call(0, zero(2 * sent, 1));
        sent += 1;
    }
    assert_eq!(sent, 128, "half of the table");
    assert!(bench.driver.room(1, 1000) > 0);
    bench.call(1, zero(0, 1));
}

#[test]
fn a_stopped_device_answers_everything() {
    let mut bench = bench();
    let tags = bench.calls(0, &[read(0, 0, 8), write(1, 80, 8), flush()]);
    assert!(!bench.is_at_rest());
    bench.driver.stop(VirtioError::Quiesced);
    assert!(bench.driver.has_finished());
    bench.event(Event::Device);
    for tag in tags {
        assert_eq!(
            bench.answer(0).map(|it| (it.0, it.1)),
            Some((tag, Status::DeviceError))
        );
    }
    assert_eq!(bench.ask(0, read(0, 0, 1)), Status::DeviceError);
    assert_eq!(bench.line.stopped.get(), 1);
    assert!(bench.is_at_rest());
}
