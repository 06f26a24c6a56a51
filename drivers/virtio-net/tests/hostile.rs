//! Devices that break the protocol, and frames that are of no use.

mod support;

use std::collections::BTreeSet;

use atoll_test_net::{FakeNetwork, FrameHeader};
use atoll_virtio::VirtioError;
use atoll_virtio_net::{Abilities, DriverError, Dropped, PostError, SendError, Sent};
use support::*;

/// Posts four buffers and stages two frames, receives one frame, lets the device misbehave, and looks whether all comes back once.
fn after(misdeed: impl FnOnce(&mut FakeNetwork)) -> DriverError {
    let mut bench = bench();
    bench.post(0..4);
    let segments = bench.write(0, &frame(0, 60), 4096);
    for token in [10, 11] {
        bench.stage(token, &segments).unwrap();
    }
    bench.driver.publish();
    bench.device.transmit.take();
    assert!(
        bench
            .device
            .deliver(FrameHeader::default(), &frame(0, 60), |_| 4096, true)
    );
    misdeed(&mut bench.device);
    let mut own = BTreeSet::new();
    while let Some((_, buffers, _)) = bench.collect() {
        own.extend(buffers);
    }
    assert!(own.len() <= 1, "one frame was received: {own:?}");
    let mut sent: Vec<Sent> = std::iter::from_fn(|| bench.driver.collect_sent()).collect();
    let failure = bench.driver.failure().expect("the device is stopped");
    assert_eq!(bench.collect(), None);
    own.extend(bench.take_back());
    assert_eq!(own.into_iter().collect::<Vec<_>>(), [0, 1, 2, 3]);
    sent.sort_unstable_by_key(|it| it.token);
    let tokens: Vec<u64> = sent.iter().map(|it| it.token).collect();
    assert_eq!(tokens, [10, 11]);
    assert!(sent.iter().all(|it| !it.success));
    assert_eq!(
        (bench.driver.statistics().lost, bench.line.stopped.get()),
        (2, 1)
    );
    assert!(!bench.driver.has_finished());
    let segment = bench.pool.segment(0, PAGE);
    assert_eq!(bench.driver.post(0, segment), Err(PostError::Stopped));
    assert_eq!(bench.stage(12, &segments), Err(SendError::Stopped));
    bench.driver.publish();
    assert!(failure.to_string().contains("; "), "{failure}");
    failure
}

#[test]
fn used_ids_that_were_never_posted_or_were_returned() {
    for id in [0, 4, 255, 256, 0x1_0001, u32::MAX] {
        let expected = DriverError::Virtio(VirtioError::UsedId { id });
        assert_eq!(after(|device| device.receive.put_used(id, 100)), expected);
    }
    // The middle of a chain, one that is free, nonsense.
    for id in [1, 9, 300] {
        let expected = DriverError::Virtio(VirtioError::UsedId { id });
        assert_eq!(after(|device| device.transmit.put_used(id, 0)), expected);
    }
}

#[test]
fn used_lengths_beyond_the_buffer() {
    for length in [4097, u32::MAX] {
        let error = after(|device| device.receive.put_used(1, length));
        let expected = VirtioError::UsedLength { length, most: 4096 };
        assert_eq!(error, DriverError::Virtio(expected));
    }
    let error = after(|device| device.transmit.put_used(0, 1));
    let expected = VirtioError::UsedLength { length: 1, most: 0 };
    assert_eq!(error, DriverError::Virtio(expected));
}

#[test]
fn used_indices_that_run_away() {
    for found in [6, 0x7FFF, 0xFFFF] {
        let error = after(|device| {
            device
                .receive
                .queue
                .store16(device.receive.used_ring + 2, found)
        });
        assert!(
            matches!(error, DriverError::Virtio(VirtioError::UsedIndex { .. })),
            "{error}"
        );
    }
}

#[test]
fn frames_without_a_whole_header() {
    for length in [0, 1, 11] {
        let error = after(|device| device.receive.put_used(1, length));
        assert_eq!(error, DriverError::ShortHeader { length });
    }
}

#[test]
fn frames_of_no_buffer_or_more_than_were_posted() {
    // The header of the second buffer is as the memory was: it says no buffer.
    let error = after(|device| device.receive.put_used(1, 100));
    assert_eq!(
        error,
        DriverError::BufferCount {
            found: 0,
            posted: 3
        }
    );
    for found in [4, 5, u16::MAX] {
        let header = FrameHeader {
            buffers: found,
            ..FrameHeader::default()
        };
        let error = after(|device| assert!(device.deliver(header, &frame(1, 60), |_| 4096, true)));
        assert_eq!(error, DriverError::BufferCount { found, posted: 3 });
    }
}

#[test]
fn a_frame_that_is_begun_gives_its_buffers_back() {
    let begun = FrameHeader {
        buffers: 3,
        ..FrameHeader::default()
    };
    let error = after(|device| {
        assert!(device.deliver(begun, &frame(1, 6000), |_| 4096, true));
        device.receive.put_used(99, 0);
    });
    assert_eq!(error, DriverError::Virtio(VirtioError::UsedId { id: 99 }));
}

