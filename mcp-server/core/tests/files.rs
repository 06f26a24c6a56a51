//! The file service within one cluster.

mod common;

use atoll_abi::block::{BLOCK_SIZE, BlockReply, BlockStatus, SECTORS_PER_BLOCK};
use atoll_abi::layout::RING_SLOTS;
use atoll_abi::syscall::{Call, NO_BLOCK, Route, Status, Syscall};
use atoll_core::{HANDLES_PER_PROCESS, Personality, Progress};
use common::*;

fn opened(personality: &mut Personality, fake: &mut Fake, process: usize) -> u32 {
    let answer = ask(personality, fake, process, open("input"));
    assert_eq!(status(&answer), Status::Done);
    assert_eq!(answer.result[1], LENGTH);
    let second = fake.take(process, 0);
    assert_eq!(second, None, "a call completes exactly once");
    answer.result[0] as u32
}

#[test]
fn a_file_is_opened_read_and_closed() {
    let (mut personality, mut fake) = started();
    let handle = opened(&mut personality, &mut fake, 0);
    let answer = ask(
        &mut personality,
        &mut fake,
        0,
        with_handle(Call::Stat, handle),
    );
    assert_eq!((status(&answer), answer.result[0]), (Status::Done, LENGTH));

    fake.submit(0, 0, read(handle, BLOCK_SIZE as u64, BLOCK_SIZE as u64, 5));
    assert_eq!(personality.step(&mut fake), Progress::Worked);
    assert_eq!(personality.blocks_in_use(), 1);
    let request = fake.requests[0];
    assert_eq!((request.pool, request.block), (0, 5));
    // The file begins at block 1; 513 bytes of its second block are two sectors.
    assert_eq!(
        (request.sector, request.sectors),
        (2 * SECTORS_PER_BLOCK, 2)
    );
    settle(&mut personality, &mut fake);
    let answer = fake.take(0, 0).unwrap();
    assert_eq!((answer.tag, status(&answer)), (2, Status::Done));
    assert_eq!((answer.result[0], answer.block), (513, 5));
    assert_eq!(answer.route, Route::Server as u32);

    let answer = ask(
        &mut personality,
        &mut fake,
        0,
        with_handle(Call::Close, handle),
    );
    assert_eq!(
        (answer.tag, status(&answer), answer.block),
        (3, Status::Done, NO_BLOCK)
    );
    assert_eq!(
        (personality.outstanding(), personality.blocks_in_use()),
        (0, 0)
    );
    assert_eq!(personality.open_files(), 0);
    let answer = ask(
        &mut personality,
        &mut fake,
        0,
        with_handle(Call::Stat, handle),
    );
    assert_eq!(status(&answer), Status::BadHandle);
}

#[test]
fn the_end_of_the_file_needs_no_device() {
    let (mut personality, mut fake) = started();
    let handle = opened(&mut personality, &mut fake, 0);
    let empty = ask(&mut personality, &mut fake, 0, open("empty")).result[0] as u32;
    for syscall in [
        read(handle, 2 * BLOCK_SIZE as u64, 4096, 0),
        read(handle, u64::MAX - 4095, 4096, 0),
        read(handle, 0, 0, 0),
        read(empty, 0, 4096, 0),
    ] {
        fake.submit(0, 0, syscall);
        while personality.step(&mut fake) == Progress::Worked {
            assert!(fake.requests.is_empty());
        }
        let answer = fake.take(0, 0).unwrap();
        assert_eq!(
            (status(&answer), answer.result[0], answer.block),
            (Status::Done, 0, 0)
        );
    }
    assert_eq!(personality.blocks_in_use(), 0);
}

