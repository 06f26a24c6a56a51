//! The life of requests against a device that keeps to the protocol, and bad requests.

mod support;

use std::collections::HashMap;

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::interface::Call;
use atoll_abi::syscall::{NO_BLOCK, Status, Syscall};
use atoll_virtio_blk::{Driver, DriverError, Queue, Submission};
use support::{
    Bench, CAPACITY, DMA_PHYSICAL, DMA_SIZE, Line, Memory, Numbers, POOL_BLOCKS, answers, bench,
    completions, pools, read, sector_word, status,
};

fn answer(driver: &mut Driver<Line>, request: &Syscall) -> Status {
    match driver.submit(request) {
        Submission::Answered(completion) => {
            assert_eq!(completion.tag, request.tag);
            let status = status(&completion);
            let block = if status == Status::BadBlock {
                NO_BLOCK
            } else {
                request.block
            };
            assert_eq!(completion.block, block);
            status
        }
        other => panic!("{request:?}: {other:?}"),
    }
}

#[test]
fn reads_into_the_named_block() {
    let Bench {
        mut driver,
        device,
        line,
        pool,
        ..
    } = bench(128);
    assert_eq!(driver.submit(&read(7, 3, 1000, 8)), Submission::Accepted);
    assert_eq!(
        driver.submit(&read(8, 63, CAPACITY - 1, 1)),
        Submission::Accepted
    );
    let mut other = read(9, 2, 5, 2);
    other.arguments[2] = 1;
    assert_eq!(driver.submit(&other), Submission::Accepted);
    assert_eq!(
        device.borrow_mut().take(),
        0,
        "nothing is visible before it is published"
    );
    driver.publish();
    assert_eq!(line.notified.get(), 1, "one notification for the batch");
    driver.publish();
    assert_eq!(line.notified.get(), 1);
    assert!(!driver.has_completions());
    assert_eq!(device.borrow_mut().serve_all(), 3);
    assert!(driver.has_completions());
    let done: Vec<_> = completions(&mut driver)
        .map(|it| (it.tag, status(&it), it.block, it.result))
        .collect();
    assert_eq!(
        done,
        [
            (7, Status::Done, 3, [8, CAPACITY]),
            (8, Status::Done, 63, [1, CAPACITY]),
            (9, Status::Done, 2, [2, CAPACITY]),
        ]
    );
    let memory = pool.dma();
    for word in 0..512 {
        let place = 8 * word;
        let expected = sector_word(1000 + word as u64 / 64);
        assert_eq!(memory.load64(3 * BLOCK_SIZE + place), expected);
    }
    assert_eq!(memory.load64(63 * BLOCK_SIZE), sector_word(CAPACITY - 1));
    assert_eq!(memory.load64(63 * BLOCK_SIZE + 512), 0, "one sector only");
    assert_eq!(
        memory.load64(42 * BLOCK_SIZE + 512),
        sector_word(6),
        "block 2 of pool 1"
    );
}

#[test]
fn requests_for_what_is_not_there_never_reach_the_device() {
    let Bench {
        mut driver,
        device,
        line,
        ..
    } = bench(128);
    let good = read(1, 0, 0, 1);
    let call = |call| Syscall { call, ..good };
    let pool = |pool, block| {
        let mut request = read(1, block, 0, 1);
        request.arguments[2] = pool;
        request
    };
    let wide = |argument: usize| {
        let mut request = good;
        request.arguments[argument] |= 1 << 32;
        request
    };
    let bad = [
        (read(1, POOL_BLOCKS, 0, 1), Status::BadBlock),
        (read(2, u32::MAX, 0, 1), Status::BadBlock),
        (read(3, 0, 0, 0), Status::InvalidArgument),
        (read(4, 0, 0, 9), Status::InvalidArgument),
        (read(5, 0, 0, u32::MAX), Status::InvalidArgument),
        (read(6, 0, CAPACITY, 1), Status::InvalidArgument),
        (read(7, 0, CAPACITY - 7, 8), Status::InvalidArgument),
        (read(8, 0, u64::MAX, 1), Status::InvalidArgument),
        (read(9, 0, u64::MAX - 7, 8), Status::InvalidArgument),
        // Both: a block that does not exist is not given back.
        (read(10, POOL_BLOCKS, CAPACITY, 9), Status::BadBlock),
        (call(0), Status::UnknownCall),
        (call(u16::MAX), Status::UnknownCall),
        (call(Call::Read as u16), Status::NotAllowed),
        (call(Call::Exit as u16), Status::NotAllowed),
        (pool(2, 0), Status::BadBlock),
        (pool(24, 0), Status::BadBlock),
        (pool(u32::MAX.into(), 0), Status::BadBlock),
        (pool(1, 4), Status::BadBlock),
        (wide(1), Status::InvalidArgument),
        (wide(2), Status::InvalidArgument),
    ];
    for (request, status) in &bad {
        assert_eq!(answer(&mut driver, request), *status, "{request:?}");
    }
    driver.publish();
    assert_eq!((line.notified.get(), device.borrow_mut().take()), (0, 0));
    assert_eq!(driver.submit(&good), Submission::Accepted);
}

