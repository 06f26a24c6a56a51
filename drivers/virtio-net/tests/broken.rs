//! Devices that break the protocol, as the client sees them.

mod served;

use std::collections::BTreeSet;

use atoll_abi::syscall::Status;
use atoll_call::{Event, Service};
use atoll_driver::DeviceService;
use atoll_test_net::{FakeNetwork, FrameHeader};
use atoll_test_virtio::Numbers;
use atoll_virtio::VirtioError;
use served::*;

/// Has four buffers and four frames, two of them of one call, with the device and one frame received, lets the device misbehave, and looks whether each call
/// ends once, and its block comes back.
fn after(misdeed: impl FnOnce(&mut FakeNetwork)) {
    let mut bench = bench();
    let mut open: BTreeSet<(u64, u32)> = BTreeSet::new();
    for block in 0..4 {
        open.insert((bench.call(receive(block)), block));
    }
    for block in [10, 11] {
        open.insert((bench.call(transmit(OWN, &[block], 60)), block));
    }
    let several = transmit_several(OWN, &[12, 13], [60; 2], None);
    open.insert((bench.call(several), 12));
    let link = bench.call(await_link(1));
    bench.device.transmit.take();
    assert!(
        bench
            .device
            .deliver(FrameHeader::default(), &frame(0, 60), |_| PAGE, true)
    );
    misdeed(&mut bench.device);
    bench.event(Event::Device);
    let mut done = 0;
    for (tag, status, _, block) in bench.answers() {
        match status {
            Status::Done => done += 1,
            status => assert_eq!(status, Status::DeviceError),
        }
        let known = tag == link || open.remove(&(tag, block));
        assert!(known, "call {tag} is answered once, with block {block}");
    }
    assert!(open.is_empty() && done <= 1, "{open:?}");
    assert_eq!(
        (bench.line.stopped.get(), bench.line.restarted.get()),
        (1, 0)
    );
    assert!(bench.driver.failure().is_some() && bench.is_at_rest());
    assert!(!bench.driver.has_finished());
    // The driver stays and says what it can.
    for call in [
        receive(0),
        transmit(OWN, &[1], 60),
        transmit_several(OWN, &[1, 2], [60; 2], None),
        await_link(1),
        await_link(0),
    ] {
        assert_eq!(bench.ask(call), Status::DeviceError);
    }
    assert_eq!(bench.ask(describe()), Status::Done);
    assert!(bench.is_at_rest());
    // The next life of the client has a device again.
    bench.lose();
    assert_eq!(
        (bench.driver.take_quiet(), bench.line.restarted.get()),
        (Some(0), 1)
    );
    assert!(bench.driver.failure().is_none());
    bench.connect();
    bench.works();
}

#[test]
fn all_calls_end_when_the_device_breaks_the_protocol() {
    for id in [0, 4, 255, 256, u32::MAX] {
        after(|device| device.receive.put_used(id, 100));
    }
    for id in [1, 9, 300] {
        after(|device| device.transmit.put_used(id, 0));
    }
    after(|device| device.receive.put_used(1, 4097));
    after(|device| device.receive.put_used(1, 11));
    after(|device| device.transmit.put_used(0, 1));
    for found in [7, 0x7FFF, 0xFFFF] {
        after(|device| {
            device
                .receive
                .queue
                .store16(device.receive.used_ring + 2, found)
        });
        after(|device| {
            device
                .transmit
                .queue
                .store16(device.transmit.used_ring + 2, found)
        });
    }
    let header = FrameHeader {
        buffers: 9,
        ..FrameHeader::default()
    };
    after(|device| assert!(device.deliver(header, &frame(0, 60), |_| PAGE, true)));
}

