//! What `scribe` writes: files whose bytes follow from their round, so that a reader needs nothing but the file to know whether all
//! of it is there.

#![no_std]
#![forbid(unsafe_code)]

/// Files that are written again and again, each in every so many rounds.
pub const FILES: u64 = 6;

/// Rounds in one life of the program.
pub const ROUNDS: u64 = 60;

/// Bytes of the largest file.
pub const LARGEST: u64 = 100_000;

/// Bytes in front of the content: the round.
const HEADER: usize = 8;

/// Bytes of the file of a round.
pub fn length(round: u64) -> u64 {
    HEADER as u64 + mixed(round) % (LARGEST - HEADER as u64)
}

/// The byte at some place of the file of a round.
pub fn byte(round: u64, place: u64) -> u8 {
    match round.to_le_bytes().get(place as usize) {
        Some(byte) => *byte,
        None => mixed(round ^ (place / 8) << 20) as u8 ^ place as u8,
    }
}

/// The round whose file this is, as its first bytes say; `None` where there are too few of them.
pub fn round_of(start: &[u8]) -> Option<u64> {
    start.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}

/// The name of the file that a round writes.
pub fn name(round: u64) -> [u8; 7] {
    let mut name = *b"/file-x";
    name[6] = b'0' + (round % FILES) as u8;
    name
}

fn mixed(number: u64) -> u64 {
    let number = (number ^ number >> 29).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    (number ^ number >> 32).wrapping_mul(0x94D0_49BB_1331_11EB) >> 8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_its_round() {
        for round in [1, 77, u64::MAX] {
            let mut bytes = [0; 64];
            for (place, own) in (0..).zip(&mut bytes) {
                *own = byte(round, place);
            }
            assert_eq!(round_of(&bytes), Some(round));
            assert!((HEADER as u64..LARGEST).contains(&length(round)));
        }
        assert_eq!(round_of(&[0; 7]), None);
    }

    #[test]
    fn files_of_other_rounds_differ() {
        let differ = (HEADER as u64..1000).filter(|at| byte(1, *at) != byte(2, *at));
        assert!(differ.count() > 900);
    }
}
