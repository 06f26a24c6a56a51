//! The records of the ledger.

use alloc::vec::Vec;

/// Writers, each of which numbers its records from 1 on.
pub const WRITERS: usize = 4;

/// Most bytes of filling of a record: some records span blocks.
const MOST_FILLING: u64 = 6000;

/// How many records of each writer there are.
pub type Counts = [u64; WRITERS];

/// What a record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record {
    /// One entry of a writer.
    Entry {
        /// The writer.
        writer: usize,
        /// The entry's number.
        number: u64,
    },
    /// How many entries there were when the log was written anew.
    Snapshot(Counts),
}

const ENTRY: u64 = 1;
const SNAPSHOT: u64 = 2;

/// The byte at a place of the filling of an entry: told by the entry, so that another one's is not taken for it.
fn filling(writer: usize, number: u64, place: u64) -> u8 {
    let mixed = (number << 8 | writer as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 32) as u8 ^ place as u8
}

fn filling_length(number: u64) -> u64 {
    (number.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) % MOST_FILLING
}

impl Record {
    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut word = |word: u64| bytes.extend_from_slice(&word.to_le_bytes());
        match *self {
            Record::Entry { writer, number } => {
                word(ENTRY);
                word(writer as u64);
                word(number);
                let length = filling_length(number);
                bytes.extend((0..length).map(|place| filling(writer, number, place)));
            }
            Record::Snapshot(counts) => {
                word(SNAPSHOT);
                counts.into_iter().for_each(word);
            }
        }
        bytes
    }

    /// What bytes say; `None` where no record has these bytes.
    pub fn decode(bytes: &[u8]) -> Option<Record> {
        let word = |index: usize| {
            let bytes = bytes.get(8 * index..8 * index + 8)?;
            Some(u64::from_le_bytes(bytes.try_into().ok()?))
        };
        let record = match word(0)? {
            ENTRY => Record::Entry {
                writer: usize::try_from(word(1)?).ok().filter(|it| *it < WRITERS)?,
                number: word(2)?,
            },
            SNAPSHOT => {
                let mut counts = [0; WRITERS];
                for (index, count) in counts.iter_mut().enumerate() {
                    *count = word(1 + index)?;
                }
                Record::Snapshot(counts)
            }
            _ => return None,
        };
        (record.encode() == bytes).then_some(record)
    }
}

/// Takes the records of a replay, in order.
///
/// # Errors
/// What is wrong with one.
pub fn replay(counts: &mut Counts, first: bool, bytes: &[u8]) -> Result<(), &'static str> {
    match Record::decode(bytes).ok_or("a record holds what was never written")? {
        Record::Snapshot(found) if first => *counts = found,
        Record::Snapshot(_) => return Err("a snapshot is not the first record"),
        Record::Entry { writer, number } => {
            let count = counts.get_mut(writer).ok_or("there is no such writer")?;
            if number != *count + 1 {
                return Err("a record is missing, or is there twice");
            }
            *count = number;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_what_was_written() {
        let mut longest = 0;
        for number in 1..500 {
            let record = Record::Entry { writer: 3, number };
            let mut bytes = record.encode();
            longest = longest.max(bytes.len());
            assert_eq!(Record::decode(&bytes), Some(record));
            let last = bytes.len() - 1;
            bytes[last] ^= 1;
            assert_ne!(Record::decode(&bytes), Some(record));
        }
        assert!(longest > 4096 && longest < 24 + MOST_FILLING as usize);
        let snapshot = Record::Snapshot([1, 2, 3, 4]);
        assert_eq!(Record::decode(&snapshot.encode()), Some(snapshot));
    }

    #[test]
    fn a_gap_is_found() {
        let mut counts = [0; WRITERS];
        let entry = |number| Record::Entry { writer: 1, number }.encode();
        assert_eq!(replay(&mut counts, true, &entry(1)), Ok(()));
        assert!(replay(&mut counts, false, &entry(3)).is_err());
        assert!(replay(&mut counts, false, &entry(1)).is_err());
        assert!(replay(&mut counts, false, &Record::Snapshot([9; WRITERS]).encode()).is_err());
        assert_eq!(replay(&mut counts, false, &entry(2)), Ok(()));
        assert_eq!(counts, [0, 2, 0, 0]);
    }
}
