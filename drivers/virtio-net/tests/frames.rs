//! Frames in both directions, of a device that keeps to the protocol.

mod support;

use atoll_abi::net::{Checksum, ChecksumPlace};
use atoll_test_net::{FrameHeader, Line, Pool};
use atoll_virtio::{Segment, VirtioError};
use atoll_virtio_net::{
    Abilities, MOST_SEGMENTS, Network, Offloads, OutgoingFrame, PostError, SendError, Traffic,
};
use support::*;

/// Lengths of frames around every border.
fn lengths() -> impl Iterator<Item = usize> {
    let borders = [4084, 4096, 8180, 8192];
    let near = borders.into_iter().flat_map(|it| it - 2..it + 3);
    (14..80)
        .chain((80..9018).step_by(331))
        .chain(near)
        .chain([1514, 9017, 9018])
}

#[test]
fn frames_of_every_length_arrive_whole_in_order_and_once() {
    let mut bench = bench();
    bench.post(0..8);
    let mut bytes = 0;
    for (number, length) in lengths().enumerate() {
        let sent = frame(number as u64, length);
        let (found, buffers, checksum) = bench.receive(&sent);
        assert_eq!(found, sent, "{length} bytes");
        assert_eq!(buffers.len(), (length + 12).div_ceil(4096));
        assert_eq!(checksum, Checksum::Unknown);
        assert_eq!(bench.collect(), None);
        bytes += length as u64;
    }
    let frames = lengths().count() as u64;
    assert_eq!(
        bench.driver.statistics().received,
        Traffic { frames, bytes }
    );
}

#[test]
fn frames_that_are_cut_anywhere_arrive_whole() {
    let mut bench = bench();
    bench.post(0..BUFFERS);
    for most in [1, 2, 13, 550] {
        let sent = frame(most as u64, 16.max(most) * 16 - 3);
        let whole = |n| if n == 0 { 12 + most } else { most.max(16) };
        let header = FrameHeader::default();
        assert!(bench.device.deliver(header, &sent, whole, true));
        let (found, buffers, _) = bench.collect().unwrap();
        assert!(found == sent && buffers.len() >= 16, "{most}");
        bench.post(buffers);
    }
    // A first buffer with nothing but the header.
    assert!(bench.device.deliver(
        FrameHeader::default(),
        &frame(1, 99),
        |n| 12 * (1 - n.min(1)) + 99 * n,
        true
    ));
    assert_eq!(bench.collect().map(|it| it.0), Some(frame(1, 99)));
}

#[test]
fn a_frame_is_not_taken_before_all_of_it_is_there() {
    let mut bench = bench();
    bench.post(0..4);
    let sent = frame(3, 6000);
    assert!(
        bench
            .device
            .deliver(FrameHeader::default(), &sent, |_| 4096, false)
    );
    assert_eq!(bench.collect(), None);
    // The first of its two buffers.
    let used = bench.device.receive.used;
    bench.device.receive.used = used.wrapping_sub(1);
    bench.device.receive.publish_used();
    assert_eq!(bench.collect(), None);
    bench.device.receive.used = used;
    bench.device.receive.publish_used();
    assert_eq!(bench.collect().map(|it| it.0), Some(sent));
}

#[test]
fn buffers_run_out_and_are_given_again() {
    let mut bench = bench_of(ABILITIES, [8, 64]);
    bench.post(0..8);
    let segment = bench.pool.segment(8, PAGE);
    assert_eq!(bench.driver.post(8, segment), Err(PostError::Full));
    for number in 0..8 {
        let sent = frame(number, 60);
        assert!(
            bench
                .device
                .deliver(FrameHeader::default(), &sent, |_| 4096, true)
        );
    }
    let more = frame(8, 60);
    assert!(
        !bench
            .device
            .deliver(FrameHeader::default(), &more, |_| 4096, true)
    );
    for number in 0..8 {
        let (found, buffers, _) = bench.collect().unwrap();
        assert_eq!((found, buffers), (frame(number, 60), vec![number as u32]));
    }
    assert_eq!(bench.collect(), None);
    bench.post([7, 3]);
    assert_eq!(bench.device.posted(), 2);
    assert_eq!(bench.receive(&more).1, [7]);
}

#[test]
fn buffers_too_short_for_the_device_are_refused() {
    let mut bench = bench();
    let short = bench.pool.segment(0, 25);
    let refused = bench.driver.post(0, short);
    assert_eq!(
        refused,
        Err(PostError::TooShort {
            length: 25,
            least: 26
        })
    );
    let abilities = Abilities {
        mergeable: false,
        mtu: 1500,
        ..ABILITIES
    };
    let mut bench = bench_of(abilities, [256, 256]);
    let short = bench.pool.segment(0, 1529);
    let refused = bench.driver.post(0, short);
    assert_eq!(
        refused,
        Err(PostError::TooShort {
            length: 1529,
            least: 1530
        })
    );
    // A device that cannot merge does not say in how many buffers a frame is.
    bench.post([0, 1]);
    let header = FrameHeader {
        buffers: 7,
        ..FrameHeader::default()
    };
    assert!(
        bench
            .device
            .deliver(header, &frame(0, 1518), |_| 4096, true)
    );
    assert_eq!(bench.collect().map(|it| it.1), Some(vec![0]));
}