#[test]
fn a_full_queue_takes_more_when_it_has_room() {
    for (limit, chains) in [(4, 1), (8, 2), (100, 21), (128, 42), (1024, 42)] {
        let Bench {
            mut driver, device, ..
        } = bench(limit);
        for tag in 0..chains {
            assert!(!driver.is_full());
            assert_eq!(driver.submit(&read(tag, 0, tag, 1)), Submission::Accepted);
        }
        assert!(driver.is_full());
        assert_eq!(driver.submit(&read(99, 0, 0, 1)), Submission::Full);
        assert_eq!(
            answer(&mut driver, &read(98, 0, 0, 0)),
            Status::InvalidArgument,
            "even when full"
        );
        driver.publish();
        assert_eq!(device.borrow_mut().serve_all() as u64, chains);
        assert_eq!(answers(&mut driver).len() as u64, chains);
        assert_eq!(driver.submit(&read(99, 0, 0, 1)), Submission::Accepted);
    }
}

#[test]
fn queues_that_cannot_hold_a_request_are_refused() {
    let memory = Memory::new(DMA_SIZE, DMA_PHYSICAL);
    for limit in 0..4 {
        let error = Queue::new(memory.dma(), limit).unwrap_err();
        assert_eq!(error, DriverError::QueueUnusable { size: limit });
    }
    let small = Memory::new(4096, DMA_PHYSICAL);
    assert!(matches!(
        Queue::new(small.dma(), 128),
        Err(DriverError::DmaTooSmall { size: 4096, .. })
    ));
    assert_eq!(pools().len(), 2);
}

#[test]
fn device_errors_and_short_transfers_fail_that_request_alone() {
    let Bench {
        mut driver,
        device,
        line,
        ..
    } = bench(128);
    for tag in 0..5 {
        assert_eq!(driver.submit(&read(tag, 0, 0, 1)), Submission::Accepted);
    }
    driver.publish();
    {
        let mut device = device.borrow_mut();
        device.take();
        device.serve(0, 1);
        device.serve(0, 2);
        device.serve(0, 0);
        // Nothing written, and less than all: with the status byte as the driver left it.
        let heads = std::mem::take(&mut device.taken);
        device.put_used(heads[0].into(), 0);
        device.put_used(heads[1].into(), 512);
    }
    assert_eq!(
        answers(&mut driver),
        [
            (0, Status::DeviceError),
            (1, Status::DeviceError),
            (2, Status::Done),
            (3, Status::DeviceError),
            (4, Status::DeviceError)
        ]
    );
    assert_eq!((driver.failure(), line.stopped.get()), (None, 0));
}

#[test]
fn notifications_and_interrupts_can_be_suppressed() {
    let Bench {
        mut driver,
        device,
        line,
        ..
    } = bench(128);
    device.borrow().set_notifications(false);
    assert_eq!(driver.submit(&read(0, 0, 0, 1)), Submission::Accepted);
    driver.publish();
    assert_eq!(line.notified.get(), 0);
    device.borrow().set_notifications(true);
    assert_eq!(driver.submit(&read(1, 0, 0, 1)), Submission::Accepted);
    driver.publish();
    assert_eq!(line.notified.get(), 1);
    assert!(device.borrow().wants_interrupt());
    driver.set_interrupts(false);
    assert!(!device.borrow().wants_interrupt());
    driver.set_interrupts(true);
    assert!(device.borrow().wants_interrupt());
}

/// Batches of any size, finished in any order, until the 16-bit indices have come round.
#[test]
fn seventy_thousand_requests_out_of_order() {
    const REQUESTS: u64 = 70_000;
    let Bench {
        mut driver,
        device,
        pool,
        ..
    } = bench(128);
    let memory = pool.dma();
    let mut numbers = Numbers(0x00A7_0110);
    let mut waiting = HashMap::new();
    let (mut next, mut done, mut swaps) = (0, 0, 0);
    while done < REQUESTS {
        while next < REQUESTS && !driver.is_full() && numbers.below(8) != 0 {
            let block = (0..POOL_BLOCKS)
                .find(|b| waiting.values().all(|(used, _, _)| used != b))
                .unwrap();
            let sectors = 1 + numbers.below(8) as u32;
            let sector = numbers.below(CAPACITY - 8);
            assert_eq!(
                driver.submit(&read(next, block, sector, sectors)),
                Submission::Accepted
            );
            waiting.insert(next, (block, sector, sectors));
            next += 1;
        }
        driver.publish();
        {
            let mut device = device.borrow_mut();
            device.take();
            for _ in 0..numbers.below(device.taken.len() as u64 + 1) {
                let choice = numbers.below(device.taken.len() as u64) as usize;
                swaps += usize::from(choice != 0);
                device.serve(choice, 0);
            }
        }
        for completion in completions(&mut driver) {
            assert_eq!(status(&completion), Status::Done);
            let (block, sector, sectors) = waiting.remove(&completion.tag).expect("answered once");
            assert_eq!(completion.block, block);
            assert_eq!(completion.result, [sectors.into(), CAPACITY]);
            let first = block as usize * BLOCK_SIZE;
            let last = first + sectors as usize * 512 - 8;
            assert_eq!(memory.load64(first), sector_word(sector));
            assert_eq!(
                memory.load64(last),
                sector_word(sector + u64::from(sectors) - 1)
            );
            done += 1;
        }
    }
    assert!(waiting.is_empty() && swaps > 10_000, "{swaps} out of order");
    assert_eq!(u64::from(device.borrow().used), REQUESTS & 0xFFFF);
    println!("{done} requests, {swaps} of them out of order");
}
