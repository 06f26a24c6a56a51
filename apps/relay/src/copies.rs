//! How copies lie on a partition.
//!
//! The partition is divided into *places* of [`PLACE`] blocks, one for the copy of each connection, taken in order; what is left at its end
//! is not used. The first block of a place is its header, and the others are the bytes as they were sent, the last block filled up with
//! zeroes. A header is in one sector, so that it is written whole or not at all:
//!
//! | at | bytes | what |
//! |---|---|---|
//! | 0 | 8 | `atollcpy` |
//! | 8 | 4 | [`State`], of which the lowest byte is first here and below |
//! | 12 | 2 | the port of the host |
//! | 14 | 2 | zero |
//! | 16 | 4 | the address of the host |
//! | 20 | 4 | zero |
//! | 24 | 8 | bytes of the copy |
//! | 32 | 8 | the first 8 bytes exclusive-or the words at 8, 16 and 24, and a constant: a header that was put together from others is none |
//!
//! It is written when the copy begins, and again when it has ended. A later life of the program goes on behind the last
//! place that has one: a place before that without a header is of a copy of which nothing is known.

use crate::line::Upstream;

/// Blocks of a place: a header, and a megabyte but for that.
pub const PLACE: u64 = 256;

/// Bytes of a header.
pub const HEADER: usize = 40;

const MAGIC: [u8; 8] = *b"atollcpy";

const SEAL: u64 = 0x005e_a1ed_c0b1_e5ed;

/// What is known of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It was begun, and how many bytes it has was not noted.
    Begun = 1,
    /// It has all that the host has taken of what the client sent.
    Whole = 2,
    /// It has the first part of that: there was no room for more, or it could not be written.
    Cut = 3,
}

/// The header of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What is known of it.
    pub state: State,
    /// Where the client was led.
    pub upstream: Upstream,
    /// Bytes of the copy.
    pub bytes: u64,
}

impl Header {
    /// As it stands at the beginning of its block.
    pub fn encode(&self) -> [u8; HEADER] {
        let Upstream { address, port } = self.upstream;
        let first = u64::from(self.state as u32) | u64::from(port) << 32;
        let second = u64::from(u32::from_le_bytes(address));
        let words = [
            u64::from_le_bytes(MAGIC),
            first,
            second,
            self.bytes,
            seal([u64::from_le_bytes(MAGIC), first, second, self.bytes]),
        ];
        let mut encoded = [0; HEADER];
        for (place, word) in encoded.as_chunks_mut().0.iter_mut().zip(words) {
            *place = word.to_le_bytes();
        }
        encoded
    }

    /// The header that a block begins with; `None` where it begins with none.
    pub fn decode(block: &[u8]) -> Option<Header> {
        let mut words = [0; HEADER / 8];
        for (word, place) in words.iter_mut().zip(block.get(..HEADER)?.as_chunks().0) {
            *word = u64::from_le_bytes(*place);
        }
        let [magic, first, second, bytes, sealed] = words;
        let states = [State::Begun, State::Whole, State::Cut];
        let header = Header {
            state: *states.iter().find(|it| **it as u32 == first as u32)?,
            upstream: Upstream {
                address: u32::try_from(second).ok()?.to_le_bytes(),
                port: u16::try_from(first >> 32).ok()?,
            },
            bytes,
        };
        let is_one =
            magic == u64::from_le_bytes(MAGIC) && sealed == seal([magic, first, second, bytes]);
        is_one.then_some(header)
    }
}

fn seal(words: [u64; 4]) -> u64 {
    words.into_iter().fold(SEAL, |seal, word| seal ^ word)
}

/// Places of a partition of so many blocks.
pub fn places(blocks: u64) -> u64 {
    blocks / PLACE
}

/// The block with the header of a place.
pub fn header_of(place: u64) -> u64 {
    place.saturating_mul(PLACE)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bytes_are_frozen() {
        let header = Header {
            state: State::Cut,
            upstream: Upstream {
                address: [10, 0, 2, 2],
                port: 0x1234,
            },
            bytes: 0x0102_0304,
        };
        let mut expected = *b"atollcpy\x03\0\0\0\x34\x12\0\0\x0a\0\x02\x02\0\0\0\0\x04\x03\x02\x01\0\0\0\0........";
        let sealed = u64::from_le_bytes(*b"atollcpy")
            ^ 0x1234_0000_0003
            ^ 0x0202_000a
            ^ 0x0102_0304
            ^ 0x005e_a1ed_c0b1_e5ed;
        expected[32..].copy_from_slice(&sealed.to_le_bytes());
        assert_eq!(header.encode(), expected);
        assert_eq!(Header::decode(&expected), Some(header));
    }

    #[test]
    fn what_was_never_written_is_no_header() {
        for block in [&[0; 4096][..], &[0xff; 4096], &[0; HEADER - 1], &[]] {
            assert_eq!(Header::decode(block), None);
        }
    }

    #[test]
    fn places_lie_one_behind_another() {
        assert_eq!((places(1023), header_of(3)), (3, 768));
        assert_eq!(places(255), 0);
    }

    proptest! {
        #[test]
        fn a_header_survives_its_block_and_no_change(
            state in 1u32..4, address: [u8; 4], port: u16, bytes: u64, at in 0usize..HEADER,
            change in 1u8..,
        ) {
            let states = [State::Begun, State::Whole, State::Cut];
            let state = states[state as usize - 1];
            let header = Header { state, upstream: Upstream { address, port }, bytes };
            let mut block = header.encode();
            prop_assert_eq!(Header::decode(&block), Some(header));
            block[at] ^= change;
            prop_assert_eq!(Header::decode(&block), None);
        }
    }
}
