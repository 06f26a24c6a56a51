//! What makes a header usable: UEFI Specification 2.10, section 5.3.2.

use bytemuck::try_pod_read_unaligned;
use gpt_disk_types::{GptHeader, GptHeaderRevision};

use crate::{CHECKSUM, Damage};

/// Entries that a table may have: eight times what disks have.
pub const MOST_ENTRIES: u32 = 1024;

/// Bytes that one entry may have.
pub const MOST_ENTRY_BYTES: u32 = 4096;

/// Bytes of an entry whose meaning is defined.
pub(crate) const ENTRY_BYTES: u32 = 128;

/// Bytes of a header whose meaning is defined.
const HEADER_BYTES: usize = size_of::<GptHeader>();

/// Where a header has its own checksum, which counts as zero in it.
const CHECKSUM_PLACE: core::ops::Range<usize> = 16..20;

/// What a usable header says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    /// First block that a partition may use.
    pub first_usable: u64,
    /// Last block that a partition may use.
    pub last_usable: u64,
    /// First block of the entries.
    pub entries_first: u64,
    /// Entries: at most [`MOST_ENTRIES`].
    pub entries: u32,
    /// Bytes of an entry: a power of two from [`ENTRY_BYTES`] to [`MOST_ENTRY_BYTES`].
    pub entry_bytes: u32,
    /// Checksum of all entries.
    pub entries_checksum: u32,
}

impl Header {
    /// The header in a block that was read from `place`, on a disk of so many blocks.
    pub fn parse(block: &[u8], place: u64, disk_blocks: u64) -> Result<Header, Damage> {
        let raw: GptHeader = block
            .get(..HEADER_BYTES)
            .and_then(|bytes| try_pod_read_unaligned(bytes).ok())
            .ok_or(Damage::Unreadable)?;
        if !raw.is_signature_valid() {
            return Err(Damage::NoSignature);
        }
        let bytes = raw.header_size.to_u32() as usize;
        if bytes < HEADER_BYTES {
            return Err(Damage::HeaderSize);
        }
        let bytes = block.get(..bytes).ok_or(Damage::HeaderSize)?;
        if checksum(bytes) != Some(raw.header_crc32.0.to_u32()) {
            return Err(Damage::HeaderChecksum);
        }
        if raw.revision != GptHeaderRevision::VERSION_1_0 {
            return Err(Damage::Revision);
        }
        if raw.my_lba.to_u64() != place {
            return Err(Damage::HeaderPlace);
        }
        let header = Header {
            first_usable: raw.first_usable_lba.to_u64(),
            last_usable: raw.last_usable_lba.to_u64(),
            entries_first: raw.partition_entry_lba.to_u64(),
            entries: raw.number_of_partition_entries.to_u32(),
            entry_bytes: raw.size_of_partition_entry.to_u32(),
            entries_checksum: raw.partition_entry_array_crc32.0.to_u32(),
        };
        header.check(block.len() as u64, disk_blocks)?;
        Ok(header)
    }

    fn check(&self, block_bytes: u64, disk_blocks: u64) -> Result<(), Damage> {
        // The protective MBR and the primary header are the first two blocks, the backup header is the last one.
        let between_headers = 2..disk_blocks.saturating_sub(1);
        if self.first_usable > self.last_usable
            || !between_headers.contains(&self.first_usable)
            || !between_headers.contains(&self.last_usable)
        {
            return Err(Damage::UsableBlocks);
        }
        if !self.entry_bytes.is_power_of_two()
            || !(ENTRY_BYTES..=MOST_ENTRY_BYTES).contains(&self.entry_bytes)
        {
            return Err(Damage::EntrySize(self.entry_bytes));
        }
        if self.entries > MOST_ENTRIES {
            return Err(Damage::TooManyEntries(self.entries));
        }
        let end = self
            .entries_first
            .checked_add(self.entries_total_bytes().div_ceil(block_bytes))
            .ok_or(Damage::EntriesPlace)?;
        let on_disk = self.entries_first >= between_headers.start && end <= between_headers.end;
        // A partition over the entries could rewrite them.
        let is_apart = end <= self.first_usable || self.entries_first > self.last_usable;
        if !on_disk || !is_apart {
            return Err(Damage::EntriesPlace);
        }
        Ok(())
    }

    /// Bytes of all entries: at most 4 MiB.
    pub fn entries_total_bytes(&self) -> u64 {
        u64::from(self.entries) * u64::from(self.entry_bytes)
    }
}

fn checksum(header: &[u8]) -> Option<u32> {
    let mut digest = CHECKSUM.digest();
    digest.update(header.get(..CHECKSUM_PLACE.start)?);
    digest.update(&[0; 4]);
    digest.update(header.get(CHECKSUM_PLACE.end..)?);
    Some(digest.finalize())
}
