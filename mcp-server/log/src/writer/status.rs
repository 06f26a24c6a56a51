//! What a writer tells of itself.

use super::{Opening, Writer};
use crate::error::Fault;

/// How many records were appended with one writer, up to and including one. It is not stored, and means nothing to another writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(u64);

impl Position {
    /// Before the first record that was appended.
    pub const START: Position = Position(0);

    /// How many records were appended up to here.
    pub fn records(self) -> u64 {
        self.0
    }

    pub(super) fn next(self) -> Position {
        Position(self.0 + 1)
    }
}

impl Writer {
    /// Whether what was replayed is stable, and this life is known on the disk.
    pub fn is_open(&self) -> bool {
        self.opening == Opening::Open
    }

    /// Whether nothing is in the device's hand.
    pub fn is_idle(&self) -> bool {
        self.group.is_none()
    }

    /// Every record that was appended up to this position is stable. After a failure it stays as it is.
    pub fn durable(&self) -> Position {
        self.durable
    }

    /// The position of the last record that was appended.
    pub fn appended(&self) -> Position {
        self.appended
    }

    /// What failed, if anything.
    pub fn failed(&self) -> Option<Fault> {
        self.failed
    }

    /// How many compactions have been committed since the log was made.
    pub fn generation(&self) -> u64 {
        self.header.generation
    }

    /// Bytes of the area that records use.
    pub fn used(&self) -> u64 {
        self.main.end()
    }

    /// Bytes of the area that are left; a record needs [`RECORD_OVERHEAD`](crate::RECORD_OVERHEAD) of them besides its payload.
    pub fn left(&self) -> u64 {
        self.main.left()
    }
}
