//! The machine's disk: what is on it, and what its driver answers.

use atoll_abi::block::{BLOCK_SIZE, SECTORS_PER_BLOCK};
use atoll_abi::interface::{DiskCall, request};
use atoll_abi::syscall::{Completion, Status, Syscall};
use atoll_test_support::disk::description;
use atoll_test_support::volume::header_block;

/// Words of a block.
pub const WORDS: usize = BLOCK_SIZE / size_of::<u64>();

/// A disk with a volume, whose files lie one after the other from block 1 on.
pub struct Disk {
    header: [u8; BLOCK_SIZE],
    blocks: u64,
}

impl Disk {
    /// A disk with these files, each with its length in bytes.
    pub fn new(files: &[(&str, u64)]) -> Disk {
        let mut next = 1;
        let mut placed = Vec::new();
        for &(name, length) in files {
            placed.push((name, next, length));
            next += length.div_ceil(BLOCK_SIZE as u64);
        }
        Disk {
            header: header_block(next, &placed),
            blocks: next,
        }
    }

    /// Block 0: the header of the volume.
    pub fn header(&self) -> &[u8; BLOCK_SIZE] {
        &self.header
    }

    /// Sectors that it has.
    pub fn capacity(&self) -> u64 {
        self.blocks * SECTORS_PER_BLOCK
    }

    /// A word of a block: of files, one that tells where it is.
    pub fn word(&self, block: u64, word: usize) -> u64 {
        if block > 0 {
            return file_word(block, word);
        }
        let bytes = self.header.iter().skip(word * 8).take(8).rev();
        bytes.fold(0, |sum, byte| sum << 8 | u64::from(*byte))
    }

    /// The sectors that a call asks for.
    ///
    /// # Errors
    /// The status that it ends with, because it is no such call or the disk has no such sectors.
    pub fn asked(&self, call: &Syscall) -> Result<request::ReadSectors, Status> {
        let DiskCall::ReadSectors(read) = DiskCall::decode(call)? else {
            return Err(Status::UnknownCall);
        };
        let end = read.sector.checked_add(u64::from(read.sectors));
        let inside = end.is_some_and(|end| end <= self.capacity());
        if !inside || !(1..=SECTORS_PER_BLOCK).contains(&u64::from(read.sectors)) {
            return Err(Status::InvalidArgument);
        }
        Ok(read)
    }

    /// What a driver answers.
    pub fn answer(&self, call: &Syscall) -> Completion {
        if let Ok(DiskCall::DescribeDisk(_)) = DiskCall::decode(call) {
            return Completion::of(call, Status::Done, description(self.capacity()));
        }
        let (status, sectors) = match self.asked(call) {
            Ok(read) => (Status::Done, u64::from(read.sectors)),
            Err(status) => (status, 0),
        };
        Completion::of(call, status, [sectors, 0])
    }
}

/// A word of a block of a file.
pub fn file_word(block: u64, word: usize) -> u64 {
    (block << 32 | word as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
