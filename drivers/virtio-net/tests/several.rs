//! Calls that transmit several frames, each of a block of its own.

mod served;

use atoll_abi::net::ChecksumPlace;
use atoll_abi::syscall::Status;
use atoll_call::Event;
use atoll_virtio_net::{Abilities, STANDARD_MTU};
use served::*;

const DONE: [u64; 2] = [0; 2];

/// Writes a frame into each block of the client, all of one length but the last; the frames.
fn write_each(bench: &Bench, blocks: &[u32], [each, last]: [u16; 2]) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    for (number, block) in blocks.iter().enumerate() {
        let is_last = number + 1 == blocks.len();
        let length = if is_last { last } else { each };
        let data = frame(u64::from(*block), length.into());
        bench.write(OWN, &[*block], &data);
        frames.push(data);
    }
    frames
}

#[test]
fn each_frame_is_sent_of_its_block_in_order() {
    let mut bench = bench();
    let place = ChecksumPlace {
        start: 34,
        offset: 16,
    };
    for (blocks, lengths) in [
        (&[3_u32][..], [99, 60]),
        (&[3, 1], [60, 1514]),
        (&[8, 1, 4, 40, 2, 3, 7, 6], [1514, 60]),
        (&[8, 1], [4096, 14]),
    ] {
        let checksum = (lengths[1] >= 60).then_some(place);
        let expected = write_each(&bench, blocks, lengths);
        let tag = bench.call(transmit_several(OWN, blocks, lengths, checksum));
        assert_eq!(bench.driver.blocks_taken(), blocks.len());
        let sent = bench.device.take_outgoing();
        assert!(sent.iter().map(|it| &it.bytes).eq(&expected));
        let flag = u8::from(checksum.is_some());
        assert!(sent.iter().all(|it| it.header.flags == flag));
        // The last one is done first: the call is answered when all are.
        for frame in sent.iter().rev() {
            bench.event(Event::Device);
            assert!(bench.answer().is_none(), "the device still has a frame");
            bench.device.finish(frame);
        }
        bench.event(Event::Device);
        assert_eq!(bench.answer(), Some((tag, Status::Done, DONE, blocks[0])));
        assert!(bench.is_at_rest());
    }
}

#[test]
fn a_full_queue_takes_the_frames_of_a_call_in_parts() {
    // The device is done with some of its frames, and with all of them, before the driver looks.
    for at_once in [5, 16] {
        // Room for 16 frames of one segment and its header: the third call has 7 of its own in the queue at first.
        let mut bench = bench_of(ABILITIES, [4, 32]);
        let several = (0..3_u16).map(|call| {
            let blocks: Vec<u32> = (0..8).map(|at| u32::from(call) * 8 + at).collect();
            transmit_several(OWN, &blocks, [100 + call, 200 + call], None)
        });
        let calls = [transmit(OWN, &[30], 300)].into_iter().chain(several);
        let tags = bench.calls(&calls.collect::<Vec<_>>());
        let several = (0..3).flat_map(|call| [[100 + call; 7].as_slice(), &[200 + call]].concat());
        let expected: Vec<usize> = [300].into_iter().chain(several).collect();
        let (mut lengths, mut answered) = (Vec::new(), Vec::new());
        while lengths.len() < expected.len() {
            let sent = bench.device.take_outgoing();
            assert!((1..=16).contains(&sent.len()));
            for some in sent.chunks(at_once) {
                lengths.extend(some.iter().map(|it| it.bytes.len()));
                some.iter().for_each(|frame| bench.device.finish(frame));
                bench.event(Event::Device);
                answered.extend(bench.answers());
            }
        }
        assert_eq!(lengths, expected);
        let expected = tags.into_iter().zip([30, 0, 8, 16]);
        let expected = expected.map(|(tag, block)| (tag, Status::Done, DONE, block));
        assert!(answered.into_iter().eq(expected));
        assert!(bench.is_at_rest());
    }
}

#[test]
fn a_frame_that_is_refused_ends_its_call_when_those_before_it_are_sent() {
    let abilities = Abilities {
        mtu: STANDARD_MTU,
        ..ABILITIES
    };
    for (lengths, status) in [
        ([60, 13], Status::InvalidArgument),
        ([1518, 1519], Status::TooLong),
    ] {
        let mut bench = bench_of(abilities, [256; 2]);
        let expected = write_each(&bench, &[4, 5, 6], lengths);
        let calls = [
            transmit_several(OWN, &[4, 5, 6], lengths, None),
            transmit(OWN, &[7], 61),
        ];
        let tags = bench.calls(&calls);
        let sent = bench.device.take_outgoing();
        assert_eq!(sent.len(), 3, "two of the first call, and the other one");
        assert!(sent.iter().map(|it| &it.bytes).take(2).eq(&expected[..2]));
        let answers = [
            None,
            Some((tags[0], status, DONE, 4)),
            Some((tags[1], Status::Done, DONE, 7)),
        ];
        for (frame, answer) in sent.iter().zip(answers) {
            bench.device.finish(frame);
            bench.event(Event::Device);
            assert_eq!(bench.answer(), answer);
        }
        assert!(bench.is_at_rest());
        bench.works();
    }
}
