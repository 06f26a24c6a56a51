//! Devices that break the protocol.

mod support;

use std::collections::BTreeSet;

use atoll_abi::syscall::Status;
use atoll_call::{Event, Service};
use atoll_driver::DeviceService;
use atoll_test_disk::FakeDevice;
use atoll_test_virtio::Numbers;
use atoll_virtio::VirtioError;
use support::*;

/// Sends three requests, lets the first finish, then lets the device misbehave. `misdeed` is given the heads of the other two.
fn after(misdeed: impl FnOnce(&mut FakeDevice)) -> VirtioError {
    let mut bench = bench();
    let tags = bench.calls(0, &[read(0, 0, 8), read(1, 100, 8), read(2, 200, 8)]);
    bench.device.take();
    bench.device.serve(0, 0, &mut bench.pools);
    misdeed(&mut bench.device);
    bench.event(Event::Device);
    let mut found: Vec<_> = std::iter::from_fn(|| bench.answer(0)).collect();
    found.sort_unstable_by_key(|answer| answer.0);
    let finished = found.iter().filter(|it| it.1 == Status::Done).count();
    assert!(finished <= 1, "only the first was finished");
    let known = found
        .iter()
        .all(|it| matches!(it.1, Status::Done | Status::DeviceError));
    assert!(known, "{found:?}");
    let answered: Vec<u64> = found.iter().map(|it| it.0).collect();
    assert_eq!(answered, tags, "each is answered once");
    assert_eq!(bench.line.stopped.get(), 1);
    assert!(!bench.driver.has_finished() && bench.is_at_rest());
    // The driver stays and says what it can.
    assert_eq!(bench.ask(0, read(0, 0, 8)), Status::DeviceError);
    assert_eq!(
        (bench.line.notified.get(), bench.line.stopped.get()),
        (1, 1)
    );
    bench.driver.disk().failure().unwrap()
}

#[test]
fn used_ids_that_are_not_in_flight() {
    // The middle of a chain, a free descriptor, beyond the queue, the first one again, nonsense.
    for id in [4, 9, 255, 256, 0, 0x1_0003, u32::MAX] {
        let error = after(|device| device.put_used(id, 4097));
        assert_eq!(error, VirtioError::UsedId { id });
    }
}

#[test]
fn used_lengths_beyond_the_chain() {
    for length in [4098, u32::MAX] {
        let error = after(|device| {
            let head = device.taken[0];
            device.put_used(head.into(), length);
        });
        assert_eq!(error, VirtioError::UsedLength { length, most: 4097 });
    }
}

#[test]
fn used_indices_that_run_away_or_back() {
    for found in [4, 0x7FFF, 0xFFFF] {
        let error = after(|device| device.queue.store16(device.used_ring + 2, found));
        let expected = VirtioError::UsedIndex {
            found,
            seen: 0,
            in_flight: 3,
        };
        assert_eq!(error, expected);
        assert!(error.to_string().contains(';'));
    }
}

#[test]
fn errors_and_short_transfers_fail_that_request_alone() {
    let mut bench = bench();
    let calls: Vec<_> = (0..5).map(|at| read(at, 100 * u64::from(at), 1)).collect();
    let tags = bench.calls(0, &calls);
    bench.device.take();
    bench.device.serve(0, 1, &mut bench.pools);
    bench.device.serve(0, 2, &mut bench.pools);
    bench.device.serve(0, 0, &mut bench.pools);
    // Nothing written, and less than all: with the status byte as the driver left it.
    let heads = std::mem::take(&mut bench.device.taken);
    bench.device.put_used(heads[0].into(), 0);
    bench.device.put_used(heads[1].into(), 512);
    bench.event(Event::Device);
    let statuses = [1, 1, 0, 1, 1].map(|failed| match failed {
        0 => Status::Done,
        _ => Status::DeviceError,
    });
    for (tag, status) in tags.into_iter().zip(statuses) {
        assert_eq!(bench.answer(0).map(|it| (it.0, it.1)), Some((tag, status)));
    }
    assert_eq!(
        (bench.driver.disk().failure(), bench.line.stopped.get()),
        (None, 0)
    );
}

