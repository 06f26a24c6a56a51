//! Disks in memory, with tables that are made field by field, so that each can be made wrong.

use std::collections::HashMap;

use atoll_abi::name::Name;
use atoll_gpt::{GptError, MOST_READS, Partitions, READ_BYTES, Table, Want};
use bytemuck::bytes_of;
use gpt_disk_types::{
    Crc32, GptHeader, GptPartitionEntry, GptPartitionName, GptPartitionType, LbaLe, U32Le,
};

/// A disk of any size: blocks that were never written are zeros.
#[derive(Clone)]
pub struct Disk {
    pub blocks: u64,
    pub block_size: u32,
    pub content: HashMap<u64, Vec<u8>>,
    /// Blocks that the device does not read.
    pub unreadable: Vec<u64>,
}

impl Disk {
    /// A disk with both tables; each partition has a name, its first block and its last one.
    pub fn new(blocks: u64, block_size: u32, partitions: &[(&str, u64, u64)]) -> Disk {
        let mut disk = Disk {
            blocks,
            block_size,
            content: HashMap::new(),
            unreadable: Vec::new(),
        };
        let mut entries = vec![0; 16384];
        for (index, partition) in partitions.iter().enumerate() {
            entries[index * 128..][..128].copy_from_slice(&entry(partition));
        }
        disk.write_both(&entries, |_| ());
        disk
    }

    /// Writes both tables, after a change to each header but its checksum, which is right.
    pub fn write_both(&mut self, entries: &[u8], change: impl Fn(&mut GptHeader)) {
        let [primary, backup] = [self.primary(entries), self.backup(entries)];
        for mut header in [primary, backup] {
            let (place, first) = (header.my_lba, header.partition_entry_lba);
            change(&mut header);
            self.write_header(place.to_u64(), header);
            self.write(first.to_u64(), entries);
        }
    }

    pub fn primary(&self, entries: &[u8]) -> GptHeader {
        self.header(entries, 1, self.blocks - 1, 2)
    }

    pub fn backup(&self, entries: &[u8]) -> GptHeader {
        let blocks = (entries.len() as u64).div_ceil(u64::from(self.block_size));
        self.header(entries, self.blocks - 1, 1, self.blocks - 1 - blocks)
    }

    fn header(&self, entries: &[u8], place: u64, other: u64, first: u64) -> GptHeader {
        let blocks = (entries.len() as u64).div_ceil(u64::from(self.block_size));
        GptHeader {
            my_lba: LbaLe::from_u64(place),
            alternate_lba: LbaLe::from_u64(other),
            first_usable_lba: LbaLe::from_u64(2 + blocks),
            last_usable_lba: LbaLe::from_u64(self.blocks - 2 - blocks),
            partition_entry_lba: LbaLe::from_u64(first),
            number_of_partition_entries: U32Le::from_u32((entries.len() / 128) as u32),
            partition_entry_array_crc32: checksum(entries),
            ..GptHeader::default()
        }
    }

    /// Writes a header with its right checksum.
    pub fn write_header(&mut self, place: u64, mut header: GptHeader) {
        header.update_header_crc32();
        let mut block = vec![0; self.block_size as usize];
        block[..92].copy_from_slice(bytes_of(&header));
        self.write(place, &block);
    }

    pub fn write(&mut self, first: u64, bytes: &[u8]) {
        for (index, piece) in bytes.chunks(self.block_size as usize).enumerate() {
            let mut block = piece.to_vec();
            block.resize(self.block_size as usize, 0);
            self.content.insert(first + index as u64, block);
        }
    }

    /// Changes one byte of a block.
    pub fn damage(&mut self, block: u64, byte: usize) {
        let size = self.block_size as usize;
        let content = self.content.entry(block).or_insert_with(|| vec![0; size]);
        content[byte % size] ^= 0x55;
    }

    /// Reads the table as a driver does.
    pub fn find(&self, names: &[&str]) -> Result<Partitions, GptError> {
        self.find_and_count(names).0
    }

    /// As [`Disk::find`], with the number of reads; checks every read and every extent.
    pub fn find_and_count(&self, names: &[&str]) -> (Result<Partitions, GptError>, u32) {
        let names: Vec<Name> = names.iter().map(|name| Name::new(name).unwrap()).collect();
        let mut table = Table::new(self.blocks, self.block_size, &names)
            .unwrap_or_else(|error| panic!("{error}"));
        let mut reads = 0;
        while let Want::Read { lba, blocks } = table.wants() {
            reads += 1;
            assert!(reads <= MOST_READS);
            assert!(blocks > 0 && blocks * self.block_size <= READ_BYTES);
            assert!(lba.checked_add(u64::from(blocks)).unwrap() <= self.blocks);
            assert_eq!(table.result(), Err(GptError::Unfinished));
            match self.read(lba, blocks) {
                Some(bytes) => table.feed(&bytes),
                None => table.failed(),
            }
        }
        let result = table.result();
        for (_, extent) in result.iter().flat_map(Partitions::iter) {
            let Some(extent) = extent else { continue };
            assert!(extent.blocks > 0 && extent.first > 1);
            assert!(extent.first.checked_add(extent.blocks).unwrap() < self.blocks);
        }
        (result, reads)
    }

    fn read(&self, lba: u64, blocks: u32) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        for block in lba..lba + u64::from(blocks) {
            if self.unreadable.contains(&block) {
                return None;
            }
            match self.content.get(&block) {
                Some(content) => bytes.extend_from_slice(content),
                None => bytes.resize(bytes.len() + self.block_size as usize, 0),
            }
        }
        Some(bytes)
    }
}

/// An entry in use.
pub fn entry(&(name, first, last): &(&str, u64, u64)) -> [u8; 128] {
    let mut raw = [0; 72];
    for (place, unit) in raw.chunks_mut(2).zip(name.encode_utf16()) {
        place.copy_from_slice(&unit.to_le_bytes());
    }
    let entry = GptPartitionEntry {
        partition_type_guid: GptPartitionType::BASIC_DATA,
        starting_lba: LbaLe::from_u64(first),
        ending_lba: LbaLe::from_u64(last),
        name: GptPartitionName(raw),
        ..GptPartitionEntry::default()
    };
    bytes_of(&entry).try_into().unwrap()
}

pub fn checksum(bytes: &[u8]) -> Crc32 {
    let crc = crc::Crc::<u32>::new(&Crc32::ALGORITHM);
    Crc32(U32Le::from_u32(crc.checksum(bytes)))
}
