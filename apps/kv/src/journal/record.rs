//! Units as records.

use alloc::vec::Vec;

/// Bytes of a record before its piece of a unit.
pub const HEADER: usize = 16;

pub(super) const VERSION: u8 = 1;
pub(super) const BEGINS: u8 = 1;
pub(super) const ENDS: u8 = 2;

/// Cuts units into records.
#[derive(Clone, Debug)]
pub struct Cutter {
    unit: u32,
    piece: usize,
}

impl Cutter {
    /// Records have at most so many bytes, with their headers; `None` where a header and one byte do not fit.
    pub fn new(longest_record: usize) -> Option<Cutter> {
        let piece = longest_record
            .checked_sub(HEADER)
            .filter(|piece| *piece > 0)?;
        Some(Cutter { unit: 0, piece })
    }

    /// The records of a unit, in their order; none of an empty one. `None` where the unit is longer than a header can tell (4 GiB).
    pub fn records<'a>(&mut self, unit: &'a [u8]) -> Option<Records<'a>> {
        let total = u32::try_from(unit.len()).ok()?;
        self.unit = self.unit.wrapping_add(1);
        Some(Records {
            rest: unit,
            number: self.unit,
            piece: 0,
            longest: self.piece,
            total,
        })
    }
}

/// The records of a unit.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    rest: &'a [u8],
    number: u32,
    piece: u32,
    longest: usize,
    total: u32,
}

/// A record: what a log takes is both parts, one behind the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its header.
    pub header: [u8; HEADER],
    /// Its piece of the unit.
    pub piece: &'a [u8],
}

impl Record<'_> {
    /// Its bytes.
    pub fn to_vec(&self) -> Vec<u8> {
        [&self.header, self.piece].concat()
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let (piece, rest) = self.rest.split_at(self.longest.min(self.rest.len()));
        self.rest = rest;
        let begins = if self.piece == 0 { BEGINS } else { 0 };
        let ends = if rest.is_empty() { ENDS } else { 0 };
        let record = Record {
            header: Header {
                flags: begins | ends,
                unit: self.number,
                piece: self.piece,
                total: self.total,
            }
            .to_bytes(),
            piece,
        };
        self.piece += 1;
        Some(record)
    }
}

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) flags: u8,
    pub(super) unit: u32,
    pub(super) piece: u32,
    pub(super) total: u32,
}

impl Header {
    fn to_bytes(self) -> [u8; HEADER] {
        let [a, b, c, d] = self.unit.to_le_bytes();
        let [e, f, g, h] = self.piece.to_le_bytes();
        let [i, j, k, l] = self.total.to_le_bytes();
        [
            VERSION, self.flags, 0, 0, a, b, c, d, e, f, g, h, i, j, k, l,
        ]
    }

    /// The header, and what is behind it; the version, where that is another one; `None` where a record is too short to have one.
    pub(super) fn read(record: &[u8]) -> Option<Result<(Header, &[u8]), u8>> {
        let (header, piece) = record.split_first_chunk::<HEADER>()?;
        let [version, flags, _, _, a, b, c, d, e, f, g, h, i, j, k, l] = *header;
        if version != VERSION {
            return Some(Err(version));
        }
        let header = Header {
            flags,
            unit: u32::from_le_bytes([a, b, c, d]),
            piece: u32::from_le_bytes([e, f, g, h]),
            total: u32::from_le_bytes([i, j, k, l]),
        };
        Some(Ok((header, piece)))
    }
}
