//! What is on the disk.
//!
//! | blocks | what |
//! |---|---|
//! | 0, 1 | the two places of the header; its 64 bytes are in the first sector, the rest is zero |
//! | 2 .. 2 + n | area 0 |
//! | 2 + n .. 2 + 2 n | area 1 |
//!
//! where n is half of the partition's blocks less the two, rounded down. An area holds records, one directly behind the other, across
//! the borders of blocks; each is a header of 16 bytes (checksum u32, length u32, epoch u64) and its payload. All numbers are little-endian.

mod record;

use atoll_abi::block::BLOCK_SIZE;
use crc::{CRC_32_ISCSI, Crc, Table};
use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::error::Error;

pub use record::{MAX_RECORD, RECORD_OVERHEAD};
pub(crate) use record::{RecordHeader, Site, encode_record};

/// Bytes of a block: the unit in which the partition is read and written.
pub const BLOCK: usize = BLOCK_SIZE;

/// Blocks at the beginning of the partition that hold headers.
pub const HEADER_BLOCKS: u64 = 2;

/// Blocks of the smallest partition: the headers and a block for each area.
pub const MIN_BLOCKS: u64 = HEADER_BLOCKS + 2;

/// More blocks than this are refused, so that no offset in bytes overflows.
const MAX_BLOCKS: u64 = 1 << 48;

const MAGIC: [u8; 8] = *b"ATOLLLOG";
const VERSION: u32 = 1;

/// CRC-32C (Castagnoli), 16 bytes at a step.
const CRC: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISCSI);
static CHECKSUM: Crc<u32, Table<16>> = CRC;

/// Names the records that one writer puts into one area. The upper half counts the lives of the log, the lower half the compactions in
/// this life, so that epochs grow and none is given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Epoch(pub(crate) u64);

impl Epoch {
    /// Of a log that was never opened. No record has it.
    pub(crate) const FORMATTED: Epoch = Epoch(0);

    /// The first one of the next life; `None` after four billion lives.
    pub(crate) fn next_life(self) -> Option<Epoch> {
        let life = (self.0 >> 32)
            .checked_add(1)
            .filter(|life| *life >> 32 == 0)?;
        Some(Epoch(life << 32))
    }

    /// That of the next compaction of this life; `None` after four billion of them.
    pub(crate) fn next_compaction(self) -> Option<Epoch> {
        let next = Epoch(self.0.checked_add(1)?);
        (next.0 >> 32 == self.0 >> 32).then_some(next)
    }
}

/// The header, as it is on the disk.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawHeader {
    magic: [u8; 8],
    version: U32,
    /// Of the header, with zero here.
    checksum: U32,
    identity: U64,
    blocks: U64,
    generation: U64,
    epoch: U64,
    floor: U64,
    area: U32,
    reserved: U32,
}

const _: () = assert!(size_of::<RawHeader>() == 64);

/// What the log is, as its header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// Tells this log from one that was on the partition before it.
    pub(crate) identity: u64,
    /// Blocks of the partition when it was formatted.
    pub(crate) blocks: u64,
    /// How many compactions have been committed.
    pub(crate) generation: u64,
    /// The epoch of the records behind the floor.
    pub(crate) epoch: Epoch,
    /// Every record of the area before this offset is stable, and a record ends there.
    pub(crate) floor: u64,
    /// Which area counts: 0 or 1.
    pub(crate) area: u32,
}

impl Header {
    /// The header as a block.
    pub(crate) fn encode(&self, block: &mut [u8; BLOCK]) {
        let mut raw = RawHeader {
            magic: MAGIC,
            version: VERSION.into(),
            checksum: U32::ZERO,
            identity: self.identity.into(),
            blocks: self.blocks.into(),
            generation: self.generation.into(),
            epoch: self.epoch.0.into(),
            floor: self.floor.into(),
            area: self.area.into(),
            reserved: U32::ZERO,
        };
        raw.checksum = CHECKSUM.checksum(raw.as_bytes()).into();
        block.fill(0);
        // It fits: a header has 64 bytes.
        let _ = raw.write_to_prefix(block);
    }

