//! What clients ask for, of a device that keeps to the protocol.

mod support;

use atoll_abi::disk::Properties;
use atoll_abi::interface::{Request, request};
use atoll_abi::syscall::Status;
use atoll_call::Event;
use atoll_driver::DeviceService;
use atoll_test_disk::sector_word;
use atoll_virtio::VirtioError;
use atoll_virtio_blk::{Abilities, Operation, Queue};
use support::*;

const PATTERN: u64 = 0x7777_7777_7777_7777;

#[test]
fn reads_into_the_named_blocks_of_the_own_partition() {
    let mut bench = bench();
    let first = bench.call(0, read_into(0, &[3, 9, 4], 1000, 17));
    let last = bench.call(1, read_into(3, &[63], EXTENTS[1].sectors - 1, 1));
    assert_eq!(
        bench.line.notified.get(),
        2,
        "one notification for each batch"
    );
    assert_eq!(bench.driver.blocks_taken(), 4);
    assert_eq!(bench.serve(), 2);
    assert_eq!(bench.answer(0), Some((first, Status::Done, 17, 3)));
    assert_eq!(bench.answer(1), Some((last, Status::Done, 1, 63)));
    let sector = |number: u64| sector_word(EXTENTS[0].first + 1000 + number);
    assert_eq!(bench.word(0, 3, 0), sector(0));
    assert_eq!(bench.word(0, 9, 511), sector(15));
    assert_eq!((bench.word(0, 4, 0), bench.word(0, 4, 64)), (sector(16), 0));
    assert_eq!(bench.word(3, 63, 0), sector_word(CAPACITY - 1));
    assert!(bench.is_at_rest());
}

#[test]
fn what_is_written_is_read_and_is_stable_when_flushed() {
    let mut bench = bench();
    bench.fill(0, 7, 0x77);
    assert_eq!(bench.done(0, write(7, 80, 8)), (Status::Done, 8));
    let stable = |bench: &Bench| bench.device.store.read_stable(EXTENTS[0].first + 80)[0];
    assert_ne!(stable(&bench), 0x77);
    let tag = bench.call(0, flush());
    assert_eq!(
        bench.answer(0),
        None,
        "a flush is not answered before the device has done it"
    );
    bench.serve();
    assert_eq!(
        bench.answer(0).map(|it| (it.0, it.1)),
        Some((tag, Status::Done))
    );
    assert_eq!(stable(&bench), 0x77);
    assert_eq!(bench.done(0, read(8, 80, 8)), (Status::Done, 8));
    assert_eq!(bench.word(0, 8, 511), PATTERN);
    // The same sectors of the other partition are others.
    assert_eq!(bench.done(1, read_into(1, &[8], 80, 1)), (Status::Done, 1));
    assert_eq!(bench.word(1, 8, 0), sector_word(EXTENTS[1].first + 80));
}

#[test]
fn a_partition_is_told_by_its_own_client_alone() {
    let mut bench = bench();
    for (client, extent) in EXTENTS.iter().enumerate() {
        bench.call(client, request::DescribeDisk {}.encode());
        let answer = bench.world.answers[client].pop_front().unwrap();
        let properties = Properties::from_raw(answer.result[1]);
        assert_eq!(answer.result[0], extent.sectors);
        assert_eq!(properties, Ok(ABILITIES.properties));
    }
}

