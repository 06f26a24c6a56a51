//! Finds partitions by their names in the GUID partition table of a disk. UEFI Specification 2.10, chapter 5.
//!
//! Pure: [`Table`] says which blocks it wants, a driver reads them in its own way and feeds them. The primary table is
//! read first, the backup table in the last block only where the primary one cannot be used.
//!
//! Whatever is on the disk, nothing here panics, at most [`MOST_READS`] reads are asked for, and every [`Extent`] lies
//! on the disk. What the entries say counts only once the checksum of all of them was right.
//!
//! The protective MBR is not read: a disk counts as partitioned where it has a table whose checksums are right.
//!
//! | module | owns |
//! |---|---|
//! | `table` | which blocks are read, and when the backup table is |
//! | `header` | what makes a header usable |
//! | `entries` | the entries: their checksum, what contradicts itself, and the partitions that are wanted |
//! | `error` | why a disk or one of its tables cannot be used |

#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic
    )
)]

mod entries;
mod error;
mod header;
mod table;

pub use entries::{Extent, MOST_PARTITIONS};
pub use error::{Damage, GptError};
pub use header::{MOST_ENTRIES, MOST_ENTRY_BYTES};
pub use table::{MOST_NAMES, MOST_READS, Partitions, READ_BYTES, Table, TableCopy, Want};

/// The checksum of headers and entries.
static CHECKSUM: crc::Crc<u32> = crc::Crc::<u32>::new(&gpt_disk_types::Crc32::ALGORITHM);