#[test]
fn what_the_device_writes_elsewhere_is_not_read() {
    let mut bench = bench();
    let mut numbers = Numbers(99);
    for _ in 0..200 {
        bench.calls(0, &[read(0, 0, 1), read(1, 50, 1), read(2, 100, 1)]);
        bench.device.take();
        for _ in 0..3 {
            bench.device.serve(0, 0, &mut bench.pools);
        }
        // The descriptors, and the links in them.
        for _ in 0..50 {
            let place = 8 * numbers.below(512) as usize;
            bench.device.queue.store64(place, numbers.0);
        }
        bench.event(Event::Device);
        assert_eq!(bench.world.answers[0].drain(..).count(), 3);
        assert_eq!(bench.driver.disk().failure(), None);
    }
}

#[test]
fn what_a_device_does_not_answer_is_known() {
    let mut bench = bench();
    bench.calls(0, &[read(0, 0, 8), read(1, 100, 8)]);
    let count = bench.driver.disk().queue().count();
    let stuck = |bench: &Bench| bench.driver.disk().queue().has_of_the_first(count);
    bench.device.take();
    bench.device.serve(1, 0, &mut bench.pools);
    bench.event(Event::Device);
    assert!(stuck(&bench), "one is left");
    bench.call(0, read(3, 200, 8));
    bench.device.serve(0, 0, &mut bench.pools);
    bench.event(Event::Device);
    assert!(!stuck(&bench), "what came later does not count");
    assert_eq!(bench.driver.disk().in_flight(), 1);
}

/// Random used rings, indices and status bytes: every request is answered once, and nothing panics.
#[test]
fn noise() {
    let mut stopped = 0;
    for seed in 1..2_000 {
        let mut numbers = Numbers(seed * 0x9E37_79B9);
        let mut bench = bench_of(ABILITIES, 64);
        bench.device.honest = false;
        let mut open = BTreeSet::new();
        for _ in 0..20 {
            for _ in 0..numbers.below(5) {
                if bench.driver.room(0, 64) > 0 {
                    let block = numbers.below(POOL_BLOCKS.into()) as u32;
                    let sectors = 1 + numbers.below(8) as u32;
                    open.insert(bench.call(0, read(block, numbers.below(9) * 8, sectors)));
                }
            }
            bench.device.take();
            match numbers.below(6) {
                0 => {
                    let (id, length) = (numbers.below(100), numbers.below(5000));
                    bench.device.put_used(id as u32, length as u32);
                }
                1 => {
                    let place = bench.device.used_ring + 2 * numbers.below(32) as usize;
                    bench.device.queue.store16(place, numbers.below(80) as u16);
                }
                _ if !bench.device.taken.is_empty() && bench.driver.disk().failure().is_none() => {
                    let status = numbers.below(3) as u8;
                    let head = bench.device.taken[0];
                    // Only what the driver believes to be under way can be read as a request.
                    if bench.driver.disk().queue().is_chain(head.into()) {
                        bench.device.serve(0, status, &mut bench.pools);
                    } else {
                        bench.device.taken.remove(0);
                    }
                }
                _ => {}
            }
            bench.event(Event::Device);
            for answer in bench.world.answers[0].drain(..) {
                assert!(open.remove(&answer.tag), "answered twice");
            }
        }
        bench.driver.stop(VirtioError::Quiesced);
        bench.event(Event::Device);
        for answer in bench.world.answers[0].drain(..) {
            assert!(open.remove(&answer.tag), "answered twice");
        }
        assert!(
            open.is_empty() && bench.is_at_rest(),
            "seed {seed}: {open:?}"
        );
        assert_eq!(bench.line.stopped.get(), 1);
        stopped += usize::from(bench.driver.disk().failure() != Some(VirtioError::Quiesced));
    }
    println!("{stopped} of 1999 devices were stopped for what they did");
    assert!(stopped > 1_000);
}
