//! The entries of a table: their checksum, what contradicts itself in them, and the partitions that are wanted.
//! UEFI Specification 2.10, section 5.3.3.

use atoll_abi::name::Name;
use bytemuck::try_pod_read_unaligned;
use crc::Digest;
use gpt_disk_types::{GptPartitionEntry, GptPartitionName, GptPartitionType};
use heapless::Vec;

use crate::header::{ENTRY_BYTES, Header};
use crate::{CHECKSUM, Damage, GptError, MOST_NAMES};

/// Entries that may be in use, so that all partitions can be compared with each other in bounded memory.
pub const MOST_PARTITIONS: usize = 128;

/// Where a partition is, in logical blocks of the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Its first block.
    pub first: u64,
    /// Its blocks: at least one.
    pub blocks: u64,
}

/// A partition that may not overlap another one.
#[derive(Clone, Copy, Debug)]
struct Used {
    first: u64,
    last: u64,
    entry: u32,
}

/// Where each wanted partition is, in the order of the names.
pub(crate) type Found = [Option<Extent>; MOST_NAMES];

/// Reads entries in their order, in pieces of whole entries.
#[derive(Clone)]
pub(crate) struct Entries {
    header: Header,
    digest: Digest<'static, u32>,
    /// Bytes that are still to come.
    left: u64,
    /// Entries seen.
    seen: u32,
    /// In ascending order.
    used: Vec<Used, MOST_PARTITIONS>,
    found: Found,
    /// The first contradiction; it counts only where the checksum is right.
    problem: Option<GptError>,
}

impl Entries {
    pub fn new(header: Header) -> Entries {
        Entries {
            header,
            digest: CHECKSUM.digest(),
            left: header.entries_total_bytes(),
            seen: 0,
            used: Vec::new(),
            found: [None; MOST_NAMES],
            problem: None,
        }
    }

    /// Bytes that are still to come.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// Bytes that were read.
    pub fn done(&self) -> u64 {
        self.header.entries_total_bytes() - self.left
    }

    /// First block of the entries.
    pub fn first_block(&self) -> u64 {
        self.header.entries_first
    }

    /// Takes the next piece; what is beyond the last entry does not belong to the table.
    pub fn take(&mut self, piece: &[u8], names: &[Name]) {
        let bytes = self.left.min(piece.len() as u64);
        let piece = piece.get(..bytes as usize).unwrap_or(piece);
        self.left -= bytes;
        self.digest.update(piece);
        for entry in piece.chunks_exact(self.header.entry_bytes as usize) {
            self.seen += 1;
            if self.problem.is_none() {
                self.problem = self.add(entry, names).err();
            }
        }
    }

    fn add(&mut self, entry: &[u8], names: &[Name]) -> Result<(), GptError> {
        let Some(Ok(raw)) = entry
            .get(..ENTRY_BYTES as usize)
            .map(try_pod_read_unaligned::<GptPartitionEntry>)
        else {
            return Ok(());
        };
        if { raw.partition_type_guid } == GptPartitionType::UNUSED {
            return Ok(());
        }
        let used = Used {
            first: raw.starting_lba.to_u64(),
            last: raw.ending_lba.to_u64(),
            entry: self.seen,
        };
        if used.last < used.first {
            return Err(GptError::Backwards(used.entry));
        }
        if used.first < self.header.first_usable || used.last > self.header.last_usable {
            return Err(GptError::Outside(used.entry));
        }
        self.insert(used)?;
        let name = raw.name;
        let Some((wanted, found)) = names
            .iter()
            .zip(&mut self.found)
            .find(|(wanted, _)| is_named(&name, wanted))
        else {
            return Ok(());
        };
        if found.is_some() {
            return Err(GptError::SameName(*wanted));
        }
        *found = Some(Extent {
            first: used.first,
            blocks: used.last - used.first + 1,
        });
        Ok(())
    }

    fn insert(&mut self, used: Used) -> Result<(), GptError> {
        let place = self.used.partition_point(|other| other.first <= used.first);
        let before = place.checked_sub(1).and_then(|place| self.used.get(place));
        let overlapped = before
            .filter(|before| before.last >= used.first)
            .or(self.used.get(place).filter(|next| next.first <= used.last));
        if let Some(other) = overlapped {
            return Err(GptError::Overlap(other.entry, used.entry));
        }
        self.used
            .insert(place, used)
            .map_err(|_| GptError::TooManyPartitions)
    }

    /// What the entries come to, once all of them were taken.
    pub fn end(&self) -> Result<Result<Found, GptError>, Damage> {
        if self.digest.clone().finalize() != self.header.entries_checksum {
            return Err(Damage::EntriesChecksum);
        }
        Ok(self.problem.map_or(Ok(self.found), Err))
    }
}

/// Whether a partition has a name, which is ASCII; bytes that are no name are the name of none.
fn is_named(partition: &GptPartitionName, name: &Name) -> bool {
    let units = partition.0.chunks_exact(2).map(|unit| match unit {
        [low, high] => u16::from_le_bytes([*low, *high]),
        _ => 0,
    });
    Name::new(name.as_str()).as_ref() == Some(name)
        && units
            .take_while(|unit| *unit != 0)
            .eq(name.as_str().bytes().map(u16::from))
}
