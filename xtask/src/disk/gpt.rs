//! Writes a protective MBR and the two copies of a GUID partition table. UEFI Specification 2.10, chapter 5.

use std::fs::File;
use std::os::unix::fs::FileExt;

use anyhow::{Context, Result};
use bytemuck::{bytes_of, from_bytes_mut};
use gpt_disk_types::{
    BlockSize, GptHeader, GptPartitionEntry, GptPartitionEntryArray, GptPartitionEntryArrayLayout,
    GptPartitionEntrySize, GptPartitionName, GptPartitionType, Lba, LbaLe, MasterBootRecord, U32Le,
    guid,
};

use super::{Placed, identity};

/// Entries of a table, as many as other tools make.
pub const MOST_PARTITIONS: usize = 128;

/// The type of all partitions: data of Linux, which no other system offers to format.
const TYPE: GptPartitionType = GptPartitionType(guid!("0fc63daf-8483-4772-8e79-3d69d8477de4"));

const ENTRY_BYTES: usize = size_of::<GptPartitionEntry>();
const ENTRIES_BYTES: usize = MOST_PARTITIONS * ENTRY_BYTES;

/// Writes the tables of a disk with so many bytes, whole blocks, of which each partition has whole blocks.
///
/// # Errors
/// Where they cannot be written.
pub fn write(out: &File, block_size: u32, length: u64, partitions: &[Placed]) -> Result<()> {
    let size = u64::from(block_size);
    let blocks = length / size;
    let entries_blocks = ENTRIES_BYTES as u64 / size;
    let entries = entries(size, partitions)?;
    let layout = GptPartitionEntryArrayLayout {
        start_lba: Lba(0),
        entry_size: GptPartitionEntrySize::new(ENTRY_BYTES as u32)?,
        num_entries: MOST_PARTITIONS as u32,
    };
    let mut storage = entries.clone();
    let block = BlockSize::new(block_size).context("a block has at least 512 bytes")?;
    let checksum = GptPartitionEntryArray::new(layout, block, &mut storage)?.calculate_crc32();

    let names = partitions.iter().map(|partition| partition.name.as_str());
    let primary = GptHeader {
        my_lba: LbaLe::from_u64(1),
        alternate_lba: LbaLe::from_u64(blocks - 1),
        first_usable_lba: LbaLe::from_u64(2 + entries_blocks),
        last_usable_lba: LbaLe::from_u64(blocks - 2 - entries_blocks),
        disk_guid: identity::of("disk", names),
        partition_entry_lba: LbaLe::from_u64(2),
        number_of_partition_entries: U32Le::from_u32(MOST_PARTITIONS as u32),
        partition_entry_array_crc32: checksum,
        ..GptHeader::default()
    };
    let backup = GptHeader {
        my_lba: primary.alternate_lba,
        alternate_lba: primary.my_lba,
        partition_entry_lba: LbaLe::from_u64(blocks - 1 - entries_blocks),
        ..primary
    };
    let mut mbr = MasterBootRecord::protective_mbr(blocks);
    // All ones where it is larger, section 5.2.3.
    mbr.partitions[0].size_in_lba = U32Le::from_u32(u32::try_from(blocks - 1).unwrap_or(u32::MAX));
    out.write_all_at(bytes_of(&mbr), 0)?;
    for mut header in [backup, primary] {
        header.update_header_crc32();
        out.write_all_at(&entries, header.partition_entry_lba.to_u64() * size)?;
        out.write_all_at(bytes_of(&header), header.my_lba.to_u64() * size)?;
    }
    Ok(())
}

fn entries(block_size: u64, partitions: &[Placed]) -> Result<Vec<u8>> {
    let mut bytes = vec![0; ENTRIES_BYTES];
    for (place, partition) in bytes.chunks_mut(ENTRY_BYTES).zip(partitions) {
        let name = partition.name.as_str();
        let first = partition.first / block_size;
        *from_bytes_mut(place) = GptPartitionEntry {
            partition_type_guid: TYPE,
            unique_partition_guid: identity::of("partition", [name]),
            starting_lba: LbaLe::from_u64(first),
            ending_lba: LbaLe::from_u64(first + partition.bytes / block_size - 1),
            name: name
                .parse::<GptPartitionName>()
                .ok()
                .context("a name of 32 ASCII characters fits into an entry")?,
            ..GptPartitionEntry::default()
        };
    }
    Ok(bytes)
}
