//! Units of data.

/// Bytes of one block, the unit in which data moves: one small page.
pub const BLOCK_SIZE: usize = 4096;

/// Bytes of one sector, the unit in which a block device is addressed.
pub const SECTOR_SIZE: usize = 512;

/// Sectors of one block.
pub const SECTORS_PER_BLOCK: u64 = (BLOCK_SIZE / SECTOR_SIZE) as u64;
