//! A log on a partition: [`atoll_log`] with uthreads.
//!
//! Any number of uthreads append. One that needs something to be written does for all of them what the log asks of the disk, as long as
//! there is anything; the others wait. So one flush serves all that was appended while the one before was under way: group commit.
#![deny(unsafe_code)]

mod compaction;
mod disk;

use alloc::vec::Vec;
use core::fmt;

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::syscall::Status;
use atoll_call::NEVER;
use atoll_log::{Action, DeviceFailed, Replay, Step, Writer};

use crate::monitor::Monitor;
use crate::partition::Partition;
use crate::runtime::Runtime;
use disk::Failed;

pub use compaction::Compaction;

pub use atoll_log::{Error, MAX_RECORD, Position, Refusal};

const _: () = assert!(atoll_log::BLOCK == BLOCK_SIZE);

/// Why a log cannot be opened or formatted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogError {
    /// What is on the partition: see [`Error`]. [`Error::Blank`] is a partition that was never written.
    Log(Error),
    /// The disk was not written, or not flushed.
    Disk(Status),
}

/// The reason, a semicolon, and what to do.
impl fmt::Display for LogError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LogError::Log(error) => write!(formatter, "{error}"),
            LogError::Disk(status) => write!(
                formatter,
                "the partition was not written ({status:?}); look at the log of its driver"
            ),
        }
    }
}

impl core::error::Error for LogError {}

/// A log that is open. See [`atoll_log`] for what survives a cut of the power, and why.
pub struct Log {
    partition: Partition,
    state: Monitor<State>,
}

struct State {
    writer: Writer,
    /// A uthread does what the log asks of the disk.
    driven: bool,
    /// The log may ask for something.
    asked: bool,
    /// How often was done what the log asked for.
    rounds: u64,
    /// How the first call to the disk ended that failed.
    disk: Option<Status>,
}

impl State {
    /// Why nothing more is written, if that is so.
    fn refusal<T>(&self) -> Option<Result<T, Refusal>> {
        let fault = self.writer.failed()?;
        Some(Err(Refusal::Failed(fault)))
    }
}

impl Log {
    /// Makes an empty log of a partition, whatever it holds. `identity` has to be another one each time, best a random one: by it records of
    /// an earlier log are told from those of this one.
    ///
    /// # Errors
    /// Where the partition is too small, or was not written.
    pub fn format(partition: Partition, identity: u64) -> Result<(), LogError> {
        let mut headers = [[0; BLOCK_SIZE]; 2];
        atoll_log::format(partition.blocks(), identity, &mut headers).map_err(LogError::Log)?;
        let [first, second] = &headers;
        let written = disk::write_bytes(&partition, 0, &[first, second]);
        written.map_err(|Failed(status)| LogError::Disk(status))?;
        partition.flush().wait().map_err(LogError::Disk)
    }

    /// Opens the log of a partition: gives each record that it holds to `record`, in order. When this returns all of them are on stable
    /// storage, and nothing that an earlier life had written beyond them comes back.
    ///
    /// # Errors
    /// Where the partition holds no log, or one that is damaged, or it cannot be read or written.
    pub fn open(partition: Partition, mut record: impl FnMut(&[u8])) -> Result<Log, LogError> {
        let mut replay = Replay::new(partition.blocks());
        loop {
            let wanted = match replay.step().map_err(LogError::Log)? {
                Step::Record(bytes) => {
                    record(bytes);
                    continue;
                }
                Step::Read(blocks) => blocks,
                Step::End => break,
            };
            match disk::read(&partition, wanted.clone()) {
                Ok(bytes) => {
                    let fed = replay.feed(wanted.start, &bytes);
                    fed.map_err(LogError::Log)?;
                }
                Err(Failed(_)) => replay.read_failed(),
            }
        }
        let writer = replay.into_writer().map_err(LogError::Log)?;
        let state = State {
            writer,
            driven: false,
            asked: true,
            rounds: 0,
            disk: None,
        };
        let log = Log {
            partition,
            state: Monitor::new(state),
        };
        let opened = log.drive_until(|state| {
            let open = state.writer.is_open().then_some(Ok(()));
            state.refusal().or(open)
        });
        match opened {
            Ok(()) => Ok(log),
            Err(_) => {
                let status = log.state.with(|state| state.disk);
                Err(LogError::Disk(status.unwrap_or(Status::DeviceError)))
            }
        }
    }

    /// Appends a record. It is not on the disk yet: see [`Log::sync`] and [`Log::write_out`].
    ///
    /// # Errors
    /// It is too long, the log is full, or a write or flush has failed before.
    pub fn append(&self, record: &[u8]) -> Result<Position, Refusal> {
        self.state.with(|state| state.writer.append(record))
    }

