//! Why a disk or one of its tables cannot be used.

use core::error::Error;
use core::fmt::{self, Display, Formatter};

use atoll_abi::name::Name;

use crate::{MOST_ENTRIES, MOST_ENTRY_BYTES, MOST_NAMES, MOST_PARTITIONS};

/// Why one copy of the table cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// The device did not read it.
    Unreadable,
    /// Its header has no signature: there is no table.
    NoSignature,
    /// Its header says that it has a length which no header has.
    HeaderSize,
    /// The checksum of its header is wrong.
    HeaderChecksum,
    /// Its header has another revision than 1.0.
    Revision,
    /// Its header was written for another block.
    HeaderPlace,
    /// The blocks that partitions may use are none, or some of them are not on the disk.
    UsableBlocks,
    /// Its entries have a size that is not 128, 256, 512, ... up to [`MOST_ENTRY_BYTES`].
    EntrySize(u32),
    /// It has more than [`MOST_ENTRIES`] entries.
    TooManyEntries(u32),
    /// Its entries are not on the disk, or where partitions or headers are.
    EntriesPlace,
    /// The checksum of its entries is wrong.
    EntriesChecksum,
}

impl Display for Damage {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Damage::Unreadable => "it cannot be read",
            Damage::NoSignature => "it has no signature",
            Damage::HeaderSize => "its header has an impossible length",
            Damage::HeaderChecksum => "the checksum of its header is wrong",
            Damage::Revision => "its revision is not 1.0",
            Damage::HeaderPlace => "its header was written for another block",
            Damage::UsableBlocks => "the blocks for partitions are not all on the disk",
            Damage::EntrySize(bytes) => return write!(f, "its entries have {bytes} bytes each"),
            Damage::TooManyEntries(entries) => return write!(f, "it has {entries} entries"),
            Damage::EntriesPlace => "its entries are where they cannot be",
            Damage::EntriesChecksum => "the checksum of its entries is wrong",
        })
    }
}

/// Why the partitions of a disk are not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GptError {
    /// The table was not read to its end.
    Unfinished,
    /// Blocks of this size, in bytes, are not supported.
    BlockSize(u32),
    /// The disk has this many blocks, too few for a table.
    DiskTooSmall(u64),
    /// More than [`MOST_NAMES`] names are looked for.
    TooManyNames,
    /// There is neither a primary nor a backup table.
    NoTable,
    /// Neither of the two tables can be used.
    BothUnusable {
        /// Why the primary one cannot.
        primary: Damage,
        /// Why the backup one cannot.
        backup: Damage,
    },
    /// An intact header says that its entries have a size, in bytes, which is not supported; the other table is no better.
    EntrySize(u32),
    /// An intact header says that it has more entries than are supported; the other table is no better.
    TooManyEntries(u32),
    /// More than [`MOST_PARTITIONS`] entries are in use.
    TooManyPartitions,
    /// The partition of this entry, counted from 1, ends before it begins.
    Backwards(u32),
    /// The partition of this entry, counted from 1, is not within the blocks that partitions may use.
    Outside(u32),
    /// The partitions of these two entries, counted from 1, overlap.
    Overlap(u32, u32),
    /// Two partitions have this name, and one of it is looked for.
    SameName(Name),
}

impl GptError {
    /// What the damages of both tables come to.
    pub(crate) fn of(primary: Damage, backup: Damage) -> GptError {
        match (primary, backup) {
            (Damage::NoSignature, Damage::NoSignature) => GptError::NoTable,
            // A header with the right checksum says more about the disk than one that is damaged.
            (Damage::EntrySize(bytes), _) | (_, Damage::EntrySize(bytes)) => {
                GptError::EntrySize(bytes)
            }
            (Damage::TooManyEntries(entries), _) | (_, Damage::TooManyEntries(entries)) => {
                GptError::TooManyEntries(entries)
            }
            _ => GptError::BothUnusable { primary, backup },
        }
    }
}

impl Display for GptError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            GptError::Unfinished => write!(
                f,
                "the partition table was not read to its end; read what it wants until it is done"
            ),
            GptError::BlockSize(bytes) => write!(
                f,
                "the disk has blocks of {bytes} bytes; use one with blocks of 512 or 4096 bytes"
            ),
            GptError::DiskTooSmall(blocks) => write!(
                f,
                "the disk has {blocks} blocks, too few for a partition table; use a larger one"
            ),
            GptError::TooManyNames => write!(
                f,
                "more than {MOST_NAMES} partitions are looked for; correct the plan"
            ),
            GptError::NoTable => write!(
                f,
                "the disk has no GUID partition table; partition it, or name another disk"
            ),
            GptError::BothUnusable { primary, backup } => write!(
                f,
                "both partition tables are damaged (primary: {primary}; backup: {backup}); repair them or write the disk anew"
            ),
            GptError::EntrySize(bytes) => write!(
                f,
                "entries of the partition table have {bytes} bytes; partition the disk with entries of 128 bytes, or 256, 512, ... up to {MOST_ENTRY_BYTES}"
            ),
            GptError::TooManyEntries(entries) => write!(
                f,
                "the partition table has {entries} entries; partition the disk with at most {MOST_ENTRIES}"
            ),
            GptError::TooManyPartitions => write!(
                f,
                "the disk has more than {MOST_PARTITIONS} partitions; remove some"
            ),
            GptError::Backwards(entry) => write!(
                f,
                "partition {entry} ends before it begins; partition the disk anew"
            ),
            GptError::Outside(entry) => write!(
                f,
                "partition {entry} is outside of the blocks for partitions; partition the disk anew"
            ),
            GptError::Overlap(one, other) => write!(
                f,
                "partitions {one} and {other} overlap; partition the disk anew"
            ),
            GptError::SameName(name) => write!(
                f,
                "two partitions are named {name}; give one of them another name"
            ),
        }
    }
}

impl Error for GptError {}
