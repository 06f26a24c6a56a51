//! What the client asks for, and gets.

mod served;

use atoll_abi::net::{Checksum, ChecksumPlace, Properties, Received};
use atoll_abi::syscall::Status;
use atoll_call::{Event, Service};
use atoll_driver::DeviceService;
use atoll_test_net::FrameHeader;
use atoll_virtio_net::{Abilities, Offloads};
use served::*;

#[test]
fn frames_arrive_in_order() {
    let mut bench = bench();
    let mut tags = bench
        .calls(&[0, 1, 2, 3].map(receive))
        .into_iter()
        .collect::<Vec<_>>();
    assert_eq!(bench.device.posted(), 4);
    for round in 0..100_usize {
        let data = frame(round as u64, 60 + round * 14);
        bench.deliver(FrameHeader::default(), &data);
        let (tag, part, block) = bench.received().expect("a frame was received");
        assert_eq!((tag, block), (tags[round], round as u32 % 4));
        assert_eq!(part, first_part(data.len(), false));
        assert_eq!(bench.bytes(block, part), data);
        assert!(bench.answer().is_none(), "one call for a frame");
        tags.push(bench.call(receive(block)));
    }
    // Several that are seen together.
    for round in 0..3 {
        let data = frame(round, 100);
        let publish = round == 2;
        assert!(
            bench
                .device
                .deliver(FrameHeader::default(), &data, |_| PAGE, publish)
        );
    }
    bench.event(Event::Device);
    for (round, tag) in (0..3).zip(&tags[100..]) {
        let (found, part, block) = bench.received().unwrap();
        assert_eq!((found, bench.bytes(block, part)), (*tag, frame(round, 100)));
    }
    assert_eq!(
        (bench.driver.under_way(), bench.driver.blocks_taken()),
        (1, 1)
    );
}

#[test]
fn a_large_frame_is_the_answers_of_several_calls() {
    let mut bench = bench();
    let tags = bench.calls(&[7, 3, 9, 1, 8].map(receive));
    let data = frame(1, 9000);
    let checked = FrameHeader {
        flags: 2,
        ..FrameHeader::default()
    };
    bench.deliver(checked, &data);
    let first = bench.received().unwrap();
    let expected = Received {
        checksum: Checksum::Checked,
        ..first_part(4096 - 12, true)
    };
    assert_eq!(first, (tags[0], expected, 7));
    let mut bytes = bench.bytes(7, first.1);
    for (index, block, length, more) in [(1, 3, 4096, true), (2, 9, 820, false)] {
        let found = bench.received().unwrap();
        let part = Received {
            offset: 0,
            length,
            more,
            checksum: Checksum::Unknown,
        };
        assert_eq!(found, (tags[index], part, block));
        bytes.extend(bench.bytes(block, part));
    }
    assert_eq!(bytes, data);
    assert!(bench.answer().is_none());
    bench.deliver(FrameHeader::default(), &frame(2, 60));
    assert_eq!(bench.received(), Some((tags[3], first_part(60, false), 1)));
}

#[test]
fn a_frame_that_is_dropped_answers_nobody() {
    let mut bench = bench();
    let tags = bench.calls(&[0, 1].map(receive));
    let segmented = FrameHeader {
        segmentation: 1,
        ..FrameHeader::default()
    };
    for _ in 0..5 {
        bench.deliver(segmented, &frame(0, 60));
        assert!(bench.answer().is_none());
        assert_eq!((bench.driver.blocks_taken(), bench.device.posted()), (2, 2));
    }
    // The first block was given to the device behind the second one.
    for (tag, block) in [(tags[1], 1), (tags[0], 0)] {
        bench.deliver(FrameHeader::default(), &frame(3, 60));
        assert_eq!(bench.received(), Some((tag, first_part(60, false), block)));
    }
    assert!(bench.is_at_rest());
}

