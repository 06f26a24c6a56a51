//! What a disk, or a partition of one, can do.

use crate::block::{BLOCK_SIZE, SECTOR_SIZE};
use crate::syscall::Status;

/// Properties of a disk, as the second result of [`crate::interface::Call::DescribeDisk`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Properties {
    /// Bytes of a block of the disk: every transfer is of whole ones. 512 to [`BLOCK_SIZE`].
    pub block_size: u32,
    /// It refuses to be written.
    pub read_only: bool,
    /// It keeps in memory what was written until it is flushed.
    pub caches: bool,
}

const READ_ONLY: u64 = 1 << 32;
const CACHES: u64 = 1 << 33;

impl Properties {
    /// As a result.
    pub fn to_raw(self) -> u64 {
        let bit = |is: bool, bit: u64| if is { bit } else { 0 };
        u64::from(self.block_size) | bit(self.read_only, READ_ONLY) | bit(self.caches, CACHES)
    }

    /// What a peer sent.
    ///
    /// # Errors
    /// [`Status::Malformed`] where no disk is so.
    pub fn from_raw(raw: u64) -> Result<Properties, Status> {
        let properties = Properties {
            block_size: raw as u32,
            read_only: raw & READ_ONLY != 0,
            caches: raw & CACHES != 0,
        };
        let possible = properties.block_size.is_power_of_two()
            && (SECTOR_SIZE..=BLOCK_SIZE).contains(&(properties.block_size as usize));
        match possible && properties.to_raw() == raw {
            true => Ok(properties),
            false => Err(Status::Malformed),
        }
    }

    /// Sectors of a block of the disk.
    pub fn sectors_per_block(&self) -> u32 {
        self.block_size / SECTOR_SIZE as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_survive_a_result() {
        for (block_size, read_only, caches) in [(512, true, false), (4096, false, true)] {
            let properties = Properties {
                block_size,
                read_only,
                caches,
            };
            assert_eq!(Properties::from_raw(properties.to_raw()), Ok(properties));
        }
        for raw in [0, 511, 256, 8192, 512 | 1 << 34, u64::MAX] {
            assert_eq!(
                Properties::from_raw(raw),
                Err(Status::Malformed),
                "{raw:#x}"
            );
        }
    }
}
