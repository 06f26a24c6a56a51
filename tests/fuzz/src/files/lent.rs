//! Which blocks calls lend to the service and to the driver.

use atoll_abi::block::{BlockList, SECTORS_PER_BLOCK};
use atoll_abi::interface::{BlockUse, Call, DiskCall};
use atoll_abi::plan::ServiceKind;
use atoll_abi::syscall::{NO_BLOCK, Syscall};
use atoll_component_tests::plan::BLOCKS;

use super::{Block, Model};

/// The pages that a call of a client lends, and for what.
pub(super) fn blocks_of(call: &Syscall) -> (BlockUse, Vec<u32>) {
    let what = Call::from_raw(call.call).map_or(BlockUse::None, Call::block_use);
    let blocks = BlockList::from_call(call);
    match (what, blocks) {
        (BlockUse::None, _) | (_, Err(_)) => (BlockUse::None, Vec::new()),
        (what, Ok(blocks)) => (what, blocks.pages_in(0..blocks.pages()).collect()),
    }
}

/// The pages that the driver uses for a call, with what the device does with them.
pub(super) fn device_blocks(call: &Syscall) -> (BlockUse, Vec<Block>) {
    let (what, pool) = match DiskCall::decode(call) {
        Ok(DiskCall::ReadSectors(read)) => (BlockUse::Written, read.pool),
        Ok(DiskCall::WriteSectors(write)) => (BlockUse::Read, write.pool),
        _ => return (BlockUse::None, Vec::new()),
    };
    let blocks = BlockList::from_call(call).expect("a list of blocks");
    (
        what,
        blocks
            .pages_in(0..blocks.pages())
            .map(|it| (pool, it))
            .collect(),
    )
}

impl Model {
    /// Whether the device uses a block, or may.
    pub(super) fn is_busy(&self, block: Block) -> bool {
        let used = |call: &Syscall| device_blocks(call).1.contains(&block);
        self.withheld.contains(&block) || self.at_driver.iter().any(used)
    }

    /// Whether a call that will be answered has a block of a process.
    pub fn is_lent(&self, process: usize, block: u32) -> bool {
        let own = self.rings.iter().filter(|ring| ring.process == process);
        let mut taken = own.flat_map(|ring| &ring.taken);
        taken.any(|taken| taken.blocks.contains(&block))
    }

    /// Whether a call has a block, and has it for this.
    fn is_lent_for(&self, block: Block, what: BlockUse) -> bool {
        let lends = |of: usize, call: &Syscall| {
            let (lent_for, blocks) = blocks_of(call);
            of == block.0 as usize && lent_for == what && blocks.contains(&block.1)
        };
        let mut taken = self.all_taken();
        taken.any(|(of, taken)| lends(of, &taken.call))
            || self.coming.iter().any(|(of, call)| lends(*of, call))
    }

    /// The service reads or writes a block.
    pub(super) fn touches(&self, block: Block, what: BlockUse) {
        let (pool, index) = block;
        if pool == self.own_pool {
            assert!((index as usize) < ServiceKind::Files.own_blocks());
        } else {
            assert!(index < BLOCKS);
            assert!(
                self.is_lent_for(block, what),
                "{block:?} is not lent for that"
            );
        }
        assert!(!self.is_busy(block), "the device uses {block:?}");
    }

    /// The driver is asked to transfer sectors.
    pub(super) fn transfers(&self, call: &Syscall, sector: u64, sectors: u32) {
        let (what, blocks) = device_blocks(call);
        assert_eq!(
            blocks.len() as u64,
            u64::from(sectors).div_ceil(SECTORS_PER_BLOCK)
        );
        let end = sector + u64::from(sectors);
        assert!(self.capacity.is_none_or(|capacity| end <= capacity));
        for block in blocks {
            assert!(!self.is_busy(block), "{block:?} is used twice at a time");
            if block.0 == self.own_pool {
                assert!((block.1 as usize) < ServiceKind::Files.own_blocks());
                continue;
            }
            assert!(block.1 < BLOCKS && block.1 != NO_BLOCK);
            assert!(
                self.is_lent_for(block, what),
                "{block:?}: no call lends it for that"
            );
        }
    }
}
