//! Splices: one call that moves bytes from a file, a connection or a partition to another one.
//!
//! A [`Splice`] is read and written through the process's blocks: what the disk's device has read into a block, the sockets service sends
//! from there, and what that has received into a block, the device writes from there. No program copies it, and [`Moved::copied`] tells how
//! many bytes processors have copied all the same: the services say so in their answers (`clusters/abi/src/interface.rs`), and the
//! splice adds what it copies itself.
//!
//! ```no_run
//! use atoll_runtime::splice::{Broken, End, Sink, Source};
//! use atoll_runtime::{File, Splice, Stream};
//!
//! /// Sends a part of a file; whether the file had as much.
//! fn send(file: File, offset: u64, length: u64, to: Stream) -> Result<bool, Broken> {
//!     let moved = Splice::new(Source::file(file, offset), Sink::stream(to))
//!         .length(length)
//!         .run()?;
//!     Ok(moved.end == End::Length)
//! }
//! ```
//!
//! # Order, and what a slow end does
//! Reads of a file or partition, and writes to one, go on several at a time. On a connection one call receives and one sends at a time, so
//! that bytes stay in order on whichever vcores the uthread runs. The [window](Splice::window) bounds the blocks that a splice has: a sink
//! that is slow keeps them, and so nothing more is read. What a peer of a source sends meanwhile closes that peer's window.
//!
//! # Blocks
//! A splice takes one block, for which it waits while it has none, and keeps it until its end: with that one it goes on whatever others
//! do. It takes further ones only where they are free and leaves one free, for the next splice to begin with; it waits for none of them.
//! So splices that have begun never wait for each other's blocks. How many can go on at a time is for the program to know: each has a
//! block, or a [`Pool`](crate::Pool) of its own. Reads of disks have blocks of as large an order as there are.
//!
//! # Whole blocks
//! A partition is written in whole blocks, and a file too where the splice began at one, because then nobody copies or reads again what is
//! in a block already. A source that gives other pieces, as a connection does, has the splice move the bytes up within the blocks, which
//! [`Moved::copied`] counts, and keep what fills no block until more comes or the splice ends. The last block of a partition is filled up
//! with zeroes. Where a file is read from the midst of a block, the splice moves the rest of that block to its front.
//!
//! # Deadlines
//! [`Splice::patience`] bounds how long each call takes, a call that waits for a peer among them: so a splice ends that makes no progress. Calls
//! of a splice without it have the time-out of the calling uthread: see [`with_timeout`](crate::with_timeout()).
//!
//! # Why there is no hint
//! A hint says what is worth being kept (`mcp-server/pager/src/hint.rs`), and nobody on the way of a splice keeps anything: a device
//! transfers into the process's blocks, no service has a cache of data, and the blocks go back to their pool. There is nothing that a hint
//! could change.
#![deny(unsafe_code)]

mod chunk;
mod ends;
mod engine;
mod keeper;
mod progress;
mod settle;
mod shift;
mod stock;

use core::time::Duration;

use atoll_abi::syscall::Status;

use crate::block::{Pool, Source as PoolSource};
use crate::syscalls::with_timeout;
use engine::Engine;

pub use ends::{Sink, Source, Store};
pub use progress::Progress;

/// Blocks of [`BLOCK_SIZE`](crate::BLOCK_SIZE) that a splice has at most, where it does not say: four calls of as many as one may have.
pub const DEFAULT_WINDOW: usize = 32;

/// A transfer from a [`Source`] to a [`Sink`]. See the [module](crate::splice).
#[must_use = "a splice does nothing until it is run"]
pub struct Splice<'s> {
    source: Source,
    sink: Sink,
    length: u64,
    window: usize,
    pool: Option<&'s Pool>,
    progress: Option<&'s Progress>,
    patience: Option<Duration>,
}

/// How a splice ended that did not break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Bytes that have reached the sink, from the source's first one on. A connection has them in order: its service has taken them, and
    /// delivers them as long as the connection lives. A file or partition has them written, and not yet on stable storage: that needs
    /// a [`sync`](crate::Volume::sync) or [`flush`](crate::Partition::flush).
    pub bytes: u64,
    /// Bytes that processors copied for that from or to the process's blocks, as the services say and the splice itself knows. A service says at most
    /// [`MOST_COPIES`] times as much as the blocks of its call hold.
    pub copied: u64,
    /// What became of the copy, where the sink was a [`Sink::tee`].
    pub kept: Option<Kept>,
    /// Why it ended.
    pub end: End,
}