#[test]
fn frames_are_sent_from_their_blocks() {
    let mut bench = bench();
    let place = ChecksumPlace {
        start: 34,
        offset: 16,
    };
    for (number, pool, blocks, length) in [
        (1, OWN, &[4_u32][..], 14),
        (2, OWN, &[4], 1514),
        (3, LENT, &[9, 2], 4096),
        (4, LENT, &[9, 2, 11], 9018),
        // More blocks than it takes.
        (5, OWN, &[1, 2, 3, 4, 5, 6, 7, 8], 4097),
    ] {
        let data = frame(number, length);
        bench.write(pool, blocks, &data);
        let checksum = (length > 60).then_some(place);
        let tag = bench.call(transmit_with(pool, blocks, length as u32, checksum));
        assert_eq!(bench.driver.blocks_taken(), blocks.len());
        assert!(bench.driver.is_busy());
        let found = bench.device.take_outgoing();
        assert_eq!((found.len(), &found[0].bytes), (1, &data));
        let header = FrameHeader {
            flags: checksum.is_some().into(),
            checksum_start: checksum.map_or(0, |it| it.start),
            checksum_offset: checksum.map_or(0, |it| it.offset),
            ..FrameHeader::default()
        };
        assert_eq!(found[0].header, header);
        assert!(bench.answer().is_none(), "the device has not sent it");
        bench.device.finish(&found[0]);
        assert!(bench.driver.has_finished());
        bench.event(Event::Device);
        assert_eq!(bench.answer(), Some((tag, Status::Done, [0; 2], blocks[0])));
        assert!(bench.is_at_rest() && !bench.driver.is_busy());
    }
}

#[test]
fn frames_that_are_sent_in_another_order_answer_their_own_calls() {
    let mut bench = bench();
    let calls = [0, 1, 2].map(|block| transmit(OWN, &[block], 60 + block));
    let tags = bench.calls(&calls);
    let found = bench.device.take_outgoing();
    for place in [1, 2, 0] {
        bench.device.finish(&found[place]);
        bench.event(Event::Device);
        let block = place as u32;
        assert_eq!(
            bench.answer(),
            Some((tags[place], Status::Done, [0; 2], block))
        );
    }
}

#[test]
fn what_a_full_queue_does_not_take_waits_in_order() {
    // Room for 4 buffers, and for 16 frames of one segment and its header.
    let mut bench = bench_of(ABILITIES, [4, 32]);
    let received = bench.calls(&(0..10).map(receive).collect::<Vec<_>>());
    let calls = (10..40).map(|block| transmit(OWN, &[block], 14 + block));
    let sent = bench.calls(&calls.collect::<Vec<_>>());
    assert_eq!(bench.device.posted(), 4);
    let mut lengths = Vec::new();
    for _ in 0..4 {
        let found = bench.device.take_outgoing();
        assert!(found.len() <= 16);
        for frame in found {
            lengths.push(frame.bytes.len() as u32);
            bench.device.finish(&frame);
            bench.event(Event::Device);
        }
    }
    assert_eq!(lengths, (24..54).collect::<Vec<_>>());
    let answered: Vec<u64> = bench.answers().iter().map(|it| it.0).collect();
    assert_eq!(answered, sent);
    for tag in received {
        bench.deliver(FrameHeader::default(), &frame(tag, 60));
        assert_eq!(bench.received().map(|it| it.0), Some(tag));
    }
    assert!(bench.is_at_rest());
    // A frame that cannot be sent does not stop those behind it.
    let fill: Vec<_> = (0..16).map(|block| transmit(OWN, &[block], 60)).collect();
    bench.calls(&fill);
    let tags = bench.calls(&[transmit(OWN, &[20], 13), transmit(OWN, &[21], 61)]);
    assert_eq!(bench.send_all().len(), 16);
    assert_eq!(
        bench.send_all(),
        [bench
            .own
            .memory
            .read_bytes(bench.own.segment(21, 0).address, 61)]
    );
    let answers = bench.answers();
    let last: Vec<_> = answers
        .iter()
        .rev()
        .take(2)
        .map(|it| (it.0, it.1))
        .collect();
    assert_eq!(
        last,
        [(tags[1], Status::Done), (tags[0], Status::InvalidArgument)]
    );
    assert!(bench.is_at_rest());
}