#[test]
fn frames_are_sent_whole_and_come_back_in_any_order() {
    let mut bench = bench();
    let (mut count, mut bytes) = (0, 0);
    for length in lengths() {
        let tokens = [count, count + 1, count + 2];
        for token in tokens {
            let segments = bench.write(
                token as u32 * 18,
                &frame(token, length),
                700.max(length / 16),
            );
            bench.stage(token, &segments).unwrap();
        }
        bench.driver.publish();
        let found = bench.device.take_outgoing();
        for (token, found) in tokens.into_iter().zip(&found) {
            assert_eq!(found.header, FrameHeader::default());
            assert!(found.bytes == frame(token, length), "{length} bytes");
        }
        assert_eq!(bench.driver.collect_sent(), None);
        for place in [1, 2, 0] {
            bench.device.finish(&found[place]);
        }
        for place in [1, 2, 0] {
            let sent = bench.driver.collect_sent().unwrap();
            assert_eq!((sent.token, sent.success), (tokens[place], true));
        }
        count += 3;
        bytes += 3 * length as u64;
    }
    let frames = count;
    assert_eq!(bench.driver.statistics().sent, Traffic { frames, bytes });
    assert!(!bench.driver.has_finished());
}

#[test]
fn frames_that_cannot_be_sent_are_refused() {
    let mut bench = bench_of(ABILITIES, [256, 32]);
    let segment = |length| Segment {
        length,
        ..Segment::default()
    };
    let most = 9018;
    for (segments, expected) in [
        (vec![], SendError::Segments { count: 0 }),
        (
            vec![segment(60); MOST_SEGMENTS + 1],
            SendError::Segments {
                count: MOST_SEGMENTS + 1,
            },
        ),
        (vec![segment(13)], SendError::Length { length: 13, most }),
        (
            vec![segment(9000), segment(19)],
            SendError::Length { length: 9019, most },
        ),
        (
            vec![segment(u32::MAX); 2],
            SendError::Length {
                length: 2 * u64::from(u32::MAX),
                most,
            },
        ),
    ] {
        assert_eq!(bench.stage(0, &segments), Err(expected));
    }
    let segments = bench.write(0, &frame(0, 18), 1);
    bench.stage(0, &segments).unwrap();
    assert_eq!(
        bench.stage(1, &segments),
        Err(SendError::Full),
        "19 of 32 descriptors"
    );
    let checksum = |start, offset| OutgoingFrame {
        token: 2,
        segments: &segments[..],
        checksum: Some(ChecksumPlace { start, offset }),
    };
    assert_eq!(
        bench.driver.stage(&checksum(14, 3)),
        Err(SendError::Checksum)
    );
    assert_eq!(
        bench.driver.stage(&checksum(u16::MAX, u16::MAX)),
        Err(SendError::Checksum)
    );
    assert_eq!(bench.driver.statistics().refused, 8);
    bench.driver.publish();
    let found = bench.device.take_outgoing();
    assert_eq!(found.len(), 1);
    bench.device.finish(&found[0]);
    assert_eq!(bench.driver.collect_sent().map(|it| it.token), Some(0));
    assert_eq!(bench.stage(1, &segments), Ok(()));
}

#[test]
fn checksums_are_made_by_who_negotiated_it() {
    let mut bench = bench();
    bench.post(0..4);
    let place = ChecksumPlace {
        start: 34,
        offset: 16,
    };
    let partial = FrameHeader {
        flags: 1,
        checksum_start: 34,
        checksum_offset: 16,
        ..FrameHeader::default()
    };
    let checked = FrameHeader {
        flags: 2,
        ..FrameHeader::default()
    };
    let data = frame(0, 60);
    for (header, expected) in [
        (partial, Checksum::Partial(place)),
        (checked, Checksum::Checked),
    ] {
        assert!(bench.device.deliver(header, &data, |_| 4096, true));
        assert_eq!(bench.collect().map(|it| it.2), Some(expected));
    }
    let segments = bench.write(0, &data, 4096);
    let outgoing = OutgoingFrame {
        token: 0,
        segments: &segments,
        checksum: Some(place),
    };
    bench.driver.stage(&outgoing).unwrap();
    bench.stage(1, &segments).unwrap();
    bench.driver.publish();
    let found = bench.device.take_outgoing();
    let headers: Vec<FrameHeader> = found.iter().map(|it| it.header).collect();
    assert_eq!(
        headers,
        [partial, FrameHeader::default()],
        "each has its own"
    );
    // A device without any of it.
    let checksums = Offloads {
        transmit: false,
        receive: false,
    };
    let mut bench = bench_of(
        Abilities {
            checksums,
            ..ABILITIES
        },
        [256, 256],
    );
    bench.post(0..4);
    assert!(bench.device.deliver(partial, &data, |_| 4096, true));
    assert_eq!(bench.collect().map(|it| it.2), Some(Checksum::Unknown));
    assert_eq!(bench.driver.stage(&outgoing), Err(SendError::Checksum));
}

#[test]
fn memory_that_is_too_small_is_refused() {
    let memory = atoll_test_virtio::Memory::new(6 * 4096, DMA_PHYSICAL);
    let pool = Pool::new(1, 0x1000_0000);
    let made = Network::new(Line::default(), pool, memory.dma(), [256; 2], ABILITIES);
    let error = made.map(|_| ()).unwrap_err();
    let expected = VirtioError::DmaTooSmall {
        size: 6 * 4096,
        needed: 7 * 4096,
    };
    assert_eq!(error, expected);
}
