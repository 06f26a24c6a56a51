//! What the application keeps, and what happened to it.

use atoll_log::RECORD_OVERHEAD;

use super::disk::SECTOR;

pub const RECORD: u8 = 0;
pub const FILLER: u8 = 1;
const SNAPSHOT: u8 = 2;

/// What the application keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    pub count: usize,
    pub hash: u64,
}

impl State {
    pub const EMPTY: State = State { count: 0, hash: 0 };

    pub fn apply(&mut self, record: &[u8]) {
        match record.first() {
            Some(&SNAPSHOT) if record.len() == 17 => {
                let count = u64::from_le_bytes(record[1..9].try_into().unwrap());
                self.count = count as usize;
                self.hash = u64::from_le_bytes(record[9..].try_into().unwrap());
            }
            Some(&FILLER) => {}
            _ => {
                self.count += 1;
                for words in record.chunks(8) {
                    let mut word = [0x55; 8];
                    word[..words.len()].copy_from_slice(words);
                    self.mix(u64::from_le_bytes(word));
                }
                self.mix(record.len() as u64);
            }
        }
    }

    fn mix(&mut self, word: u64) {
        self.hash = (self.hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.hash ^= self.hash >> 29;
    }

    pub fn snapshot(&self) -> Vec<u8> {
        let mut record = vec![SNAPSHOT];
        record.extend((self.count as u64).to_le_bytes());
        record.extend(self.hash.to_le_bytes());
        record
    }
}

/// What happened, so that a test can see that it was worth something.
#[derive(Debug, Default)]
pub struct Tally {
    pub cuts: usize,
    pub crashes: usize,
    pub appended: usize,
    pub acknowledged: usize,
    pub kept_unacknowledged: usize,
    pub dropped: usize,
    pub commits: usize,
    pub cut_compactions: usize,
    pub full: usize,
    pub failures: usize,
    pub read_errors: usize,
}

impl Tally {
    pub fn add(&mut self, other: &Tally) {
        self.cuts += other.cuts;
        self.crashes += other.crashes;
        self.appended += other.appended;
        self.acknowledged += other.acknowledged;
        self.kept_unacknowledged += other.kept_unacknowledged;
        self.dropped += other.dropped;
        self.commits += other.commits;
        self.cut_compactions += other.cut_compactions;
        self.full += other.full;
        self.failures += other.failures;
        self.read_errors += other.read_errors;
    }
}

/// A payload whose record fills so many sectors.
pub fn sectors(count: usize, byte: u8) -> Vec<u8> {
    vec![byte; count * SECTOR - RECORD_OVERHEAD - 1]
}
