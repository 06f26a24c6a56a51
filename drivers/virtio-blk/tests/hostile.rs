//! Devices that break the protocol.

mod support;

use atoll_abi::syscall::Status;
use atoll_virtio_blk::{DriverError, Submission};
use support::{Bench, FakeDevice, Numbers, answers, bench, read, status};

/// Sends three requests, lets the first finish, then lets the device misbehave.
fn after(misdeed: impl FnOnce(&mut FakeDevice)) -> DriverError {
    let Bench {
        mut driver,
        device,
        line,
        ..
    } = bench(128);
    for tag in 10..13 {
        assert_eq!(driver.submit(&read(tag, 0, 0, 8)), Submission::Accepted);
    }
    driver.publish();
    {
        let mut device = device.borrow_mut();
        device.take();
        device.serve(0, 0);
        misdeed(&mut device);
    }
    let mut found = answers(&mut driver);
    found.sort_unstable_by_key(|(tag, _)| *tag);
    let finished = found
        .iter()
        .filter(|(_, status)| *status == Status::Done)
        .count();
    assert!(finished <= 1, "only the first was finished");
    let known = |(_, status): &(_, Status)| matches!(status, Status::Done | Status::DeviceError);
    assert!(found.iter().all(known), "{found:?}");
    let tags: Vec<_> = found.iter().map(|(tag, _)| *tag).collect();
    assert_eq!(tags, [10, 11, 12], "each is answered once");
    assert_eq!(line.stopped.get(), 1);
    assert!(!driver.has_completions() && !driver.is_full());
    // The driver stays and says what it can.
    let Submission::Answered(completion) = driver.submit(&read(20, 0, 0, 8)) else {
        panic!("accepted by a stopped device");
    };
    assert_eq!(completion.tag, 20);
    assert_eq!(status(&completion), Status::DeviceError);
    assert_eq!(completion.block, 0);
    driver.publish();
    assert_eq!((line.notified.get(), line.stopped.get()), (1, 1));
    driver.failure().unwrap()
}

#[test]
fn used_ids_that_are_not_in_flight() {
    // The middle of a chain, a free chain, beyond the queue, the first one again, nonsense.
    for id in [4, 9, 126, 128, 0, 0x1_0003, u32::MAX] {
        let error = after(|device| device.put_used(id, 4097));
        assert_eq!(error, DriverError::UsedId { id });
    }
}

#[test]
fn used_lengths_beyond_the_chain() {
    for length in [4098, u32::MAX] {
        let error = after(|device| {
            let head = device.taken[0];
            device.put_used(head.into(), length);
        });
        assert_eq!(error, DriverError::UsedLength { length, most: 4097 });
    }
}

#[test]
fn used_indices_that_run_away_or_back() {
    for found in [4, 0x7FFF, 0xFFFF] {
        let error = after(|device| device.queue.store16(device.used_ring + 2, found));
        let expected = DriverError::UsedIndex {
            found,
            seen: 0,
            in_flight: 3,
        };
        assert_eq!(error, expected);
        assert!(error.to_string().contains(';'));
    }
}

#[test]
fn what_the_device_writes_elsewhere_is_not_read() {
    let Bench {
        mut driver, device, ..
    } = bench(128);
    let mut numbers = Numbers(99);
    for round in 0..200 {
        for tag in 0..3 {
            assert_eq!(
                driver.submit(&read(3 * round + tag, 0, 0, 1)),
                Submission::Accepted
            );
        }
        driver.publish();
        let mut device = device.borrow_mut();
        assert_eq!(device.serve_all(), 3);
        // All of the page with the descriptors but the two indices and flags, and the links with them.
        for _ in 0..50 {
            let place = device.descriptors + 8 * numbers.below(256) as usize;
            let (old, next) = (device.queue.load64(place), numbers.0);
            device.queue.store64(place, next);
            assert_eq!(answers(&mut driver).len() % 3, 0);
            device.queue.store64(place, old);
        }
        assert_eq!(driver.failure(), None);
    }
}

/// Random used rings, indices and status bytes: every request is answered once, and nothing panics.
#[test]
fn noise() {
    let mut stopped = 0;
    for seed in 1..2_000 {
        let mut numbers = Numbers(seed * 0x9E37_79B9);
        let Bench {
            mut driver,
            device,
            line,
            ..
        } = bench(64);
        device.borrow_mut().honest = false;
        let (mut sent, mut answered) = (0, 0);
        for _ in 0..20 {
            for _ in 0..numbers.below(5) {
                match driver.submit(&read(sent, 0, 0, 1 + numbers.below(8) as u32)) {
                    Submission::Accepted => sent += 1,
                    Submission::Answered(_) => (sent, answered) = (sent + 1, answered + 1),
                    Submission::Full => {}
                }
            }
            driver.publish();
            let mut device = device.borrow_mut();
            device.take();
            match numbers.below(6) {
                0 => device.put_used(numbers.below(100) as u32, numbers.below(5000) as u32),
                1 => {
                    let place = device.used_ring + 2 * numbers.below(32) as usize;
                    device.queue.store16(place, numbers.below(80) as u16);
                }
                _ if !device.taken.is_empty() => device.serve(0, numbers.below(3) as u8),
                _ => {}
            }
            answered += answers(&mut driver).len() as u64;
            assert!(answered <= sent);
        }
        driver.stop(DriverError::ClientLost);
        answered += answers(&mut driver).len() as u64;
        assert_eq!(answered, sent, "seed {seed}");
        assert_eq!(line.stopped.get(), 1);
        stopped += usize::from(driver.failure() != Some(DriverError::ClientLost));
    }
    println!("{stopped} of 1999 devices were stopped for what they did");
    assert!(stopped > 1_000);
}
