//! What has to be right before a volume is mounted: the crate allocates what the superblock says.

use atoll_abi::block::SECTOR_SIZE;
use atoll_abi::syscall::Status;

use rsext4::crc32c::{crc32c_append, crc32c_init};

use crate::disk::Disk;

/// Where the superblock is, in bytes, and how long.
const OFFSET: u64 = 1024;
const BYTES: usize = 1024;

const MAGIC: u16 = 0xEF53;

/// Where its own checksum is, and the feature that it has one.
const CHECKSUM: usize = BYTES - 4;
const HAS_CHECKSUMS: u32 = 0x400;

/// The largest block: log2 of its size over 1 KiB.
const MOST_LOG_BLOCK_SIZE: u32 = 2;

/// The fewest blocks of a group that `mke2fs` makes.
const FEWEST_GROUP_BLOCKS: u64 = 256;

/// What is needed of a superblock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Superblock {
    pub(crate) block_size: u32,
    /// When the volume was written last, in seconds since 1970.
    pub(crate) written: u32,
    inodes: u32,
    group_inodes: u32,
    inode_size: u32,
    descriptor_size: u32,
    /// The block that the superblock is in.
    first_block: u32,
}

/// In an inode, the high half of its size.
const SIZE_HIGH: u64 = 108;

fn word(bytes: &[u8], at: usize) -> Result<u32, Status> {
    let word = bytes.get(at..at + 4).and_then(|it| it.try_into().ok());
    word.map(u32::from_le_bytes).ok_or(Status::Corrupt)
}

/// A word at some byte of the disk, which does not span blocks.
fn read_word(disk: &Disk<'_>, at: u64) -> Result<u32, Status> {
    let size = disk.properties().block_size as usize;
    let mut block = alloc::vec![0; size];
    let index = at / size as u64;
    disk.read(
        index * u64::from(disk.properties().sectors_per_block()),
        &mut block,
    )?;
    word(&block, (at % size as u64) as usize)
}

impl Superblock {
    /// Reads the superblock, and checks that the volume fits on the disk.
    pub(crate) fn read(disk: &Disk<'_>) -> Result<Superblock, Status> {
        let mut block = alloc::vec![0; 4096];
        disk.read(0, &mut block)?;
        let start = OFFSET as usize;
        let bytes = block.get_mut(start..start + BYTES);
        let bytes = bytes.ok_or(Status::Corrupt)?;
        let superblock = Superblock::parse(bytes, disk.sectors())?;
        if disk.properties().block_size as usize == SECTOR_SIZE {
            Superblock::mend(bytes, disk)?;
        }
        Ok(superblock)
    }

    /// A superblock is two sectors, of which a power cut may leave one new and the other old. All that changes while a volume is
    /// used is in the first sector, but for the checksum: either of the two is right, and the journal, which is replayed then,
    /// has the new one. So only the checksum is wrong. A writer that mends it gives up that it shows other damage.
    fn mend(bytes: &mut [u8], disk: &Disk<'_>) -> Result<(), Status> {
        if word(bytes, 56)? as u16 != MAGIC || word(bytes, 100)? & HAS_CHECKSUMS == 0 {
            return Ok(());
        }
        let (covered, stored) = bytes
            .split_at_mut_checked(CHECKSUM)
            .ok_or(Status::Corrupt)?;
        let right = crc32c_append(crc32c_init(), covered).to_le_bytes();
        if stored == right {
            return Ok(());
        }
        stored.copy_from_slice(&right);
        let second = bytes.get(SECTOR_SIZE..).ok_or(Status::Corrupt)?;
        disk.write(OFFSET / SECTOR_SIZE as u64 + 1, second)
    }

    fn parse(bytes: &[u8], sectors: u64) -> Result<Superblock, Status> {
        if word(bytes, 56)? as u16 != MAGIC {
            return Err(Status::Corrupt);
        }
        let log = word(bytes, 24)?;
        if log > MOST_LOG_BLOCK_SIZE {
            return Err(Status::Unsupported);
        }
        let block_size = 1024 << log;
        // The high half counts only with 64-bit block numbers; a volume that large has them.
        let has_high = word(bytes, 96)? & 0x80 != 0;
        let high = if has_high { word(bytes, 0x150)? } else { 0 };
        let blocks = u64::from(high) << 32 | u64::from(word(bytes, 4)?);
        let size = blocks
            .checked_mul(u64::from(block_size))
            .ok_or(Status::Corrupt)?;
        let fits = size <= sectors.saturating_mul(SECTOR_SIZE as u64);
        let group = u64::from(word(bytes, 32)?);
        let inodes = u64::from(word(bytes, 0)?);
        let inodes_fit = inodes <= size / 128;
        if !fits || !inodes_fit || group < FEWEST_GROUP_BLOCKS {
            return Err(Status::Corrupt);
        }
        let revision = word(bytes, 76)?;
        Ok(Superblock {
            block_size,
            written: word(bytes, 48)?.max(word(bytes, 264)?),
            inodes: word(bytes, 0)?,
            group_inodes: word(bytes, 40)?,
            inode_size: if revision == 0 {
                128
            } else {
                word(bytes, 88)? & 0xFFFF
            },
            descriptor_size: if has_high {
                word(bytes, 252)? >> 16
            } else {
                32
            },
            first_block: word(bytes, 20)?,
        })
    }

    /// The high half of the size of an inode that is no file. The crate allocates what it says, and does not tell it. It is read
    /// from the disk, which is right for what the crate does not write, like symbolic links.
    pub(crate) fn size_high(&self, disk: &Disk<'_>, inode: u32) -> Result<u32, Status> {
        let index = inode.checked_sub(1).ok_or(Status::Corrupt)?;
        let group = index
            .checked_div(self.group_inodes)
            .ok_or(Status::Corrupt)?;
        if inode > self.inodes {
            return Err(Status::Corrupt);
        }
        let block = u64::from(self.block_size);
        let table = (u64::from(self.first_block) + 1) * block;
        let descriptor = table + u64::from(group) * u64::from(self.descriptor_size);
        let low = read_word(disk, descriptor + 8)?;
        let high = match self.descriptor_size {
            64.. => read_word(disk, descriptor + 40)?,
            _ => 0,
        };
        let inodes = u64::from(high) << 32 | u64::from(low);
        let place = u64::from(index % self.group_inodes) * u64::from(self.inode_size);
        let start = inodes.checked_mul(block).ok_or(Status::Corrupt)?;
        let start = start.checked_add(place + SIZE_HIGH);
        read_word(disk, start.ok_or(Status::Corrupt)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn superblock() -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        bytes[0..4].copy_from_slice(&64_u32.to_le_bytes());
        bytes[4..8].copy_from_slice(&1000_u32.to_le_bytes());
        bytes[24] = 2;
        bytes[32..36].copy_from_slice(&32768_u32.to_le_bytes());
        bytes[56..58].copy_from_slice(&MAGIC.to_le_bytes());
        bytes
    }

    #[test]
    fn a_volume_has_to_fit_on_its_disk() {
        assert!(Superblock::parse(&superblock(), 8000).is_ok());
        let too_large = Superblock::parse(&superblock(), 7999);
        assert_eq!(too_large.map(|_| ()), Err(Status::Corrupt));
    }

    #[test]
    fn what_is_no_volume_is_refused() {
        let none = Superblock::parse(&[0; BYTES], 8000);
        assert_eq!(none.map(|_| ()), Err(Status::Corrupt));
        let mut large = superblock();
        large[24] = 6;
        let large = Superblock::parse(&large, 8000);
        assert_eq!(large.map(|_| ()), Err(Status::Unsupported));
    }
}
