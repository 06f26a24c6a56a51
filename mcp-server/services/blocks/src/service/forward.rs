//! What a call asks of the driver.

use atoll_abi::block::{BlockList, SECTORS_PER_BLOCK};
use atoll_abi::interface::{BlocksCall, Request as _, request};
use atoll_abi::syscall::{Status, Syscall};

/// What a result of the driver's is told as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Results {
    /// Sectors, as whole blocks.
    Blocks,
    /// The partition, as whole blocks, and its properties.
    Description,
}

impl Results {
    /// What the client is told.
    ///
    /// # Errors
    /// [`Status::Malformed`] where the driver says what cannot be.
    pub(super) fn of(self, result: [u64; 2]) -> Result<[u64; 2], Status> {
        let [sectors, second] = result;
        match self {
            Results::Blocks if !sectors.is_multiple_of(SECTORS_PER_BLOCK) => Err(Status::Malformed),
            Results::Blocks => Ok([sectors / SECTORS_PER_BLOCK, 0]),
            // What is left at the end of the partition belongs to no block.
            Results::Description => Ok([sectors / SECTORS_PER_BLOCK, second]),
        }
    }
}

/// A call to the driver, without its tag.
pub(super) struct DriverCall {
    pub(super) syscall: Syscall,
    /// Blocks of the client that it has.
    pub(super) blocks: Option<BlockList>,
    pub(super) results: Results,
}

/// What a client's call asks of the driver; the client's blocks are in a pool.
///
/// # Errors
/// The status that the call ends with.
pub(super) fn to_driver(syscall: &Syscall, pool: u32) -> Result<DriverCall, Status> {
    let call = BlocksCall::decode(syscall)?;
    let without_blocks = |syscall| {
        Ok(DriverCall {
            syscall,
            blocks: None,
            results: Results::Blocks,
        })
    };
    match call {
        BlocksCall::DescribeBlocks(_) => Ok(DriverCall {
            syscall: request::DescribeDisk {}.encode(),
            blocks: None,
            results: Results::Description,
        }),
        BlocksCall::ReadBlocks(request::ReadBlocks { first }) => {
            let (blocks, sector, sectors) = transfer(syscall, first)?;
            let read = request::ReadSectors {
                sector,
                sectors,
                pool,
            };
            Ok(with_blocks(blocks, read.encode()))
        }
        BlocksCall::WriteBlocks(request::WriteBlocks { first }) => {
            let (blocks, sector, sectors) = transfer(syscall, first)?;
            let write = request::WriteSectors {
                sector,
                sectors,
                pool,
            };
            Ok(with_blocks(blocks, write.encode()))
        }
        BlocksCall::FlushBlocks(_) => without_blocks(request::FlushDisk {}.encode()),
        BlocksCall::ZeroBlocks(request::ZeroBlocks { first, blocks }) => {
            let (sector, sectors) = range(first, blocks)?;
            without_blocks(request::ZeroSectors { sector, sectors }.encode())
        }
        BlocksCall::DiscardBlocks(request::DiscardBlocks { first, blocks }) => {
            let (sector, sectors) = range(first, blocks)?;
            without_blocks(request::DiscardSectors { sector, sectors }.encode())
        }
    }
}

/// The blocks of a transfer, and the sectors of the partition that they hold.
fn transfer(syscall: &Syscall, first: u64) -> Result<(BlockList, u64, u32), Status> {
    let blocks = BlockList::from_call(syscall)?;
    let (sector, sectors) = range(first, blocks.pages() as u32)?;
    Ok((blocks, sector, sectors))
}

fn with_blocks(blocks: BlockList, syscall: Syscall) -> DriverCall {
    DriverCall {
        syscall: blocks.into_call(syscall),
        blocks: Some(blocks),
        results: Results::Blocks,
    }
}

/// So many blocks from a first one on, in sectors. The driver checks whether the partition has them.
fn range(first: u64, blocks: u32) -> Result<(u64, u32), Status> {
    let sector = first.checked_mul(SECTORS_PER_BLOCK);
    let sectors = blocks.checked_mul(SECTORS_PER_BLOCK as u32);
    sector.zip(sectors).ok_or(Status::InvalidArgument)
}