#[test]
fn wrong_arguments_are_named() {
    let (mut personality, mut fake) = started();
    let handle = opened(&mut personality, &mut fake, 0);
    let cases: [(Syscall, Status); 9] = [
        (read(handle, 1, 4096, 0), Status::InvalidArgument),
        (read(handle, 0, 4097, 0), Status::InvalidArgument),
        (read(handle, 0, 4096, 8), Status::BadBlock),
        (read(handle, 0, 4096, NO_BLOCK), Status::BadBlock),
        (read(handle + 1, 0, 4096, 0), Status::BadHandle),
        (read(0, 0, 4096, 0), Status::BadHandle),
        (open("nothing"), Status::NotFound),
        (call(Call::Open, 9), Status::InvalidArgument),
        (
            Syscall {
                call: 77,
                ..call(Call::Open, 9)
            },
            Status::UnknownCall,
        ),
    ];
    for (syscall, expected) in cases {
        let answer = ask(&mut personality, &mut fake, 0, syscall);
        assert_eq!(status(&answer), expected, "{syscall:?}");
        assert_eq!((answer.tag, answer.result), (syscall.tag, [0; 2]));
    }
    let stale = Syscall {
        generation: 2,
        ..open("input")
    };
    assert_eq!(
        status(&ask(&mut personality, &mut fake, 0, stale)),
        Status::NotAllowed
    );
    assert_eq!(
        (personality.outstanding(), personality.blocks_in_use()),
        (0, 0)
    );
}

#[test]
fn a_block_in_use_is_refused_until_it_is_free() {
    let (mut personality, mut fake) = started();
    let handle = opened(&mut personality, &mut fake, 0);
    let second = opened(&mut personality, &mut fake, 1);
    fake.submit(0, 0, read(handle, 0, 4096, 3));
    fake.submit(0, 1, read(handle, 4096, 4096, 3));
    fake.submit(1, 0, read(second, 0, 4096, 3));
    while personality.step(&mut fake) == Progress::Worked {}
    let refused = fake.take(0, 1).unwrap();
    assert_eq!(
        (status(&refused), refused.block),
        (Status::BadBlock, NO_BLOCK)
    );
    // The same index in the pool of another process is another block.
    assert_eq!(fake.requests.len(), 2);
    settle(&mut personality, &mut fake);
    assert_eq!(status(&fake.take(0, 0).unwrap()), Status::Done);
    assert_eq!(
        status(&ask(
            &mut personality,
            &mut fake,
            0,
            read(handle, 0, 4096, 3)
        )),
        Status::Done
    );
}

#[test]
fn a_process_cannot_use_the_handle_of_another() {
    let (mut personality, mut fake) = started();
    let handle = opened(&mut personality, &mut fake, 0);
    for syscall in [
        read(handle, 0, 4096, 0),
        with_handle(Call::Stat, handle),
        with_handle(Call::Close, handle),
    ] {
        let answer = ask(&mut personality, &mut fake, 1, syscall);
        assert_eq!(status(&answer), Status::BadHandle);
    }
    let answer = ask(
        &mut personality,
        &mut fake,
        0,
        with_handle(Call::Stat, handle),
    );
    assert_eq!(status(&answer), Status::Done);
}

#[test]
fn open_files_are_bounded_for_each_process() {
    let (mut personality, mut fake) = started();
    for _ in 0..HANDLES_PER_PROCESS {
        opened(&mut personality, &mut fake, 0);
    }
    let answer = ask(&mut personality, &mut fake, 0, open("input"));
    assert_eq!(status(&answer), Status::Busy);
    opened(&mut personality, &mut fake, 1);
}

#[test]
fn calls_before_the_volume_is_ready_wait_for_it() {
    let (mut personality, mut fake) = (personality(0), Fake::new());
    personality.start(&mut fake);
    for _ in 0..40 {
        fake.submit(0, 0, open("nothing"));
        fake.submit(1, 0, open("nothing"));
    }
    while personality.step(&mut fake) == Progress::Worked {}
    assert_eq!(fake.requests.len(), 1);
    assert_eq!((fake.requests[0].pool, fake.requests[0].sectors), (4, 8));
    assert!(fake.completions[0][0].is_empty());
    settle(&mut personality, &mut fake);
    for process in [0, 1] {
        assert_eq!(fake.completions[process][0].len(), 40);
        assert!(
            fake.completions[process][0]
                .iter()
                .all(|c| status(c) == Status::NotFound)
        );
    }
}

#[test]
fn a_disk_without_a_volume_serves_nobody() {
    let (mut personality, mut fake) = (personality(0), Fake::new());
    fake.header = [0; BLOCK_SIZE];
    personality.start(&mut fake);
    let answer = ask(&mut personality, &mut fake, 0, open("input"));
    assert_eq!(status(&answer), Status::NoService);

    let (mut personality, mut fake) = (common::personality(0), Fake::new());
    personality.start(&mut fake);
    fake.submit(0, 0, open("input"));
    while personality.step(&mut fake) == Progress::Worked {}
    let tag = fake.requests.pop_front().unwrap().tag;
    fake.replies.push_back(failure(tag));
    settle(&mut personality, &mut fake);
    assert_eq!(status(&fake.take(0, 0).unwrap()), Status::DeviceError);
}

