//! Transfers.

use alloc::boxed::Box;

/// A transfer for the owner to carry out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Io<'a> {
    /// Reads sectors.
    Read {
        /// The first one.
        sector: u64,
        /// How many.
        sectors: u32,
    },
    /// Writes sectors.
    Write {
        /// The first one.
        sector: u64,
        /// What they shall hold.
        bytes: &'a [u8],
    },
    /// Writes sectors from the data of the [`Write`](crate::Operation::Write) that is being done.
    Transfer {
        /// The first one.
        sector: u64,
        /// How many.
        sectors: u32,
        /// Where in the data they begin, in bytes.
        offset: u32,
    },
    /// Makes everything that was written before survive a power cut.
    Flush,
}

/// What a transfer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Read,
    Write,
    Transfer { offset: u32 },
    Flush,
}

/// A transfer, with the buffer that it is from or to.
pub(crate) struct Request {
    pub(crate) action: Action,
    pub(crate) sector: u64,
    pub(crate) sectors: u32,
    pub(crate) buffer: Box<[u8]>,
}

/// Whether this is the superblock of a journal: version 1 or 2, big-endian.
pub(super) fn is_journal_superblock(bytes: &[u8]) -> bool {
    const MAGIC: [u8; 4] = [0xC0, 0x3B, 0x39, 0x98];
    let version = bytes.get(4..8);
    bytes.starts_with(&MAGIC) && matches!(version, Some([0, 0, 0, 3 | 4]))
}
