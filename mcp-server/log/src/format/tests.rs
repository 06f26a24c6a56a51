use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

const HEADER: Header = Header {
    identity: 0x0102_0304_0506_0708,
    blocks: 13,
    generation: 5,
    epoch: Epoch(0x3_0000_0002),
    floor: 77,
    area: 1,
};

fn block(header: &Header) -> [u8; BLOCK] {
    let mut block = [0xaa; BLOCK];
    header.encode(&mut block);
    block
}

fn chosen(first: &[u8; BLOCK], second: &[u8; BLOCK]) -> Result<(Header, u64), Error> {
    choose([*first, *second].as_flattened(), 13)
}

#[test]
fn the_header_is_laid_out_as_the_format_says() {
    let block = block(&HEADER);
    assert_eq!(&block[..12], b"ATOLLLOG\x01\0\0\0");
    assert_eq!(block[16..24], HEADER.identity.to_le_bytes());
    assert_eq!(block[24..32], 13u64.to_le_bytes());
    assert_eq!(block[32..40], 5u64.to_le_bytes());
    assert_eq!(block[40..48], [2, 0, 0, 0, 3, 0, 0, 0]);
    assert_eq!(block[48..56], 77u64.to_le_bytes());
    assert_eq!(block[56..64], [1, 0, 0, 0, 0, 0, 0, 0]);
    assert!(block[64..].iter().all(|byte| *byte == 0));
    assert_eq!(Place::read(&block), Ok(Place::Header(HEADER)));
}

#[test]
fn the_checksum_is_castagnolis() {
    assert_eq!(CHECKSUM.checksum(b"123456789"), 0xe306_9283);
}

#[test]
fn the_areas_share_what_the_headers_leave() {
    assert_eq!(HEADER.area_blocks(), 5);
    assert_eq!((HEADER.area_start(0), HEADER.area_start(1)), (2, 7));
    assert_eq!(HEADER.capacity(), 5 * 4096);
}

#[test]
fn the_header_of_the_later_epoch_counts_wherever_it_is() {
    let later = Header {
        epoch: Epoch(0x4_0000_0000),
        ..HEADER
    };
    let (first, second) = (block(&HEADER), block(&later));
    assert_eq!(chosen(&first, &second), Ok((later, 1)));
    assert_eq!(chosen(&second, &first), Ok((later, 0)));
}

#[test]
fn headers_that_no_power_cut_leaves_are_errors() {
    let header = block(&HEADER);
    let other_log = block(&Header {
        identity: 9,
        epoch: Epoch(0x9_0000_0000),
        ..HEADER
    });
    let blank = [0; BLOCK];
    let mut foreign = blank;
    foreign[1024] = 1;
    for (first, second) in [
        (&header, &header),
        (&header, &other_log),
        (&header, &blank),
        (&blank, &header),
        (&header, &foreign),
        (&foreign, &header),
    ] {
        assert_eq!(chosen(first, second), Err(Error::BadHeader));
    }
    let later = block(&Header {
        epoch: Epoch(0x4_0000_0000),
        ..HEADER
    });
    for byte in [12, 20, 30, 45, 50, 63] {
        let mut rotten = later;
        rotten[byte] ^= 4;
        assert_eq!(chosen(&header, &rotten), Err(Error::BadHeader), "{byte}");
        assert_eq!(chosen(&rotten, &header), Err(Error::BadHeader), "{byte}");
    }
}

#[test]
fn what_is_no_log_is_named() {
    let blank = [0; BLOCK];
    assert_eq!(chosen(&blank, &blank), Err(Error::Blank));
    // As ext4 leaves its first kilobyte.
    let mut foreign = blank;
    foreign[1024] = 1;
    assert_eq!(chosen(&foreign, &blank), Err(Error::NotALog));
    assert_eq!(chosen(&blank, &foreign), Err(Error::NotALog));
    let mut newer = block(&HEADER);
    newer[8] = 2;
    assert_eq!(chosen(&newer, &blank), Err(Error::Version(2)));
    let larger = block(&Header {
        blocks: 14,
        epoch: Epoch::FORMATTED,
        ..HEADER
    });
    assert_eq!(chosen(&larger, &blank), Err(Error::Size));
}

#[test]
fn a_format_that_a_cut_stops_leaves_a_log_or_none() {
    let mut headers = [[1; BLOCK]; 2];
    assert_eq!(format(3, 1, &mut headers), Err(Error::Size));
    assert_eq!(format(u64::MAX, 1, &mut headers), Err(Error::Size));
    assert_eq!(headers, [[1; BLOCK]; 2]);
    format(13, 1, &mut headers).unwrap();
    let blank = [0; BLOCK];
    assert!(chosen(&headers[0], &headers[1]).is_ok());
    assert!(chosen(&headers[0], &blank).is_ok());
    assert_eq!(chosen(&blank, &headers[1]), Err(Error::Blank));
    // Over an older log of two headers: never one of the two alone.
    let old = block(&HEADER);
    assert_eq!(chosen(&headers[0], &old), Err(Error::BadHeader));
    assert_eq!(chosen(&old, &headers[1]), Err(Error::BadHeader));
}

#[test]
fn epochs_grow_and_end() {
    let first = Epoch::FORMATTED.next_life().unwrap();
    let compaction = first.next_compaction().unwrap();
    let second = compaction.next_life().unwrap();
    assert!(Epoch::FORMATTED < first && first < compaction && compaction < second);
    assert_eq!(Epoch(u64::MAX).next_life(), None);
    assert_eq!(Epoch(u64::MAX).next_compaction(), None);
    assert_eq!(Epoch(0x1_ffff_ffff).next_compaction(), None);
}

proptest! {
    #[test]
    fn a_record_is_right_at_its_own_place_only(
        payload in proptest::collection::vec(any::<u8>(), 0..100),
        position in any::<u64>(),
        flip in any::<proptest::sample::Index>(),
    ) {
        let site = Site { identity: 3, position };
        let mut bytes = Vec::new();
        encode_record(&mut bytes, site, Epoch(8), &payload);
        prop_assert_eq!(bytes.len(), payload.len() + RECORD_OVERHEAD);
        let header = RecordHeader::read(&bytes).unwrap();
        prop_assert_eq!((header.length(), header.epoch()), (payload.len() as u64, Epoch(8)));
        prop_assert!(header.is_of(site, &bytes[RECORD_OVERHEAD..]));
        let elsewhere = Site { position: position ^ 512, ..site };
        prop_assert!(!header.is_of(elsewhere, &payload));
        let other_log = Site { identity: 4, ..site };
        prop_assert!(!header.is_of(other_log, &payload));
        let bit = flip.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        let header = RecordHeader::read(&bytes).unwrap();
        prop_assert!(!header.is_of(site, &bytes[RECORD_OVERHEAD..]));
    }
}