    /// Waits until everything is on stable storage that was appended up to a position.
    ///
    /// # Errors
    /// [`Refusal::Failed`] where a write or flush failed: what was not stable before may be lost.
    pub fn sync(&self, position: Position) -> Result<(), Refusal> {
        self.ask(|writer| {
            if writer.durable() < position {
                writer.sync();
            }
        });
        self.drive_until(|state| {
            let durable = state.writer.durable() >= position;
            durable.then_some(Ok(())).or_else(|| state.refusal())
        })
    }

    /// Appends a record and waits until it is on stable storage.
    ///
    /// # Errors
    /// As [`Log::append`] and [`Log::sync`].
    pub fn commit(&self, record: &[u8]) -> Result<Position, Refusal> {
        let position = self.append(record)?;
        self.sync(position)?;
        Ok(position)
    }

    /// Waits until everything that was appended has been written. It survives the end of this process then, and not a cut of the
    /// power.
    ///
    /// # Errors
    /// As [`Log::sync`].
    pub fn write_out(&self) -> Result<(), Refusal> {
        self.ask(Writer::write_out);
        let begun = self.state.with(|state| state.rounds);
        self.drive_until(|state| {
            // The round that was under way may have begun before; the next one has everything.
            let written = !state.asked && !state.driven || state.rounds >= begun + 2;
            state.refusal().or(written.then_some(Ok(())))
        })
    }

    /// The position of the last record that was appended.
    pub fn appended(&self) -> Position {
        self.state.with(|state| state.writer.appended())
    }

    /// Everything up to this position is on stable storage.
    pub fn durable(&self) -> Position {
        self.state.with(|state| state.writer.durable())
    }

    /// Bytes that can still be appended.
    pub fn left(&self) -> u64 {
        self.state.with(|state| state.writer.left())
    }

    /// Begins to write the log anew. What is appended from now on follows behind the snapshot that the caller gives, which is what all
    /// that was appended before comes to: so nothing may be appended between the moment that it is of and this call. Does not wait.
    ///
    /// # Errors
    /// Another one is under way, or a write or flush failed.
    pub fn compact(&self) -> Result<Compaction<'_>, Refusal> {
        self.ask(Writer::compact)?;
        Ok(Compaction::new(self))
    }

    /// Has the log asked for something, and tells what that gives.
    fn ask<R>(&self, work: impl FnOnce(&mut Writer) -> R) -> R {
        self.state.with(|state| {
            state.asked = true;
            work(&mut state.writer)
        })
    }

    /// Waits until `done` finds what it waits for, and meanwhile does what the log asks of the disk, or waits for the uthread that does.
    ///
    /// What is done for all is not subject to the time-out of the one who does it.
    fn drive_until<T>(
        &self,
        mut done: impl FnMut(&State) -> Option<Result<T, Refusal>>,
    ) -> Result<T, Refusal> {
        let timeout = Runtime::set_timeout(NEVER);
        let result = loop {
            let found = self.state.wait_for(|state| {
                if let Some(result) = done(state) {
                    return Some(Some(result));
                }
                if state.driven || !state.asked {
                    return None;
                }
                state.driven = true;
                Some(None)
            });
            if let Some(result) = found {
                break result;
            }
            self.drive();
            self.state.with_notify(|state| state.driven = false);
        };
        Runtime::set_timeout(timeout);
        result
    }

    /// Does one round of what the log asks of the disk.
    fn drive(&self) {
        let mut actions = Vec::new();
        self.state.with(|state| {
            while let Some(action) = state.writer.next_action() {
                actions.push(action);
            }
            state.asked = !actions.is_empty();
        });
        for action in &actions {
            let (id, result) = match *action {
                Action::Write {
                    id,
                    first_block,
                    blocks,
                } => {
                    let fill = |index: u32, block: &mut [u8]| {
                        self.state.with(|state| match block.first_chunk_mut() {
                            Some(block) => state.writer.fill(id, index, block),
                            None => false,
                        })
                    };
                    let written = disk::write(&self.partition, first_block, blocks, fill);
                    (id, written)
                }
                Action::Flush { id } => (id, self.partition.flush().wait().map_err(Failed)),
            };
            let has_failed = self.state.with_notify(|state| {
                let result = result.map_err(|Failed(status)| {
                    state.disk.get_or_insert(status);
                    DeviceFailed
                });
                state.writer.completed(id, result);
                state.writer.failed().is_some()
            });
            if has_failed {
                // Whoever is told may open the log again, and then nothing more may be written here.
                break;
            }
        }
        self.state.with_notify(|state| state.rounds += 1);
    }
}