#[test]
fn a_device_that_says_that_it_has_failed_ends_all_calls() {
    for calls in [&[receive(0), await_link(1)][..], &[await_link(1)]] {
        let mut bench = bench();
        let tags = bench.calls(calls);
        bench
            .line
            .failure
            .set(Some(VirtioError::DeviceFailed { status: 0x4F }));
        bench.interrupt();
        let answers = bench.answers();
        assert_eq!(answers.len(), tags.len());
        assert!(answers.iter().all(|it| it.1 == Status::DeviceError));
        assert!(bench.is_at_rest());
    }
    let mut bench = bench();
    bench.call(transmit(OWN, &[0], 60));
    bench.driver.stop(VirtioError::Quiesced);
    assert!(bench.driver.has_finished());
    bench.event(Event::Device);
    assert_eq!(bench.answer().map(|it| it.1), Some(Status::DeviceError));
}

/// Random used rings, lengths, headers and deaths of the client: every call of a life is answered once or dies with it, and nothing
/// panics.
#[test]
fn noise() {
    let (mut stopped, mut restarted, mut answered) = (0, 0, 0);
    for seed in 1..1_000 {
        let mut numbers = Numbers(seed * 0x9E37_79B9);
        let mut bench = bench_of(ABILITIES, [8, 32]);
        let mut open = BTreeSet::new();
        bench.device.receive.honest = false;
        bench.device.transmit.honest = false;
        for _ in 0..40 {
            for _ in 0..numbers.below(4) {
                let block = numbers.below(POOL_BLOCKS.into()) as u32;
                let call = match numbers.below(6) {
                    0 => await_link(numbers.below(2)),
                    1 => transmit(OWN, &[block], numbers.below(200) as u32),
                    2 => {
                        let blocks: Vec<u32> = (block..POOL_BLOCKS).step_by(3).take(7).collect();
                        let lengths = [0; 2].map(|_| 10 + numbers.below(100) as u16);
                        transmit_several(OWN, &blocks, lengths, None)
                    }
                    _ => receive(block),
                };
                if bench.driver.room(0, 64) > 0 {
                    open.insert(bench.call(call));
                }
            }
            // What it has taken it may use, also what it has used before.
            bench.device.receive.take();
            bench.device.transmit.take();
            match numbers.below(12) {
                0 => {
                    let (id, length) = (numbers.below(9) as u32, numbers.below(5000) as u32);
                    bench.device.receive.put_used(id, length);
                }
                1 if numbers.below(4) == 0 => {
                    bench.device.transmit.put_used(numbers.below(33) as u32, 0)
                }
                2 => bench.line.status.set(numbers.below(2) as u16),
                3 => {
                    bench.lose();
                    assert!(bench.is_at_rest());
                    assert_eq!(bench.driver.take_quiet(), Some(0));
                    open.clear();
                    bench.world.answers[0].clear();
                    bench.device.receive.honest = false;
                    bench.device.transmit.honest = false;
                    bench.connect();
                }
                _ if bench.driver.failure().is_some() => {}
                4..8 => {
                    let header = FrameHeader {
                        flags: numbers.below(4) as u8,
                        segmentation: (numbers.below(8) == 0).into(),
                        buffers: if numbers.below(8) == 0 { 2 } else { 0 },
                        ..FrameHeader::default()
                    };
                    let data = frame(seed, numbers.below(9100) as usize);
                    bench.device.deliver(header, &data, |_| PAGE, true);
                }
                _ => {
                    for frame in bench.device.take_outgoing() {
                        bench.device.finish(&frame);
                    }
                }
            }
            bench.event(Event::Device);
            bench.interrupt();
            for answer in bench.world.answers[0].drain(..) {
                answered += 1;
                assert!(open.remove(&answer.tag), "answered twice");
            }
            let under_way = bench.driver.under_way();
            assert_eq!(
                under_way,
                open.len(),
                "seed {seed}: each call is under way or answered"
            );
        }
        stopped += bench.line.stopped.get();
        restarted += bench.line.restarted.get();
        bench.driver.stop(VirtioError::Quiesced);
        bench.event(Event::Device);
        for answer in bench.world.answers[0].drain(..) {
            assert!(open.remove(&answer.tag), "answered twice");
        }
        assert!(
            open.is_empty() && bench.is_at_rest(),
            "seed {seed}: {open:?}"
        );
    }
    println!("{stopped} stops, {restarted} starts, {answered} answers");
    assert!(stopped > 1_000 && restarted > 1_000 && answered > 20_000);
}