/// Why a splice ended that did not break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// As much was moved as was asked for.
    Length,
    /// The source has ended: the file, the partition, or what the peer of the connection sends.
    Source,
    /// [`Progress::stop`] was asked for. More bytes than [`Moved::bytes`] may have reached a connection, and what was read from one and
    /// not sent is lost: both are good for nothing but to be closed.
    Stopped,
}

/// What became of a copy beside a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Bytes of it that were written, from the first one on: of those that the connection's service has taken.
    pub bytes: u64,
    /// Why no more was written, while the splice went on: [`Status::NoSpace`] where a partition was full.
    pub broken: Option<Status>,
}

/// Where a splice broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The source could not be read.
    Source,
    /// The sink could not be written.
    Sink,
}

/// How a splice broke.
///
/// # What is known then
/// [`Broken::moved`] bytes have certainly reached the sink, from the source's first one on and in order; that is [`Moved::bytes`]. Whether
/// more have depends:
///
/// | broke | the sink | has beyond them |
/// |---|---|---|
/// | the source | any | nothing: what was read before the fault was moved first |
/// | the sink, with a status of its service | connection | nothing |
/// | the sink, with a status of its service | file, partition | perhaps any of the blocks that the [window](Splice::window) had room for |
/// | the sink, with `TimedOut`, `PeerLost` or `Malformed` | connection | perhaps a part of what one call sent |
/// | the sink, with one of these | file, partition | as above; of what timed out, perhaps later too |
///
/// A connection as the source has lost what was received and not moved. So a connection at a broken splice is good for nothing but to be
/// closed, on the side that broke; on the other one where it was the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Bytes that have certainly reached the sink.
    pub moved: u64,
    /// As [`Moved::copied`].
    pub copied: u64,
    /// As [`Moved::kept`].
    pub kept: Option<Kept>,
    /// Where it broke.
    pub side: Side,
    /// How the call ended that failed there.
    pub status: Status,
}

/// How often a service may say that it copied what the blocks of a call hold: more is taken for this.
pub const MOST_COPIES: u64 = 4;

impl<'s> Splice<'s> {
    /// A splice of all that the source has.
    pub fn new(source: Source, sink: Sink) -> Splice<'s> {
        Splice {
            source,
            sink,
            length: u64::MAX,
            window: DEFAULT_WINDOW,
            pool: None,
            progress: None,
            patience: None,
        }
    }

    /// Moves so many bytes at most.
    pub fn length(self, bytes: u64) -> Splice<'s> {
        Splice {
            length: bytes,
            ..self
        }
    }

    /// Has so many blocks of [`BLOCK_SIZE`](crate::BLOCK_SIZE) at most, and at least one: beyond what the first one needs, where that is
    /// not used because larger ones are.
    pub fn window(self, blocks: usize) -> Splice<'s> {
        Splice {
            window: blocks.max(1),
            ..self
        }
    }

    /// Takes its blocks from a pool, and not from the common one.
    pub fn pool(self, pool: &'s Pool) -> Splice<'s> {
        Splice {
            pool: Some(pool),
            ..self
        }
    }

    /// Tells there how far it is, and looks there whether it is to stop.
    pub fn progress(self, progress: &'s Progress) -> Splice<'s> {
        Splice {
            progress: Some(progress),
            ..self
        }
    }

    /// Gives each call so much time: one that takes longer breaks the splice with [`Status::TimedOut`]. That the peer of a source has nothing to
    /// say for so long is such a call too, as is a peer of the sink that has not taken the bytes of one call by then.
    pub fn patience(self, time: Duration) -> Splice<'s> {
        Splice {
            patience: Some(time),
            ..self
        }
    }

    /// Moves the bytes, on the calling uthread. Waits for a block first.
    ///
    /// # Errors
    /// Where the source or the sink failed: [`Broken`] says what is known then.
    ///
    /// # Panics
    /// Where the caller is not a uthread.
    pub fn run(self) -> Result<Moved, Broken> {
        let blocks = match self.pool {
            Some(pool) => pool.source(),
            None => PoolSource::common(),
        };
        let nobody = Progress::new();
        let progress = self.progress.unwrap_or(&nobody);
        let patience = self.patience;
        let run = || Engine::new(self, blocks, progress).run();
        match patience {
            Some(time) => with_timeout(time, run),
            None => run(),
        }
    }
}
