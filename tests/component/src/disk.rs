//! The machine's disk: an ext4 volume in memory, and what a driver does with it.

use std::collections::BTreeMap;
use std::sync::Arc;

use atoll_abi::block::{BLOCK_SIZE, BlockList, SECTOR_SIZE, SECTORS_PER_BLOCK};
use atoll_abi::interface::DiskCall;
use atoll_abi::syscall::{Completion, Status, Syscall};
use atoll_service::Memory;
use atoll_test_support::disk::description;
use atoll_test_support::volume::volume;

/// Words of a block.
pub const WORDS: usize = BLOCK_SIZE / size_of::<u64>();

/// Mebibytes of the volume: the least in which there is a journal.
const MEBIBYTES: usize = 10;

type Sector = [u8; SECTOR_SIZE];

/// A disk with an ext4 volume. A clone has the same content, and is another disk; what neither has written they share.
#[derive(Clone)]
pub struct Disk {
    image: Arc<Vec<u8>>,
    written: BTreeMap<u64, Sector>,
}

/// Which way data goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    ToMemory,
    ToDisk,
}

impl Disk {
    /// A disk with these files, each with its length in bytes. What each holds is its [`content`], by its index.
    pub fn new(files: &[(&str, u64)]) -> Disk {
        let contents: Vec<Vec<u8>> = files
            .iter()
            .enumerate()
            .map(|(file, (_, length))| content(file, *length))
            .collect();
        let names = files.iter().map(|(name, _)| *name);
        let files: Vec<(&str, &[u8])> = names.zip(contents.iter().map(Vec::as_slice)).collect();
        Disk {
            image: Arc::new(volume(MEBIBYTES, &files)),
            written: BTreeMap::new(),
        }
    }

    /// Sectors that it has.
    pub fn capacity(&self) -> u64 {
        (self.image.len() / SECTOR_SIZE) as u64
    }

    /// All that is on it.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.image.to_vec();
        for (sector, content) in &self.written {
            let start = *sector as usize * SECTOR_SIZE;
            bytes[start..start + SECTOR_SIZE].copy_from_slice(content);
        }
        bytes
    }

    fn sector(&self, sector: u64) -> Sector {
        let start = sector as usize * SECTOR_SIZE;
        let first = || self.image[start..start + SECTOR_SIZE].try_into();
        let written = self.written.get(&sector).copied();
        written.unwrap_or_else(|| first().expect("a whole sector"))
    }

    /// Does what a call to a driver says; what the driver answers.
    pub fn carry_out(&mut self, call: &Syscall, memory: &mut impl Memory) -> Completion {
        let result = match DiskCall::decode(call) {
            Ok(DiskCall::DescribeDisk(_)) => Ok(description(self.capacity())),
            Ok(DiskCall::FlushDisk(_)) => Ok([0; 2]),
            Ok(DiskCall::ReadSectors(read)) => {
                let place = (read.sector, read.sectors, read.pool);
                self.transfer(call, Way::ToMemory, place, memory)
            }
            Ok(DiskCall::WriteSectors(write)) => {
                let place = (write.sector, write.sectors, write.pool);
                self.transfer(call, Way::ToDisk, place, memory)
            }
            Ok(_) => Err(Status::UnknownCall),
            Err(status) => Err(status),
        };
        match result {
            Ok(result) => Completion::of(call, Status::Done, result),
            Err(status) => Completion::of(call, status, [0; 2]),
        }
    }

    fn transfer(
        &mut self,
        call: &Syscall,
        way: Way,
        (first, sectors, pool): (u64, u32, u32),
        memory: &mut impl Memory,
    ) -> Result<[u64; 2], Status> {
        let list = BlockList::from_call(call)?;
        let end = first.checked_add(sectors.into());
        let end = end.filter(|end| *end <= self.capacity());
        let end = end.ok_or(Status::InvalidArgument)?;
        let blocks = u64::from(sectors).div_ceil(SECTORS_PER_BLOCK);
        if blocks != list.as_slice().len() as u64 {
            return Err(Status::InvalidArgument);
        }
        let mut sector = first;
        for &index in list.as_slice() {
            let mut block = [0; BLOCK_SIZE];
            memory.read_block(pool, index, &mut block);
            for part in block.as_chunks_mut().0.iter_mut() {
                match way {
                    _ if sector == end => break,
                    Way::ToMemory => *part = self.sector(sector),
                    Way::ToDisk => drop(self.written.insert(sector, *part)),
                }
                sector += 1;
            }
            if way == Way::ToMemory {
                memory.write_block(pool, index, &block);
            }
        }
        Ok([sectors.into(), 0])
    }
}

/// A word of a file: one that tells where it is. Files are counted from 0 on.
pub fn file_word(file: usize, word: u64) -> u64 {
    ((word << 8) | (file as u64 + 1)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// What a file of a length holds.
pub fn content(file: usize, length: u64) -> Vec<u8> {
    let words = 0..length.div_ceil(8);
    let mut bytes: Vec<u8> = words
        .flat_map(|word| file_word(file, word).to_le_bytes())
        .collect();
    bytes.truncate(length as usize);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use atoll_abi::interface::{Request, request};
    use atoll_test_support::volume::Mounted;

    /// Memory of one block.
    struct Block([u8; BLOCK_SIZE]);

    impl Memory for Block {
        fn read_block(&mut self, _: u32, _: u32, into: &mut [u8; BLOCK_SIZE]) {
            *into = self.0;
        }

        fn write_block(&mut self, _: u32, _: u32, from: &[u8; BLOCK_SIZE]) {
            self.0 = *from;
        }
    }

    #[test]
    fn the_volume_has_the_files() {
        let disk = Disk::new(&[("a", 5000), ("b", 0)]);
        let mut mounted = Mounted::new(disk.bytes());
        assert!(mounted.read("a").unwrap() == content(0, 5000));
        assert_eq!(mounted.read("b"), Ok(vec![]));
    }

    #[test]
    fn what_is_written_is_read_and_is_on_no_clone() {
        let disk = Disk::new(&[]);
        let (mut one, mut other) = (disk.clone(), disk);
        let (sector, sectors, pool) = (16, 2, 0);
        let list = BlockList::one(0);
        let write = request::WriteSectors {
            sector,
            sectors,
            pool,
        };
        let read = request::ReadSectors {
            sector,
            sectors,
            pool,
        };
        let answer = one.carry_out(&list.into_call(write.encode()), &mut Block([7; BLOCK_SIZE]));
        assert_eq!(
            (answer.status, answer.result),
            (Status::Done as u32, [2, 0])
        );
        let mut memory = Block([1; BLOCK_SIZE]);
        one.carry_out(&list.into_call(read.encode()), &mut memory);
        assert_eq!(memory.0[..2 * SECTOR_SIZE], [7; 2 * SECTOR_SIZE]);
        assert_eq!(
            memory.0[2 * SECTOR_SIZE..],
            [1; BLOCK_SIZE - 2 * SECTOR_SIZE]
        );
        other.carry_out(&list.into_call(read.encode()), &mut memory);
        assert_ne!(memory.0[0], 7);
    }
}