#[test]
fn the_device_is_described() {
    let mut bench = bench();
    let properties = Properties {
        address: ABILITIES.address,
        mtu: 9000,
        makes_checksums: true,
        tells_checksums: true,
        link_is_up: true,
    };
    bench.call(describe());
    assert_eq!(bench.answer().map(|it| it.2), Some(properties.to_raw()));
    bench.line.status.set(0);
    bench.interrupt();
    let abilities = Abilities {
        address: None,
        checksums: Offloads {
            transmit: false,
            receive: true,
        },
        ..ABILITIES
    };
    bench.call(describe());
    let down = Properties {
        link_is_up: false,
        ..properties
    };
    assert_eq!(bench.answer().map(|it| it.2), Some(down.to_raw()));
    let mut other = bench_of(abilities, [256; 2]);
    other.call(describe());
    let expected = Properties {
        address: None,
        makes_checksums: false,
        ..properties
    };
    assert_eq!(other.answer().map(|it| it.2), Some(expected.to_raw()));
}

#[test]
fn who_waits_for_the_link_is_told_when_it_changes() {
    let mut bench = bench();
    let at_once = bench.call(await_link(0));
    assert_eq!(
        bench.answer().map(|it| (it.0, it.2)),
        Some((at_once, [1, 0]))
    );
    let tag = bench.call(await_link(1));
    assert!(bench.answer().is_none());
    assert_eq!(bench.ask(await_link(1)), Status::Busy);
    assert_eq!(bench.ask(await_link(0)), Status::Done, "it needs not wait");
    for known in [2, u64::MAX] {
        assert_eq!(bench.ask(await_link(known)), Status::InvalidArgument);
    }
    bench.line.status.set(0);
    bench.interrupt();
    assert_eq!(bench.answer().map(|it| (it.0, it.2)), Some((tag, [0, 0])));
    let tag = bench.call(await_link(0));
    bench.interrupt();
    assert!(bench.answer().is_none(), "it has not changed");
    bench.line.status.set(1);
    bench.interrupt();
    assert_eq!(bench.answer().map(|it| (it.0, it.2)), Some((tag, [1, 0])));
    assert!(bench.is_at_rest());
}

/// Between the start of a device and the first time that its driver can be interrupted.
#[test]
fn a_link_that_changes_early_is_seen() {
    let mut bench = bench();
    let tag = bench.call(await_link(1));
    bench.line.status.set(0);
    assert!(!bench.would_sleep(), "the link has changed");
    bench.event(Event::Device);
    assert_eq!(bench.answer().map(|it| it.0), Some(tag));
    // Registers are not read without a reason.
    bench.line.status.set(1);
    assert!(bench.would_sleep());
    assert!(!bench.driver.network().link_is_up());
}

#[test]
fn the_time_of_the_device_runs_for_frames_that_it_sends_alone() {
    let mut bench = bench();
    bench.calls(&[receive(0), await_link(1)]);
    assert_eq!(bench.driver.awaited(), None);
    assert!(!bench.driver.is_busy() && bench.would_sleep());
    bench.calls(&[1, 2].map(|block| transmit(OWN, &[block], 60)));
    let count = bench.driver.awaited().expect("two frames are to be sent");
    let found = bench.device.take_outgoing();
    bench.device.finish(&found[1]);
    bench.event(Event::Device);
    assert!(bench.driver.has_of_the_first(count), "one is left");
    bench.call(transmit(OWN, &[3], 60));
    bench.device.finish(&found[0]);
    bench.event(Event::Device);
    assert!(!bench.driver.has_of_the_first(count));
    assert!(bench.driver.awaited().is_some());
}