#[test]
fn neighbours_become_one_request() {
    let mut bench = bench();
    let calls = [
        read_into(0, &[0, 1], 0, 16),
        read(5, 16, 8),
        read(6, 24, 3),
        // Behind a block that is filled in part.
        read(7, 27, 8),
        write(9, 35, 8),
        read(10, 100, 1),
    ];
    let tags = bench.calls(0, &calls);
    bench.device.take();
    let jobs: Vec<_> = (0..bench.device.taken.len())
        .map(|_| bench.device.begin(0))
        .map(|job| (job.sector - EXTENTS[0].first, job.sectors))
        .collect();
    assert_eq!(jobs, [(0, 27), (27, 8), (35, 8), (100, 1)]);
    // A new bench, because those requests have been taken.
    let mut bench = support::bench();
    assert_eq!(bench.calls(0, &calls), tags);
    assert_eq!(bench.serve(), 4);
    let answered: Vec<u64> = std::iter::from_fn(|| bench.answer(0).map(|it| it.0)).collect();
    assert_eq!(answered, tags);
    for (block, sector) in [(0, 0), (1, 8), (5, 16), (6, 24), (7, 27)] {
        assert_eq!(
            bench.word(0, block, 0),
            sector_word(EXTENTS[0].first + sector)
        );
    }
}

#[test]
fn one_that_fails_among_neighbours_fails_alone() {
    let mut bench = bench();
    let tags = bench.calls(0, &[read(0, 0, 8), read(1, 8, 8), read(2, 16, 8)]);
    bench.device.take();
    assert_eq!(bench.device.taken.len(), 1);
    bench.device.serve(0, 1, &mut bench.pools);
    bench.event(Event::Device);
    assert_eq!(bench.answer(0), None);
    bench.device.take();
    assert_eq!(bench.device.taken.len(), 3, "each is tried alone");
    bench.device.serve(0, 0, &mut bench.pools);
    bench.device.serve(0, 1, &mut bench.pools);
    bench.device.serve(0, 0, &mut bench.pools);
    bench.event(Event::Device);
    let statuses = [Status::Done, Status::DeviceError, Status::Done];
    for (tag, status) in tags.into_iter().zip(statuses) {
        assert_eq!(bench.answer(0).map(|it| (it.0, it.1)), Some((tag, status)));
    }
    assert!(bench.is_at_rest());
}

#[test]
fn a_full_queue_takes_more_when_it_has_room() {
    for (limit, at_once) in [(4, 1), (8, 2), (16, 5), (1024, 85)] {
        let mut bench = bench_of(ABILITIES, limit);
        let mut tags = Vec::new();
        for number in 0..100 {
            // Of no two is one behind the other.
            let call = zero(16 * number, 1);
            tags.push(bench.call(0, call));
        }
        let mut served = Vec::new();
        loop {
            match bench.serve() {
                0 => break,
                count => served.push(count),
            }
        }
        assert_eq!(served[0], at_once, "{limit}");
        assert_eq!(served.iter().sum::<usize>(), 100);
        let answered: Vec<u64> = std::iter::from_fn(|| bench.answer(0).map(|it| it.0)).collect();
        assert_eq!(answered, tags);
    }
}

#[test]
fn a_transfer_of_more_segments_than_there_may_be_is_done_in_pieces() {
    let few = Abilities {
        segments: 3,
        ..ABILITIES
    };
    for (abilities, limit, pieces) in [(few, 256, 3), (ABILITIES, 4, 4), (ABILITIES, 8, 2)] {
        let mut bench = bench_of(abilities, limit);
        // No two of them are neighbours in memory.
        let blocks = [0, 2, 4, 6, 8, 10, 12, 14];
        let tag = bench.call(0, read_into(0, &blocks, 8, 61));
        let other = bench.call(1, read_into(1, &[0], 0, 8));
        let mut served = 0;
        loop {
            match bench.serve() {
                0 => break,
                count => served += count,
            }
        }
        assert_eq!(served, pieces + 1, "{limit}");
        assert_eq!(bench.answer(0), Some((tag, Status::Done, 61, 0)));
        assert_eq!(bench.answer(1).map(|it| it.0), Some(other));
        for (place, block) in blocks.into_iter().enumerate() {
            let sector = EXTENTS[0].first + 8 + 8 * place as u64;
            assert_eq!(bench.word(0, block, 0), sector_word(sector));
        }
        assert!(bench.is_at_rest());
    }
}

