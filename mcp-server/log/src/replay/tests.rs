//! Images whose headers are right and whose contents are hostile.

use alloc::vec;

use proptest::prelude::*;

use super::*;
use crate::format::encode_record;

const BLOCKS: u64 = 10;

fn image(header: &Header) -> Vec<u8> {
    let mut image = vec![0; BLOCKS as usize * BLOCK];
    let other = Header {
        epoch: Epoch(header.epoch.0.wrapping_sub(1)),
        ..*header
    };
    for (place, header) in [other, *header].iter().enumerate() {
        let mut block = [0; BLOCK];
        header.encode(&mut block);
        image[place * BLOCK..][..BLOCK].copy_from_slice(&block);
    }
    image
}

/// Payloads that come back, and how the replay ends.
fn replay(image: &[u8]) -> (Vec<Vec<u8>>, Result<Writer, Error>) {
    let mut replay = Replay::new((image.len() / BLOCK) as u64);
    let mut records = Vec::new();
    // Each record has at least its header, and each read a block.
    for _ in 0..image.len() {
        match replay.step() {
            Ok(Step::Read(blocks)) => {
                let bytes = blocks.start as usize * BLOCK..blocks.end as usize * BLOCK;
                replay.feed(blocks.start, &image[bytes]).unwrap();
            }
            Ok(Step::Record(record)) => records.push(record.to_vec()),
            Ok(Step::End) => return (records, replay.into_writer()),
            Err(error) => {
                assert_eq!(replay.step(), Err(error), "an error is the last step");
                return (records, Err(error));
            }
        }
    }
    panic!("the replay does not end");
}

const HEADER: Header = Header {
    identity: 1,
    blocks: BLOCKS,
    generation: 0,
    epoch: Epoch(1 << 32),
    floor: 0,
    area: 0,
};

#[test]
fn lengths_that_cannot_be_are_ends() {
    for length in [u32::MAX, 1 << 20, (1 << 20) + 1, 4 * 4096 - 15] {
        let mut image = image(&HEADER);
        image[2 * BLOCK + 4..][..4].copy_from_slice(&length.to_le_bytes());
        image[2 * BLOCK + 8..][..8].copy_from_slice(&HEADER.epoch.0.to_le_bytes());
        let (records, writer) = replay(&image);
        assert_eq!((records.len(), writer.unwrap().used()), (0, 0));
    }
}

#[test]
fn a_stable_record_that_is_not_right_is_damage_and_one_behind_the_floor_an_end() {
    let mut bytes = Vec::new();
    for count in 0..3u64 {
        let site = Site {
            identity: 1,
            position: 2 * BLOCK as u64 + count * 100,
        };
        encode_record(&mut bytes, site, HEADER.epoch, &[9; 84]);
    }
    for (floor, rotten, expected) in [
        (0, 0, Ok(0)),
        (100, 199, Ok(1)),
        (200, 199, Err(100)),
        (200, 8, Err(0)),
        // No record ends there.
        (150, 299, Err(100)),
        (300, 299, Err(200)),
        (301, 4096, Err(300)),
        (300, 4096, Ok(3)),
    ] {
        let mut image = image(&Header { floor, ..HEADER });
        image[2 * BLOCK..][..bytes.len()].copy_from_slice(&bytes);
        image[2 * BLOCK + rotten] ^= 0x10;
        let (records, writer) = replay(&image);
        match expected {
            Ok(count) => assert_eq!((records.len(), writer.err()), (count, None)),
            Err(offset) => assert_eq!(writer.err(), Some(Error::BadRecord { offset })),
        }
    }
}

#[test]
fn blocks_that_were_not_asked_for_are_refused() {
    let image = image(&HEADER);
    let mut replay = Replay::new(BLOCKS);
    assert_eq!(replay.feed(0, &image[..BLOCK]), Err(Error::OutOfTurn));
    assert_eq!(replay.step(), Ok(Step::Read(0..2)));
    assert_eq!(replay.feed(1, &image[..BLOCK]), Err(Error::OutOfTurn));
    assert_eq!(replay.feed(0, &image[..3 * BLOCK]), Err(Error::OutOfTurn));
    assert_eq!(replay.feed(0, &image[..100]), Err(Error::OutOfTurn));
    assert_eq!(replay.feed(0, &[]), Err(Error::OutOfTurn));
    // A part of it is taken, and the rest asked for.
    assert_eq!(replay.feed(0, &image[..BLOCK]), Ok(()));
    assert_eq!(replay.step(), Ok(Step::Read(1..2)));
    assert!(replay.into_writer().is_err());
    assert_eq!(Replay::new(1).step(), Err(Error::Size));
}

#[test]
fn a_log_that_had_all_its_lives_says_so() {
    let header = Header {
        epoch: Epoch(u64::MAX),
        ..HEADER
    };
    assert_eq!(replay(&image(&header)).1.err(), Some(Error::BadHeader));
}

proptest! {
    /// Headers of which each field is anything, over areas full of records with right checksums and anything between them.
    #[test]
    fn no_image_makes_a_replay_panic_or_go_on_for_ever(
        generation in any::<u64>(),
        epoch in prop_oneof![any::<u64>(), 0..3u64, Just(1 << 32), Just(u64::MAX)],
        floor in 0..20_000u64,
        area in 0..3u32,
        blocks in prop_oneof![any::<u64>(), 0..20u64, Just(BLOCKS)],
        parts in proptest::collection::vec((0..5000usize, any::<u8>(), 0..4u8, any::<u64>()), 0..20),
    ) {
        let header = Header { identity: 1, blocks, generation, epoch: Epoch(epoch), floor, area };
        let mut image = image(&header);
        let start = if area == 1 { 6 } else { 2 };
        let mut bytes = Vec::new();
        for (length, byte, kind, number) in parts {
            let position = (start * BLOCK + bytes.len()) as u64;
            let site = Site { identity: 1, position };
            match kind {
                0 => bytes.extend(core::iter::repeat_n(byte, length)),
                1 => encode_record(&mut bytes, site, Epoch(number), &vec![byte; length]),
                _ => encode_record(&mut bytes, site, Epoch(epoch), &vec![byte; length]),
            }
        }
        let room = image.len() - start * BLOCK;
        bytes.truncate(room);
        image[start * BLOCK..][..bytes.len()].copy_from_slice(&bytes);
        if let (_, Ok(mut writer)) = replay(&image) {
            let _ = writer.append(&[1; 9]);
            prop_assert!(writer.compact().is_ok());
            let _ = writer.append(&[1; 9]);
            let _ = writer.commit();
            while let Some(action) = writer.next_action() {
                let (crate::Action::Write { id, .. } | crate::Action::Flush { id }) = action;
                writer.completed(id, Ok(()));
            }
            prop_assert_eq!(writer.generation(), generation.saturating_add(1));
        }
    }
}
