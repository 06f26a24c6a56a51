//! Memory that the process shares with services and their devices: blocks.

use atoll_abi::block::BLOCK_SIZE;

/// The memory of a pool of blocks.
pub struct PoolMemory {
    base: *mut u8,
    blocks: u32,
}

// SAFETY: the memory belongs to no thread; which value names which block is settled in `block.rs`, where one block is
// named by one value.
unsafe impl Send for PoolMemory {}
// SAFETY: as above.
unsafe impl Sync for PoolMemory {}

impl PoolMemory {
    /// A pool's memory.
    ///
    /// # Safety
    /// `base` points to `blocks` blocks that stay mapped for good. A block is written only for a syscall that the process
    /// sent with it, in this life or an earlier one, and only until one of these:
    /// - the service answers the syscall with a completion that names the block;
    /// - the service is announced dead, which its supervisor does after the service's devices have stopped writing;
    /// - the service begins the channel's next generation, after the life that sent the syscall.
    pub const unsafe fn new(base: *mut u8, blocks: u32) -> PoolMemory {
        PoolMemory { base, blocks }
    }

    /// How many blocks there are.
    pub(crate) fn blocks(&self) -> u32 {
        self.blocks
    }

    /// The bytes of so many pages from a block on, to be written. The caller is the one [`Block`](crate::Block) that names it.
    #[allow(
        clippy::mut_from_ref,
        reason = "which value names which block is settled in `block.rs`"
    )]
    pub(crate) fn bytes_mut(&self, block: u32, pages: u32) -> &mut [u8] {
        assert!(block < self.blocks && pages <= self.blocks - block);
        // SAFETY: as in `bytes`; and the `Block` that calls this borrows itself mutably for the slice, so no other slice of the
        // block is alive. A service or device that may read or write a block is given it by a syscall, into which the `Block`
        // goes.
        unsafe {
            core::slice::from_raw_parts_mut(
                self.base.add(block as usize * BLOCK_SIZE),
                pages as usize * BLOCK_SIZE,
            )
        }
    }

    /// The first bytes of so many pages from a block on. The caller is the one [`Block`](crate::Block) that names it.
    pub(crate) fn bytes(&self, block: u32, pages: u32, length: usize) -> &[u8] {
        assert!(block < self.blocks && pages <= self.blocks - block);
        assert!(length <= pages as usize * BLOCK_SIZE);
        // SAFETY: the block exists (`new`, and the lines above), and is initialised memory, as all memory is that a root
        // task maps. It is not written while the slice lives. Only a `Block` calls this, for the block that it names, and
        // borrows itself for the slice. A `Block` that goes into a syscall becomes a `Lent`, which has no access to the
        // bytes; the number of a `Lent` becomes a `Block` again in two ways only, both of which come from `ClientEnd`: an
        // answer that says that the block was returned, or a late completion that names the block. `ClientEnd` says
        // either only after a completion that names the block, or after the death of the service (`Loss::Death`): the two
        // cases in which `new`'s caller promised that writing has ended. After a service broke the protocol, or after a
        // connection is given up whose service lives (`Loss::Fault`), it says neither, and the block is not used again.
        // What earlier lives had lent is not written any more either: the pool gives its first block when each service has
        // begun the generation of this life's channel, or has been announced dead.
        unsafe { core::slice::from_raw_parts(self.base.add(block as usize * BLOCK_SIZE), length) }
    }
}
