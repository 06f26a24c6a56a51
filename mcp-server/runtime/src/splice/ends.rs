//! What a splice reads and writes.

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::syscall::Status;

use crate::block::{Blocks, size_of};
use crate::files::File;
use crate::partition::Partition;
use crate::sockets::Stream;
use crate::transfer::Transfer;

/// Bytes of a block of a partition.
const BLOCK: u64 = BLOCK_SIZE as u64;

/// Where the bytes of a splice come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source(pub(super) From);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum From {
    Stream(Stream),
    File { file: File, offset: u64 },
    Partition { partition: Partition, first: u64 },
}

impl Source {
    /// What the peer of a connection sends from now on.
    pub fn stream(stream: Stream) -> Source {
        Source(From::Stream(stream))
    }

    /// A file from a byte on, whichever.
    pub fn file(file: File, offset: u64) -> Source {
        Source(From::File { file, offset })
    }

    /// A partition from a block on, to its end.
    pub fn partition(partition: Partition, first: u64) -> Source {
        Source(From::Partition { partition, first })
    }
}

impl From {
    pub(super) fn is_stream(self) -> bool {
        matches!(self, From::Stream(_))
    }

    /// Bytes before the first one in the block that has it.
    pub(super) fn skip(self) -> usize {
        match self {
            From::File { offset, .. } => (offset % BLOCK) as usize,
            From::Stream(_) | From::Partition { .. } => 0,
        }
    }

    /// Bytes that there are, where that is certain.
    pub(super) fn size(self) -> u64 {
        match self {
            From::Partition { partition, first } => partition
                .blocks()
                .saturating_sub(first)
                .saturating_mul(BLOCK),
            From::Stream(_) | From::File { .. } => u64::MAX,
        }
    }

    /// Bytes that there seem to be. Beyond them one read at a time finds out.
    pub(super) fn known(self) -> u64 {
        match self {
            From::File { file, offset } => file.length().saturating_sub(offset),
            From::Stream(_) | From::Partition { .. } => self.size(),
        }
    }

    /// Reads so many bytes, of those from a place on that begins a block or is the first; of a connection what comes next.
    pub(super) fn read(self, at: u64, length: usize, into: Blocks) -> Transfer {
        match self {
            From::Stream(stream) => stream.receive_at_most(length, into),
            From::File { file, offset } => match offset.checked_add(at) {
                Some(from) => file.read_blocks(from - from % BLOCK, length, into),
                None => Transfer::refused(Status::InvalidArgument),
            },
            From::Partition { partition, first } => partition.read(first + at / BLOCK, into),
        }
    }
}

/// Where the bytes of a splice go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sink(pub(super) To);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum To {
    Stream { stream: Stream, copy: Option<Store> },
    Store(Store),
}

impl Sink {
    /// The peer of a connection. It is not told that nothing follows: for that there is [`Stream::shut_down`].
    pub fn stream(stream: Stream) -> Sink {
        Sink(To::Stream { stream, copy: None })
    }

    /// The peer of a connection, and what its service has taken also a store. A store that fails or is full ends the copy and not the
    /// splice: see [`Moved::kept`](super::Moved::kept).
    pub fn tee(stream: Stream, copy: Store) -> Sink {
        let copy = Some(copy);
        Sink(To::Stream { stream, copy })
    }

    /// A file from a byte on. It grows where it has to, and is not cut off where it is longer.
    pub fn file(file: File, offset: u64) -> Sink {
        Sink(To::Store(Store::file(file, offset)))
    }

    /// What keeps the bytes.
    pub fn store(store: Store) -> Sink {
        Sink(To::Store(store))
    }

    /// A partition from a block on, to its end: a splice of more breaks with [`Status::NoSpace`].
    pub fn partition(partition: Partition, first: u64) -> Sink {
        Sink(To::Store(Store::partition(partition, first)))
    }
}

/// What keeps the bytes of a splice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Store(pub(super) In);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum In {
    File {
        file: File,
        offset: u64,
    },
    Partition {
        partition: Partition,
        first: u64,
        blocks: u64,
    },
}

impl Store {
    /// As [`Sink::file`].
    pub fn file(file: File, offset: u64) -> Store {
        Store(In::File { file, offset })
    }

    /// As [`Sink::partition`].
    pub fn partition(partition: Partition, first: u64) -> Store {
        Store::blocks(partition, first, u64::MAX)
    }

    /// So many blocks of a partition, from one on: it is full behind them.
    pub fn blocks(partition: Partition, first: u64, count: u64) -> Store {
        let blocks = partition.blocks().saturating_sub(first).min(count);
        Store(In::Partition {
            partition,
            first,
            blocks,
        })
    }
}

impl In {
    pub(super) fn is_partition(self) -> bool {
        matches!(self, In::Partition { .. })
    }

    /// Whether it is written in whole blocks, but for the last one.
    pub(super) fn is_whole(self) -> bool {
        match self {
            In::File { offset, .. } => offset.is_multiple_of(BLOCK),
            In::Partition { .. } => true,
        }
    }

    /// Bytes that it has room for, where that is certain.
    pub(super) fn room(self) -> u64 {
        match self {
            In::File { .. } => u64::MAX,
            In::Partition { blocks, .. } => blocks.saturating_mul(BLOCK),
        }
    }

    /// Writes so many bytes to a place; to a partition all that the blocks hold.
    pub(super) fn write(self, at: u64, length: usize, from: Blocks) -> Transfer {
        match self {
            In::File { file, offset } => match offset.checked_add(at) {
                Some(to) => file.write(to, length, from),
                None => Transfer::refused(Status::TooLong),
            },
            In::Partition {
                partition, first, ..
            } => {
                debug_assert_eq!(size_of(&from), length.next_multiple_of(BLOCK_SIZE));
                partition.write(first + at / BLOCK, from)
            }
        }
    }
}
