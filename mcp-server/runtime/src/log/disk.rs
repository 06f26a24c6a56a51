//! Reads and writes of more blocks than one call has, several calls at a time.
#![deny(unsafe_code)]

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::mem;
use core::ops::Range;

use atoll_abi::block::{BLOCK_SIZE, MAX_CALL_BLOCKS};
use atoll_abi::syscall::Status;

use crate::block::{Block, Blocks};
use crate::partition::Partition;
use crate::transfer::Transfer;

/// Blocks that are read at a time: what they hold is copied once, because a log's records span blocks.
const READ_AT_ONCE: u64 = 2 * MAX_CALL_BLOCKS as u64;

/// How a call to the disk ended that failed.
pub(super) struct Failed(pub(super) Status);

/// Calls that are under way, the oldest one first. Dropped, they are waited for: a write must not be done when the one who asked for it
/// has gone on.
struct UnderWay {
    transfers: VecDeque<Transfer>,
    /// What was read by those that are over.
    read: Vec<u8>,
    reads: bool,
}

impl UnderWay {
    fn reads() -> UnderWay {
        UnderWay {
            transfers: VecDeque::new(),
            read: Vec::with_capacity(READ_AT_ONCE as usize * BLOCK_SIZE),
            reads: true,
        }
    }

    fn writes() -> UnderWay {
        UnderWay {
            transfers: VecDeque::new(),
            read: Vec::new(),
            reads: false,
        }
    }

    /// Waits for the oldest call; whether there is one.
    fn wait(&mut self) -> Result<bool, Failed> {
        let Some(transfer) = self.transfers.pop_front() else {
            return Ok(false);
        };
        let blocks = transfer.wait().map_err(Failed)?;
        if self.reads {
            for block in &blocks {
                self.read.extend_from_slice(block.bytes());
            }
        }
        Ok(true)
    }

    /// So many blocks of the pool, or fewer, where it has no more: nobody waits for blocks who has some, because all could. Where it
    /// has none, the oldest call is waited for first, whose blocks come back.
    fn blocks(&mut self, count: usize) -> Result<Blocks, Failed> {
        let mut blocks = Blocks::new();
        while blocks.len() < count {
            let block = match Block::try_acquire() {
                Some(block) => block,
                None if !blocks.is_empty() => break,
                None if self.wait()? => continue,
                None => Block::acquire(),
            };
            // There is room for as many as one call has.
            let _ = blocks.push(block);
        }
        Ok(blocks)
    }

    /// Waits for all; what they read.
    fn finish(mut self) -> Result<Vec<u8>, Failed> {
        while self.wait()? {}
        Ok(mem::take(&mut self.read))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        while let Some(transfer) = self.transfers.pop_front() {
            let _ = transfer.wait();
        }
    }
}

/// Writes blocks of the partition from a first one on. `fill` fills each, by its number among them.
pub(super) fn write(
    partition: &Partition,
    first: u64,
    count: u32,
    mut fill: impl FnMut(u32, &mut [u8]) -> bool,
) -> Result<(), Failed> {
    let mut under_way = UnderWay::writes();
    let mut begun = 0;
    while begun < count {
        let part = (count - begun).min(MAX_CALL_BLOCKS as u32);
        let mut blocks = under_way.blocks(part as usize)?;
        let part = blocks.len() as u32;
        for (block, index) in blocks.iter_mut().zip(begun..) {
            if !fill(index, block.bytes_mut()) {
                return Err(Failed(Status::InvalidArgument));
            }
        }
        let place = first + u64::from(begun);
        under_way
            .transfers
            .push_back(partition.write(place, blocks));
        begun += part;
    }
    under_way.finish().map(drop)
}

/// Writes blocks of bytes.
pub(super) fn write_bytes(
    partition: &Partition,
    first: u64,
    blocks: &[&[u8; BLOCK_SIZE]],
) -> Result<(), Failed> {
    write(partition, first, blocks.len() as u32, |index, into| {
        let from = blocks.get(index as usize);
        if let Some(from) = from {
            into.copy_from_slice(*from);
        }
        from.is_some()
    })
}

/// Reads the first of the wanted blocks of the partition: as many as are read at a time.
pub(super) fn read(partition: &Partition, wanted: Range<u64>) -> Result<Vec<u8>, Failed> {
    let end = wanted.end.min(wanted.start + READ_AT_ONCE);
    let mut under_way = UnderWay::reads();
    let mut next = wanted.start;
    while next < end {
        let part = (end - next).min(MAX_CALL_BLOCKS as u64);
        let blocks = under_way.blocks(part as usize)?;
        let part = blocks.len() as u64;
        under_way.transfers.push_back(partition.read(next, blocks));
        next += part;
    }
    under_way.finish()
}
