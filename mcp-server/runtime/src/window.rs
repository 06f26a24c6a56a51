//! Memory that the process shares with others: blocks.

use atoll_abi::block::BLOCK_SIZE;

/// The memory of a pool of blocks.
pub struct PoolMemory {
    base: *mut u8,
    blocks: u32,
}

// SAFETY: the memory belongs to no thread; who reads which block is settled by `Block`, which names one only once.
unsafe impl Send for PoolMemory {}
// SAFETY: as above.
unsafe impl Sync for PoolMemory {}

impl PoolMemory {
    /// A pool's memory.
    ///
    /// # Safety
    /// `base` points to `blocks` blocks that stay mapped for good, and that nobody writes but the one to whom the process
    /// hands a block with a syscall, until that syscall's completion.
    pub const unsafe fn new(base: *mut u8, blocks: u32) -> PoolMemory {
        PoolMemory { base, blocks }
    }

    /// How many blocks there are.
    pub(crate) fn blocks(&self) -> u32 {
        self.blocks
    }

    /// The first bytes of a block. The caller owns the block: no syscall that was given it is outstanding.
    pub(crate) fn bytes(&self, block: u32, length: usize) -> &[u8] {
        assert!(block < self.blocks && length <= BLOCK_SIZE);
        // SAFETY: the block exists (`new`, and the line above). It is initialised memory, as all memory is that a root task
        // maps. Nobody writes it while the caller owns it; this crate alone calls this, from `Block`, which is moved into
        // the syscall that a device or server writes for and comes out of its completion.
        unsafe { core::slice::from_raw_parts(self.base.add(block as usize * BLOCK_SIZE), length) }
    }
}