#[test]
fn a_device_error_ends_the_read_and_frees_its_block() {
    let (mut personality, mut fake) = started();
    let handle = opened(&mut personality, &mut fake, 0);
    fake.submit(0, 0, read(handle, 0, 4096, 1));
    while personality.step(&mut fake) == Progress::Worked {}
    let tag = fake.requests.pop_front().unwrap().tag;
    // The driver answers three times; twice too often.
    for _ in 0..3 {
        fake.replies.push_back(failure(tag));
    }
    fake.replies.push_back(failure(u64::MAX));
    settle(&mut personality, &mut fake);
    let answer = fake.take(0, 0).unwrap();
    assert_eq!((status(&answer), answer.block), (Status::DeviceError, 1));
    assert_eq!(fake.take(0, 0), None);
    assert_eq!(personality.counters().stale_replies, 3);
    assert_eq!(personality.blocks_in_use(), 0);
}

#[test]
fn a_driver_that_breaks_its_ring_ends_every_read_once() {
    let (mut personality, mut fake) = started();
    let handle = opened(&mut personality, &mut fake, 0);
    for block in 0..4 {
        fake.submit(0, 0, read(handle, 0, 4096, block));
    }
    while personality.step(&mut fake) == Progress::Worked {}
    fake.broken_driver = true;
    fake.submit(0, 0, read(handle, 0, 4096, 7));
    settle(&mut personality, &mut fake);
    let answers: Vec<_> = fake.completions[0][0].drain(..).collect();
    assert_eq!(answers.len(), 5);
    assert!(
        answers
            .iter()
            .all(|answer| status(answer) == Status::PeerLost)
    );
    assert_eq!(
        (personality.outstanding(), personality.blocks_in_use()),
        (0, 0)
    );
}

#[test]
fn more_reads_than_the_drivers_ring_holds_all_end() {
    let (mut personality, mut fake) = started();
    fake.capacity_of_rings = 2;
    let handle = opened(&mut personality, &mut fake, 0);
    for vcore in 0..2 {
        for index in 0..4 {
            fake.submit(0, vcore, read(handle, 0, 4096, vcore as u32 * 4 + index));
        }
    }
    let mut ended = 0;
    for _ in 0..100 {
        if personality.step(&mut fake) == Progress::Stalled {
            fake.drive();
        }
        for vcore in 0..2 {
            while let Some(answer) = fake.take(0, vcore) {
                assert_eq!(status(&answer), Status::Done);
                ended += 1;
            }
        }
        fake.drive();
    }
    assert_eq!((ended, personality.outstanding()), (8, 0));
}

#[test]
fn a_driver_has_no_more_unanswered_than_its_ring_holds() {
    let mut plan = plan();
    plan.pools[0].blocks = 2 * RING_SLOTS as u32;
    let mut personality = Box::new(Personality::new(&plan, 0));
    let mut fake = Fake::new();
    personality.start(&mut fake);
    settle(&mut personality, &mut fake);
    let handle = opened(&mut personality, &mut fake, 0);
    for block in 0..2 * RING_SLOTS {
        fake.submit(0, block % 4, read(handle, 0, 4096, block as u32));
    }
    // The driver takes requests out of its ring and answers none.
    let mut asked = Vec::new();
    while personality.step(&mut fake) == Progress::Worked {
        asked.extend(fake.requests.drain(..));
    }
    assert_eq!(asked.len(), RING_SLOTS);
    fake.requests.extend(asked);
    settle(&mut personality, &mut fake);
    let ended: usize = (0..4).map(|vcore| fake.completions[0][vcore].len()).sum();
    assert_eq!((ended, personality.outstanding()), (2 * RING_SLOTS, 0));
}

fn failure(tag: u64) -> BlockReply {
    BlockReply {
        tag,
        status: BlockStatus::DeviceError as u32,
        padding: 0,
        capacity: CAPACITY,
        reserved: [0; 4],
    }
}