#[test]
fn queues_that_cannot_hold_a_request_are_refused() {
    let memory = atoll_test_disk::Memory::new(DMA_SIZE, DMA_PHYSICAL);
    for limit in 0..4 {
        let error = Queue::new(memory.dma(), limit).unwrap_err();
        assert_eq!(
            error,
            VirtioError::QueueUnusable {
                size: limit,
                needed: 4
            }
        );
    }
    let small = atoll_test_disk::Memory::new(4096, DMA_PHYSICAL);
    assert!(matches!(
        Queue::new(small.dma(), 128),
        Err(VirtioError::DmaTooSmall { size: 4096, .. })
    ));
}

#[test]
fn zeroes_are_written_by_the_device_or_from_a_page() {
    for (ability, requests) in [(1 << 16, 1), (100, 3), (0, 2)] {
        let abilities = Abilities {
            zero: ability,
            ..ABILITIES
        };
        let mut bench = bench_of(abilities, 256);
        let tag = bench.call(0, zero(7, 300));
        let mut served = 0;
        loop {
            match bench.serve() {
                0 => break,
                count => served += count,
            }
        }
        assert_eq!(served, requests, "{ability}");
        assert_eq!(
            bench.answer(0).map(|it| (it.0, it.1, it.2)),
            Some((tag, Status::Done, 300))
        );
        let zeroed = |sector: u64| bench.device.store.read(EXTENTS[0].first + sector) == [0; 512];
        assert!((7..307).all(zeroed) && !zeroed(6) && !zeroed(307));
    }
}

#[test]
fn a_device_that_cannot_discard_is_not_asked_to() {
    let mut bench = bench();
    assert_eq!(bench.done(0, discard(0, 4096)), (Status::Done, 4096));
    let mut bench = bench_of(
        Abilities {
            discard: 0,
            ..ABILITIES
        },
        256,
    );
    assert_eq!(bench.ask(0, discard(0, 4096)), Status::Done);
}

#[test]
fn a_device_that_keeps_nothing_in_memory_is_not_flushed() {
    let mut abilities = ABILITIES;
    abilities.properties.caches = false;
    assert_eq!(bench_of(abilities, 256).ask(0, flush()), Status::Done);
}

#[test]
fn a_disk_that_cannot_be_written_refuses_that() {
    let mut abilities = ABILITIES;
    abilities.properties.read_only = true;
    let mut bench = bench_of(abilities, 256);
    for call in [write(0, 0, 8), zero(0, 8), discard(0, 8)] {
        assert_eq!(bench.ask(0, call), Status::ReadOnly);
    }
    assert_eq!(bench.done(0, read(0, 0, 8)).0, Status::Done);
}

#[test]
fn transfers_are_of_whole_blocks_of_the_disk() {
    let mut abilities = ABILITIES;
    abilities.properties.block_size = 4096;
    let mut bench = bench_of(abilities, 256);
    for (sector, sectors) in [(0, 1), (1, 8), (0, 7), (4, 8)] {
        let refused = bench.ask(0, read_into(0, &[0, 1], sector, sectors));
        assert_eq!(refused, Status::InvalidArgument, "{sector} {sectors}");
    }
    assert_eq!(bench.done(0, read(0, 8, 8)), (Status::Done, 8));
}

#[test]
fn notifications_and_interrupts_can_be_suppressed() {
    let mut bench = bench();
    bench.device.set_notifications(false);
    bench.call(0, read(0, 0, 1));
    assert_eq!(bench.line.notified.get(), 0);
    bench.device.set_notifications(true);
    bench.call(0, read(1, 0, 1));
    assert_eq!(bench.line.notified.get(), 1);
    assert!(bench.device.wants_interrupt());
    bench.driver.set_interrupts(false);
    assert!(!bench.device.wants_interrupt() && !bench.driver.has_finished());
    bench.device.serve_all(&mut bench.pools);
    assert!(bench.driver.has_finished());
    bench.driver.set_interrupts(true);
    assert!(bench.device.wants_interrupt());
    assert_eq!(Operation::Flush as u32, 4, "section 5.2.6");
}
