//! Requests between a server and a block driver.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::message::Payload;

/// Bytes of one block, the unit in which data moves: one small page.
pub const BLOCK_SIZE: usize = 4096;

/// Bytes of one sector, the unit in which a block device is addressed.
pub const SECTOR_SIZE: usize = 512;

/// Sectors of one block.
pub const SECTORS_PER_BLOCK: u64 = (BLOCK_SIZE / SECTOR_SIZE) as u64;

/// A request of a server to its block driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct BlockRequest {
    /// Chosen by the server, returned in the reply.
    pub tag: u64,
    /// A [`BlockOperation`].
    pub operation: u32,
    /// Pool that holds the block: an index into the plan's pools.
    pub pool: u32,
    /// Index of the block in its pool.
    pub block: u32,
    /// How many sectors to transfer: 1 to [`SECTORS_PER_BLOCK`].
    pub sectors: u32,
    /// First sector on the device.
    pub sector: u64,
    /// Zero.
    pub reserved: [u64; 3],
}

impl Payload for BlockRequest {}

/// What a block driver is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum BlockOperation {
    /// Transfers sectors from the device into the block.
    Read = 1,
}

impl BlockOperation {
    /// The operation that a peer named.
    pub fn from_raw(raw: u32) -> Option<BlockOperation> {
        (raw == BlockOperation::Read as u32).then_some(BlockOperation::Read)
    }
}

/// A driver's answer to one [`BlockRequest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct BlockReply {
    /// The request's tag.
    pub tag: u64,
    /// A [`BlockStatus`].
    pub status: u32,
    /// Zero.
    pub padding: u32,
    /// Sectors on the device; told with every reply.
    pub capacity: u64,
    /// Zero.
    pub reserved: [u64; 4],
}

impl Payload for BlockReply {}

/// How a block request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum BlockStatus {
    /// The sectors were transferred.
    Done = 0,
    /// The request named a pool, block, sector or operation that does not exist.
    Invalid = 1,
    /// The device failed.
    DeviceError = 2,
}

impl BlockStatus {
    /// The status that a peer sent; anything unknown is a device error.
    pub fn from_raw(raw: u32) -> BlockStatus {
        match raw {
            0 => BlockStatus::Done,
            1 => BlockStatus::Invalid,
            _ => BlockStatus::DeviceError,
        }
    }
}
