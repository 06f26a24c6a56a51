//! Partitions that the process lays out itself.
#![deny(unsafe_code)]

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::disk::Properties;
use atoll_abi::interface::{Request as _, request};
use atoll_abi::syscall::{Status, Syscall};

use crate::block::{Blocks, lend_all, size_of};
use crate::lending::Lending;
use crate::reply::{Reply, Submission};
use crate::target::{Connection, Target};
use crate::transfer::{Amount, Transfer};

/// A partition of a disk, in blocks of [`BLOCK_SIZE`] bytes, of which no other process has any.
///
/// What was written is on stable storage when a [flush](Partition::flush) has been answered that was asked for after the write had
/// been answered. Until then it may be lost, whole or in part, in any order; a sector of 512 bytes is written whole or not at
/// all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partition {
    blocks: u64,
    properties: Properties,
    connection: Connection,
}

impl Partition {
    /// Asks the service of a port what its partition is.
    pub(crate) fn describe(port: usize) -> Reply<Partition> {
        let syscall = request::DescribeBlocks {}.encode();
        let submission = Submission::new(Target::port(port), syscall);
        Reply::new(submission, |answer, connection| {
            let [blocks, properties] = answer.result;
            Ok(Partition {
                blocks,
                properties: Properties::from_raw(properties)?,
                connection,
            })
        })
    }

    /// There is none.
    pub(crate) fn none() -> Reply<Partition> {
        let refused = Submission::refused(Status::NoService);
        Reply::new(refused, |_, _| Err(Status::NoService))
    }

    /// Blocks that it has.
    pub fn blocks(&self) -> u64 {
        self.blocks
    }

    /// Whether it can only be read.
    pub fn is_read_only(&self) -> bool {
        self.properties.read_only
    }

    /// Reads the partition's blocks from a first one on, as many as these hold: at least one, at most
    /// [`MAX_CALL_BLOCKS`](atoll_abi::block::MAX_CALL_BLOCKS), of one order.
    pub fn read(&self, first: u64, into: Blocks) -> Transfer {
        self.transfer(request::ReadBlocks { first }.encode(), into)
    }

    /// Writes to the partition's blocks what these hold, from a first one on.
    pub fn write(&self, first: u64, from: Blocks) -> Transfer {
        self.transfer(request::WriteBlocks { first }.encode(), from)
    }

    fn transfer(&self, syscall: Syscall, blocks: Blocks) -> Transfer {
        let (count, pages) = (blocks.len(), size_of(&blocks) / BLOCK_SIZE);
        let Some((lent, list)) = lend_all(blocks) else {
            return Transfer::refused(Status::InvalidArgument);
        };
        let submission = Submission::new(self.connection.into(), list.into_call(syscall));
        let call = Lending::new(submission, Some(lent));
        Transfer::new(call, count, Amount::Pages(pages))
    }

    /// Has everything put on stable storage of which the writes have been answered.
    pub fn flush(&self) -> Reply<()> {
        self.done(request::FlushBlocks {}.encode())
    }

    /// Writes zeroes to so many blocks from a first one on.
    pub fn zero(&self, first: u64, blocks: u32) -> Reply<()> {
        self.done(request::ZeroBlocks { first, blocks }.encode())
    }

    /// Says that what so many blocks hold is not needed any more: what they read as then is not known.
    pub fn discard(&self, first: u64, blocks: u32) -> Reply<()> {
        self.done(request::DiscardBlocks { first, blocks }.encode())
    }

    fn done(&self, syscall: Syscall) -> Reply<()> {
        let submission = Submission::new(self.connection.into(), syscall);
        Reply::new(submission, |_, _| Ok(()))
    }
}