    /// Blocks of an area.
    pub(crate) fn area_blocks(&self) -> u64 {
        self.blocks.saturating_sub(HEADER_BLOCKS) / 2
    }

    /// The first block of an area.
    pub(crate) fn area_start(&self, area: u32) -> u64 {
        HEADER_BLOCKS + u64::from(area) * self.area_blocks()
    }

    /// Bytes of an area.
    pub(crate) fn capacity(&self) -> u64 {
        self.area_blocks() * BLOCK as u64
    }
}

/// What one place of the header holds.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    Blank,
    Foreign,
    Header(Header),
}

impl Place {
    fn read(block: &[u8]) -> Result<Place, Error> {
        let Ok((raw, _)) = RawHeader::read_from_prefix(block) else {
            return Err(Error::OutOfTurn);
        };
        if raw.magic != MAGIC {
            let blank = block.iter().all(|byte| *byte == 0);
            return Ok(if blank { Place::Blank } else { Place::Foreign });
        }
        if raw.version.get() != VERSION {
            return Err(Error::Version(raw.version.get()));
        }
        let unsummed = RawHeader {
            checksum: U32::ZERO,
            ..raw
        };
        let header = Header {
            identity: raw.identity.get(),
            blocks: raw.blocks.get(),
            generation: raw.generation.get(),
            epoch: Epoch(raw.epoch.get()),
            floor: raw.floor.get(),
            area: raw.area.get(),
        };
        let right = CHECKSUM.checksum(unsummed.as_bytes()) == raw.checksum.get()
            && (MIN_BLOCKS..=MAX_BLOCKS).contains(&header.blocks)
            && header.area < 2
            && header.floor <= header.capacity();
        match right {
            true => Ok(Place::Header(header)),
            false => Err(Error::BadHeader),
        }
    }
}

/// Which header counts, with its place: 0 or 1. `places` is what the two header blocks hold.
pub(crate) fn choose(places: &[u8], device_blocks: u64) -> Result<(Header, u64), Error> {
    let (first, second) = places.split_at_checked(BLOCK).ok_or(Error::OutOfTurn)?;
    let (header, place) = match (Place::read(first)?, Place::read(second)?) {
        (Place::Blank, Place::Blank) => return Err(Error::Blank),
        (Place::Header(first), Place::Header(second)) => {
            let one_log = first.identity == second.identity && first.blocks == second.blocks;
            match first.epoch.cmp(&second.epoch) {
                core::cmp::Ordering::Greater if one_log => (first, 0),
                core::cmp::Ordering::Less if one_log => (second, 1),
                _ => return Err(Error::BadHeader),
            }
        }
        // Formatted and never opened; the first life writes the other place, and from then on both hold headers.
        (Place::Header(first), Place::Blank) if first.epoch == Epoch::FORMATTED => (first, 0),
        (Place::Blank | Place::Foreign, Place::Blank | Place::Foreign) => {
            return Err(Error::NotALog);
        }
        _ => return Err(Error::BadHeader),
    };
    if header.blocks > device_blocks {
        return Err(Error::Size);
    }
    Ok((header, place))
}

/// Makes an empty log of a partition of so many blocks: fills `headers` with what is to be written to blocks 0 and 1. It is made when both have been
/// written and a flush has completed. What the partition held is lost then.
///
/// `identity` must be another one than that of any log that was on the partition before, whose records may still be there; random,
/// so that nobody who chooses payloads knows it.
///
/// # Errors
/// [`Error::Size`] where there are fewer than [`MIN_BLOCKS`], or more than can be counted.
pub fn format(blocks: u64, identity: u64, headers: &mut [[u8; BLOCK]; 2]) -> Result<(), Error> {
    if !(MIN_BLOCKS..=MAX_BLOCKS).contains(&blocks) {
        return Err(Error::Size);
    }
    let header = Header {
        identity,
        blocks,
        generation: 0,
        epoch: Epoch::FORMATTED,
        floor: 0,
        area: 0,
    };
    let [first, second] = headers;
    header.encode(first);
    second.fill(0);
    Ok(())
}

#[cfg(test)]
#[path = "format/tests.rs"]
mod tests;
