//! Memory that the process shares with services and their devices, which is blocks, and memory that comes and goes, which is frames.

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::frame::FRAME_SIZE;

use core::ptr;

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

/// The memory of the frames of a cluster.
pub struct FrameMemory {
    base: *mut u8,
    frames: u32,
}

// SAFETY: the memory belongs to no thread; which value names which frame is settled in `frame.rs`, where one frame is named by
// one value.
unsafe impl Send for FrameMemory {}
// SAFETY: as above.
unsafe impl Sync for FrameMemory {}

impl FrameMemory {
    /// That of a process that may not hold frames.
    pub const NONE: FrameMemory = FrameMemory {
        base: ptr::null_mut(),
        frames: 0,
    };

    /// The frames' memory.
    ///
    /// # Safety
    /// At `base` there is room for so many frames, which nothing else uses. A frame that the process holds is mapped at its number
    /// there and nobody else reaches it. One that it does not hold is not mapped, so that an access ends the process and does
    /// nothing else; where frames are always mapped, nobody writes one to which this process has kept a reference.
    pub const unsafe fn new(base: *mut u8, frames: u32) -> FrameMemory {
        FrameMemory { base, frames }
    }

    /// How many frames there are.
    pub(crate) fn frames(&self) -> u32 {
        self.frames
    }

    fn at(&self, frame: u32) -> *mut u8 {
        assert!(frame < self.frames);
        self.base.wrapping_add(frame as usize * FRAME_SIZE)
    }

    /// The bytes of a frame. The caller is the one [`Frame`](crate::Frame) that names it, and borrows itself for the slice.
    pub(crate) fn bytes(&self, frame: u32) -> &[u8] {
        // SAFETY: the frame lies in the memory that `new`'s caller promised (`at`), and is initialised, as all memory is that a root
        // task maps. While the process holds it nobody else writes it. While it does not, because a lease has ended, an access does
        // not return; where it has come again, the bytes may be others. A `Frame` that is given away does not exist any more when the
        // frame moves, and no second one is made while there is one (`Ledger::live`).
        unsafe { core::slice::from_raw_parts(self.at(frame), FRAME_SIZE) }
    }

    /// The bytes of a frame, to be written; as for [`FrameMemory::bytes`].
    #[allow(
        clippy::mut_from_ref,
        reason = "which value names which frame is settled in `frame.rs`"
    )]
    pub(crate) fn bytes_mut(&self, frame: u32) -> &mut [u8] {
        // SAFETY: as in `bytes`; and the `Frame` borrows itself mutably, so no other slice of the frame is alive.
        unsafe { core::slice::from_raw_parts_mut(self.at(frame), FRAME_SIZE) }
    }
}
