//! How large a file system is to be.

use super::ALIGNMENT;
use super::folder::{BLOCK, Census};

/// Bytes of an inode.
const INODE: u64 = 256;

/// Inodes that every file system has, root and `lost+found` among them, and some to spare.
const OTHER_INODES: u64 = 11 + 16;

/// Blocks of a block group.
const GROUP_BLOCKS: u64 = 8 * BLOCK;

/// Blocks of each group for its bitmaps, its descriptor and copies of the superblock, at most.
const BLOCKS_PER_GROUP: u64 = 8;

/// Blocks that every file system has to spare, `lost+found` among them.
const OTHER_BLOCKS: u64 = 128;

/// Size of a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Blocks of it.
    pub blocks: u64,
    /// Inodes of it, reserved ones among them.
    pub inodes: u64,
}

impl Size {
    /// One that is thought to hold what was seen.
    pub fn of(census: &Census) -> Size {
        let inodes = census.inodes + OTHER_INODES;
        let content = census.blocks + (inodes * INODE).div_ceil(BLOCK);
        // Extents of what is in many pieces take more.
        let content = content + content / 50;
        let groups = content / GROUP_BLOCKS + 1;
        Size {
            blocks: content + groups * BLOCKS_PER_GROUP + OTHER_BLOCKS,
            inodes,
        }
        .rounded()
    }

    /// A larger one.
    pub fn grown(self) -> Size {
        Size {
            blocks: self.blocks + self.blocks / 2,
            inodes: self.inodes * 2,
        }
        .rounded()
    }

    /// Fills the space up to the next partition. A group has no more inodes than blocks.
    fn rounded(self) -> Size {
        let blocks = self.blocks.max(self.inodes);
        Size {
            blocks: blocks.next_multiple_of(ALIGNMENT / BLOCK),
            ..self
        }
    }

    /// Its bytes.
    pub fn bytes(self) -> u64 {
        self.blocks * BLOCK
    }
}
