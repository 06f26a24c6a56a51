//! What a process has written to the blocks of a partition without a log, and what they may hold.

use atoll_abi::block::SECTOR_SIZE;
use atoll_test_disk::Sector;

use crate::simulation::Simulation;

/// One block.
#[derive(Clone, Debug, Default)]
struct Written {
    /// The writes that each of its sectors may hold, the oldest one first; 0 where it was never written.
    writes: Vec<u64>,
    /// How many of these were answered.
    answered: usize,
}

/// Every block of the partition, or of files. One uthread at a time writes one.
#[derive(Clone, Debug, Default)]
pub struct RawBlocks {
    blocks: Vec<Written>,
    tickets: u64,
}

/// What a sector of a block holds that a write has written.
pub fn contents(ticket: u64, sector: u64) -> Sector {
    let mut bytes = [0; SECTOR_SIZE];
    if ticket > 0 {
        for (place, word) in bytes.as_chunks_mut().0.iter_mut().enumerate() {
            let mixed =
                (ticket << 16 | sector << 8 | place as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            *word = mixed.to_le_bytes();
        }
    }
    bytes
}

/// What a block holds that a write has written.
pub fn fill(ticket: u64, block: &mut [u8]) {
    for (sector, bytes) in block.chunks_mut(SECTOR_SIZE).enumerate() {
        bytes.copy_from_slice(&contents(ticket, sector as u64));
    }
}

impl RawBlocks {
    fn block(&mut self, block: u64) -> &mut Written {
        let count = self.blocks.len().max(block as usize + 1);
        self.blocks.resize_with(count, || Written {
            writes: vec![0],
            answered: 1,
        });
        &mut self.blocks[block as usize]
    }

    /// A block is going to be written; what tells this write.
    pub fn begin(&mut self, block: u64) -> u64 {
        self.tickets += 1;
        let ticket = self.tickets;
        self.block(block).writes.push(ticket);
        ticket
    }

    /// The last write of a block was answered.
    pub fn answered(&mut self, block: u64) {
        let own = self.block(block);
        own.answered = own.writes.len();
    }

    /// The last write of each block that was answered, when a flush begins.
    pub fn flush(&self) -> Vec<u64> {
        let last = |own: &Written| {
            own.answered
                .checked_sub(1)
                .map_or(0, |last| own.writes[last])
        };
        self.blocks.iter().map(last).collect()
    }

    /// A flush has been answered that began then: what was written before cannot be there any more.
    pub fn flushed(&mut self, then: &[u64]) {
        for (own, ticket) in self.blocks.iter_mut().zip(then) {
            if let Some(before) = own.writes.iter().position(|write| write == ticket) {
                own.writes.drain(..before);
                own.answered = own.answered.saturating_sub(before);
            }
        }
    }

    /// The power was cut: no write that was answered before is there for sure that was not flushed.
    pub fn cut(&mut self) {
        self.blocks.iter_mut().for_each(|own| own.answered = 0);
    }

    /// A block that nobody writes was read.
    pub fn check(&mut self, block: u64, bytes: &[u8]) -> Result<(), String> {
        let own = self.block(block);
        for (sector, bytes) in bytes.chunks(SECTOR_SIZE).enumerate() {
            let is_it = |ticket: &u64| contents(*ticket, sector as u64) == bytes;
            if !own.writes.iter().any(is_it) {
                return Err(format!(
                    "flush: sector {sector} of block {block} holds none of what it may hold: {own:?}"
                ));
            }
        }
        Ok(())
    }
}

impl Simulation {
    /// A process has read a block that nobody writes meanwhile.
    pub fn check_block(&self, block: u64, bytes: &[u8]) {
        let state = &mut *self.state.borrow_mut();
        state.tally.blocks_checked += 1;
        if let Err(violation) = state.raw.check(block, bytes) {
            state.violate(violation);
        }
    }
}
