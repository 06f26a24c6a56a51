//! How large a file system is to be.

use atoll_abi::layout::LEAST_JOURNAL;

use super::folder::{BLOCK, Census};
use super::{ALIGNMENT, Usage};

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

/// Blocks of a journal: the fewest that `mke2fs` makes. The file service keeps what is in it in memory.
pub const JOURNAL_BLOCKS: u64 = LEAST_JOURNAL / BLOCK;

/// Blocks beside its content of a file system that is written, where nothing else is said.
const ROOM_BLOCKS: u64 = (16 << 20) / BLOCK;

/// Blocks of such room for each inode, as `mke2fs` has it.
const BLOCKS_PER_INODE: u64 = 4;

/// Size of a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Blocks of it.
    pub blocks: u64,
    /// Inodes of it, reserved ones among them.
    pub inodes: u64,
}

impl Size {
    /// One that is thought to hold what was seen, with what its use demands.
    pub fn of(census: &Census, usage: Usage) -> Size {
        let least = usage.least_bytes.div_ceil(BLOCK);
        let (content, room) = match usage {
            Usage { written: false, .. } => (census.blocks, 0),
            Usage { least_bytes: 0, .. } => {
                let journal_and_room = JOURNAL_BLOCKS + ROOM_BLOCKS;
                (census.blocks + journal_and_room, ROOM_BLOCKS)
            }
            Usage { .. } => {
                // `mke2fs` makes no journal that would take more than half of the blocks.
                let content = census.blocks.max(JOURNAL_BLOCKS);
                let room = least.saturating_sub(census.blocks);
                (content + JOURNAL_BLOCKS, room)
            }
        };
        let inodes = census.inodes + OTHER_INODES + room / BLOCKS_PER_INODE;
        let content = content + (inodes * INODE).div_ceil(BLOCK);
        // Extents of what is in many pieces take more.
        let content = content + content / 50;
        let groups = content / GROUP_BLOCKS + 1;
        let needed = content + groups * BLOCKS_PER_GROUP + OTHER_BLOCKS;
        Size {
            blocks: needed.max(least),
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
        self.blocks.saturating_mul(BLOCK)
    }
}
