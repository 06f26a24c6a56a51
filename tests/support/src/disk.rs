//! Disks, as a driver serves them.

use std::collections::BTreeMap;
use std::sync::Arc;

use atoll_abi::block::{BLOCK_SIZE, BlockList, SECTOR_SIZE, SECTORS_PER_BLOCK};
use atoll_abi::disk::Properties;
use atoll_abi::interface::DiskCall;
use atoll_abi::syscall::{Completion, Status, Syscall};
use atoll_service::Memory;

/// What an ordinary disk can do.
const ORDINARY: Properties = Properties {
    block_size: SECTOR_SIZE as u32,
    read_only: false,
    caches: true,
};

/// What a driver says of an ordinary disk of so many sectors.
pub fn description(sectors: u64) -> [u64; 2] {
    [sectors, ORDINARY.to_raw()]
}

type Sector = [u8; SECTOR_SIZE];

/// A disk in memory. A clone has the same content, and is another disk; what neither has written they share.
#[derive(Clone)]
pub struct Disk {
    image: Arc<Vec<u8>>,
    written: BTreeMap<u64, Sector>,
    /// What its driver says that it can do.
    pub properties: Properties,
}

/// Which way data goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    ToMemory,
    ToDisk,
}

impl Disk {
    /// An ordinary disk with what is in an image.
    pub fn new(image: Vec<u8>) -> Disk {
        Disk {
            image: Arc::new(image),
            written: BTreeMap::new(),
            properties: ORDINARY,
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
            Ok(DiskCall::DescribeDisk(_)) => Ok([self.capacity(), self.properties.to_raw()]),
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
        let blocks = u64::from(sectors).div_ceil(SECTORS_PER_BLOCK << list.order());
        if blocks != list.as_slice().len() as u64 {
            return Err(Status::InvalidArgument);
        }
        let mut sector = first;
        for index in list.pages_in(0..list.pages()) {
            if sector == end {
                break;
            }
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

#[cfg(test)]
mod tests {
    use super::*;
    use atoll_abi::interface::{Request, request};

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
    fn what_is_written_is_read_and_is_on_no_clone() {
        let disk = Disk::new(vec![0; 1 << 20]);
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
