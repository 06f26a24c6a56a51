//! What is in a window.

use atoll_abi::timeline::{Header, Kind, Record, capacity};
use zerocopy::FromBytes;

/// A record that makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When.
    pub ticks: u64,
    /// What happened.
    pub kind: Kind,
    /// On which channel: see [`atoll_abi::timeline::Channel`].
    pub channel: u32,
    /// The first two words of a message; badges, then nothing, of a writer that wakes.
    pub words: [u64; 2],
}

/// What one writer noted.
#[derive(Default)]
pub struct Noted {
    /// The newest records, by time.
    pub records: Vec<Entry>,
    /// Older ones, in whose places these were written.
    pub dropped: u64,
    /// Records that are none.
    pub senseless: u64,
}

/// Reads a window.
pub fn read(bytes: &[u8]) -> Noted {
    let mut noted = Noted::default();
    let Ok((header, records)) = Header::read_from_prefix(bytes) else {
        return noted;
    };
    let capacity = capacity(bytes.len() as u64);
    // The writer may have been stopped while it wrote over the oldest one.
    let kept = header.written.min(capacity.saturating_sub(1));
    noted.dropped = header.written - kept;
    for number in header.written - kept..header.written {
        let start = (number % capacity) as usize * size_of::<Record>();
        match records.get(start..).and_then(|bytes| entry(bytes, number)) {
            Some(entry) => noted.records.push(entry),
            None => noted.senseless += 1,
        }
    }
    // A writer that runs on one core writes in order; a hostile one as it likes.
    noted.records.sort_by_key(|record| record.ticks);
    noted
}

/// The record of a number.
fn entry(bytes: &[u8], number: u64) -> Option<Entry> {
    let (record, _) = Record::read_from_prefix(bytes).ok()?;
    Some(Entry {
        ticks: record.ticks,
        kind: record.kind(number)?,
        channel: record.channel(),
        words: [record.first, record.second],
    })
}
