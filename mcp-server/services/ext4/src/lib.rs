//! The ext4 file system as a pure state machine: it has no disk, no clock and no thread of its own.
//!
//! Its owner [submits](FileSystem::submit) operations, [carries out](FileSystem::wants) one transfer after the other,
//! [tells](FileSystem::completed) how each went, and takes what [finished](FileSystem::finished). Operations are done one at
//! a time, in order.
//!
//! The format is read and written by the crate `rsext4`, which wants a disk that answers at once. It runs in a coroutine,
//! which is suspended where it needs the disk; its source stays as it is.
//!
//! Data of files does not pass through: [`Operation::Map`] says where it is, so that the disk's driver reads it straight into
//! the caller's memory, and for [`Operation::Write`] it is written straight from there. Blocks that are new to a file count as
//! unwritten until their data was written, and become part of it in a transaction after that, so a power cut never shows what
//! was on the disk before.
//!
//! A disk is hostile until checked: what it holds leads to errors, and what one operation may ask of it is bounded.
//!
//! | module | owns |
//! |---|---|
//! | `system` | the queue of operations, and the coroutine that does them |
//! | `stack` | the coroutine's stack, and how its overflow is found: all `unsafe` of this crate |
//! | `disk` | transfers of the coroutine, their bounds, and the order that recovery needs |
//! | `cache` | blocks of metadata |
//! | `superblock` | what has to be right before a volume is mounted |
//! | `operation` | what can be asked, and what is answered |
//! | `volume` | the mounted volume, and which function does which operation |
//! | `path` | paths, and the symbolic links on them |
//! | `names` | open, remove, rename, make folders |
//! | `open` | what is open, and lives on when it is removed |
//! | `map` | where the data of a file is |
//! | `write` | writing |
//! | `truncate` | truncating, and freeing what has no name any more |
//! | `list` | listing folders |
//! | `status` | what the crate's errors mean to a client |

#![no_std]
#![deny(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic
    )
)]

extern crate alloc;

mod cache;
mod disk;
mod list;
mod map;
mod names;
mod open;
mod operation;
mod path;
mod stack;
mod status;
mod superblock;
mod system;
mod truncate;
mod volume;
mod write;

pub use disk::{Io, MOST_TRANSFER};
pub use map::{MOST_RUNS, Run, RunKind};
pub use operation::{Attributes, Cursor, FileId, Operation, OperationId, Outcome, Space};
pub use path::MOST_LINKS;
pub use stack::STACK_BYTES;
pub use system::{Clock, FileSystem, Settings, State};
pub use write::MOST_WRITE;
