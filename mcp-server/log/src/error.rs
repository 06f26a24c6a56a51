//! What goes wrong, and what to do about it.

use core::fmt;

/// Why a partition cannot be formatted or replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The header blocks are zero: no log was made here. [`format`](crate::format()) makes one. Some file systems leave the first blocks of
    /// their partition zero too, so format on your own authority only.
    Blank,
    /// The partition holds something else. It is not overwritten.
    NotALog,
    /// A log of a version that this code does not know.
    Version(u32),
    /// The partition has fewer blocks than a log needs, or than the log that it holds was made for; or more than can be counted.
    Size,
    /// A header is wrong. No power cut does this; which header counts is not known.
    BadHeader,
    /// A record that was stable is not right any more. No power cut does this. Records before it have been replayed.
    BadRecord {
        /// Its place, in bytes from the beginning of the area.
        offset: u64,
    },
    /// A block that is needed cannot be read. That is not the end of the log: records may follow.
    Read {
        /// The block of the partition.
        block: u64,
    },
    /// A block was fed that was not asked for, or a writer was asked for before the end of the replay.
    OutOfTurn,
}

/// What is wrong, a semicolon, and what to do.
impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Blank => write!(formatter, "the partition is empty; format it for a log"),
            Error::NotALog => write!(
                formatter,
                "the partition holds something else; give the log a partition of its own, or format this one"
            ),
            Error::Version(version) => write!(
                formatter,
                "the log is of version {version}, which is not known; read it with the program that wrote it"
            ),
            Error::Size => write!(
                formatter,
                "the partition has another size than the log was made for; give it back its size, or format it"
            ),
            Error::BadHeader => write!(
                formatter,
                "a header of the log is damaged, which no power cut does; restore the partition from a copy"
            ),
            Error::BadRecord { offset } => write!(
                formatter,
                "the record at byte {offset} of the log is damaged, which no power cut does; restore the partition from a copy"
            ),
            Error::Read { block } => write!(
                formatter,
                "block {block} of the partition cannot be read; replace the disk"
            ),
            Error::OutOfTurn => write!(
                formatter,
                "a block was fed that was not asked for; correct the program that drives the log"
            ),
        }
    }
}

impl core::error::Error for Error {}

/// Why a [`Writer`](crate::Writer) does not do what it is asked for. Nothing has changed, unless a variant says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no room in the area. Compact, or wait for the compaction that is under way. From
    /// [`Writer::commit`](crate::Writer::commit): snapshot and later records do not fit, and the compaction has been given up.
    Full,
    /// The record is longer than [`MAX_RECORD`](crate::MAX_RECORD).
    TooLong,
    /// A compaction is under way.
    Compacting,
    /// No compaction takes a snapshot.
    NotCompacting,
    /// A write or a flush failed, and nothing more is written.
    Failed(Fault),
}

/// What failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A write.
    Write,
    /// A flush.
    Flush,
}

/// The device reported an error for an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceFailed;