#[test]
fn frames_of_no_use_are_dropped_and_their_buffers_posted_again() {
    let mut bench = bench();
    bench.post(0..BUFFERS);
    let plain = FrameHeader::default();
    let cut = FrameHeader {
        segmentation: 1,
        ..plain
    };
    let checksum = |start, offset| FrameHeader {
        flags: 1,
        checksum_start: start,
        checksum_offset: offset,
        ..plain
    };
    let cases = [
        (plain, 0, 4096),
        (plain, 13, 4096),
        (plain, 9019, 4096),
        (plain, 9018, 200),
        (cut, 60, 4096),
        (checksum(59, 0), 60, 4096),
        (checksum(u16::MAX, u16::MAX), 60, 4096),
    ];
    for (number, (header, length, most)) in cases.into_iter().enumerate() {
        let sent = frame(number as u64, length);
        assert!(bench.device.deliver(header, &sent, |_| most, true));
        assert_eq!(bench.collect(), None, "case {number}");
        assert_eq!(bench.driver.failure(), None);
        assert_eq!(bench.device.posted(), BUFFERS as usize, "case {number}");
    }
    let expected = Dropped {
        short: 2,
        long: 2,
        header: 3,
    };
    assert_eq!(bench.driver.statistics().dropped, expected);
    // What follows is not touched by it.
    for number in 0..100 {
        let sent = frame(number, 60 + 90 * number as usize % 8900);
        assert!(bench.device.deliver(plain, &frame(7, 13), |_| 4096, true));
        assert_eq!(bench.receive(&sent).0, sent);
    }
    // The last byte of a checksum at the end of the frame.
    assert!(
        bench
            .device
            .deliver(checksum(50, 8), &frame(1, 60), |_| 4096, true)
    );
    assert!(bench.collect().is_some());
}

#[test]
fn flags_that_were_not_negotiated_mean_nothing() {
    let abilities = Abilities {
        mergeable: false,
        mtu: 1500,
        ..ABILITIES
    };
    let mut bench = bench_of(abilities, [16, 32]);
    bench.post(0..16);
    for buffers in [1, 2, u16::MAX] {
        let header = FrameHeader {
            buffers,
            ..FrameHeader::default()
        };
        assert!(
            bench
                .device
                .deliver(header, &frame(3, 1514), |_| 4096, true)
        );
        assert_eq!(bench.collect().map(|it| it.0), Some(frame(3, 1514)));
    }
}

/// A frame had begun, buffers and frames are with the device: after it was started again nothing of that is left.
#[test]
fn a_device_that_is_started_again_knows_nothing_of_before() {
    let mut bench = bench();
    for round in 0..3 {
        bench.post(0..4);
        let data = frame(round, 60);
        let segments = bench.write(0, &data, 4096);
        bench.stage(round, &segments).unwrap();
        bench.driver.publish();
        let sent = bench.device.take_outgoing();
        assert_eq!(sent.len(), 1);
        let header = FrameHeader {
            buffers: 3,
            ..FrameHeader::default()
        };
        assert!(bench.device.deliver(header, &data, |_| 4096, true));
        assert_eq!(bench.collect(), None, "two parts are missing");
        bench.driver.stop(VirtioError::Quiesced);
        assert_eq!(bench.take_back(), [0, 1, 2, 3]);
        let lost = bench.driver.collect_sent().map(|it| (it.token, it.success));
        assert_eq!(lost, Some((round, false)));
        bench.driver.restart();
        assert_eq!(
            (bench.driver.failure(), bench.line.restarted.get()),
            (None, 1 + round as usize)
        );
        bench.restart_device();
        bench.post(0..4);
        assert_eq!(bench.receive(&data).0, data);
        bench.stage(7, &segments).unwrap();
        bench.driver.publish();
        let sent = bench.device.take_outgoing();
        bench.device.finish(&sent[0]);
        assert_eq!(bench.driver.collect_sent().map(|it| it.token), Some(7));
        bench.driver.stop(VirtioError::Quiesced);
        bench.take_back();
        bench.driver.restart();
        bench.restart_device();
        bench.line.restarted.set(1 + round as usize);
    }
}

/// A part of a frame was collected, the caller posts as many buffers as there is room for, and the frame is dropped in the end.
#[test]
fn buffers_of_a_frame_that_is_dropped_late_have_their_places() {
    let mut bench = bench_of(ABILITIES, [4, 256]);
    bench.post(0..4);
    let segmented = FrameHeader {
        segmentation: 1,
        buffers: 3,
        ..FrameHeader::default()
    };
    assert!(
        bench
            .device
            .deliver(segmented, &frame(0, 60), |_| 4096, true)
    );
    assert_eq!(bench.collect(), None, "two parts are missing");
    let segment = bench.pool.segment(9, PAGE);
    assert_eq!(bench.driver.post(9, segment), Err(PostError::Full));
    for left in [3, 2] {
        assert_eq!(bench.device.posted(), left);
        let head = bench.device.receive.taken.remove(0);
        bench.device.receive.put_used(head.into(), 10);
        assert_eq!(bench.collect(), None);
        assert_eq!(bench.driver.post(9, segment), Err(PostError::Full));
    }
    assert_eq!(bench.driver.statistics().dropped.header, 1);
    assert_eq!(bench.device.posted(), 4);
    let again = frame(1, 60);
    assert_eq!(bench.receive(&again).0, again);
    bench.driver.stop(VirtioError::Quiesced);
    assert_eq!(bench.take_back(), [0, 1, 2, 3]);
}
