//! Replay: which header counts, and where the log ends.

use alloc::vec::Vec;
use core::ops::Range;

use crate::error::Error;
use crate::format::{
    BLOCK, Epoch, HEADER_BLOCKS, Header, MAX_RECORD, RECORD_OVERHEAD, RecordHeader, Site, choose,
};
use crate::group::RUN_BLOCKS;
use crate::writer::Writer;

/// What a replay wants, or has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// Read these blocks of the partition, then [feed](Replay::feed) them.
    Read(Range<u64>),
    /// The payload of the next record.
    Record(&'a [u8]),
    /// There are no more records: [`Replay::into_writer`] comes next.
    End,
}

/// Reads a log. Ask for a [step](Replay::step), do it, and ask again.
///
/// What it gives is stable only when the [`Writer`] that it becomes [is open](Writer::is_open): before that, do not
/// answer anybody from it.
pub struct Replay {
    device_blocks: u64,
    /// The header that counts and its place, when the headers were read.
    header: Option<(Header, u64)>,
    /// The block of the partition with which `buffer` begins.
    first_block: u64,
    buffer: Vec<u8>,
    /// Where in the buffer the next record begins.
    next: usize,
    /// Bytes of the record that was given last, from `next` on.
    given: usize,
    ended: bool,
    failed: Option<Error>,
    asked: Range<u64>,
    /// Blocks that are read at once.
    run: u64,
}

/// What is at the place where the next record may be.
enum Found {
    /// More of the area is needed to tell.
    Need,
    /// A record with a payload of so many bytes.
    Record(usize),
    /// Nothing that counts.
    Nothing,
}

impl Replay {
    /// The replay of a partition of so many blocks.
    pub fn new(device_blocks: u64) -> Replay {
        Replay {
            device_blocks,
            header: None,
            first_block: 0,
            buffer: Vec::new(),
            next: 0,
            given: 0,
            ended: false,
            failed: (device_blocks < HEADER_BLOCKS).then_some(Error::Size),
            asked: 0..0,
            run: RUN_BLOCKS as u64,
        }
    }

    /// What comes next.
    ///
    /// # Errors
    /// Why the partition cannot be replayed, from then on always the same.
    pub fn step(&mut self) -> Result<Step<'_>, Error> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        if self.ended {
            return Ok(Step::End);
        }
        self.next += core::mem::take(&mut self.given);
        let header = match self.header {
            Some((header, _)) => header,
            None => match self.choose() {
                Ok(Some(header)) => header,
                Ok(None) => return Ok(self.read(HEADER_BLOCKS)),
                Err(error) => return Err(self.fail(error)),
            },
        };
        match self.find(&header) {
            Found::Need => {
                let area_end = header.area_start(header.area) + header.area_blocks();
                // What has been replayed goes, but for the block that may be the last one of the log.
                let blocks = self.next / BLOCK;
                self.buffer.drain(..blocks * BLOCK);
                self.first_block += blocks as u64;
                self.next -= blocks * BLOCK;
                Ok(self.read(area_end))
            }
            Found::Record(length) => {
                self.given = RECORD_OVERHEAD + length;
                let payload = self.next + RECORD_OVERHEAD..self.next + self.given;
                Ok(Step::Record(self.buffer.get(payload).unwrap_or_default()))
            }
            Found::Nothing if self.offset(&header) < header.floor => {
                let offset = self.offset(&header);
                Err(self.fail(Error::BadRecord { offset }))
            }
            Found::Nothing => {
                self.ended = true;
                Ok(Step::End)
            }
        }
    }

    /// The header that counts, when both are read; the buffer is then that of its area.
    fn choose(&mut self) -> Result<Option<Header>, Error> {
        if self.buffer.len() < HEADER_BLOCKS as usize * BLOCK {
            return Ok(None);
        }
        let (header, place) = choose(&self.buffer, self.device_blocks)?;
        self.header = Some((header, place));
        self.first_block = header.area_start(header.area);
        self.buffer.clear();
        Ok(Some(header))
    }

    fn fail(&mut self, error: Error) -> Error {
        self.failed = Some(error);
        error
    }

    /// Asks for the blocks behind those in the buffer, up to `end`.
    fn read(&mut self, end: u64) -> Step<'static> {
        let first = self.first_block + (self.buffer.len() / BLOCK) as u64;
        self.asked = first..end.min(first + self.run);
        debug_assert!(!self.asked.is_empty());
        Step::Read(self.asked.clone())
    }

    /// Where in the area the next record begins.
    fn offset(&self, header: &Header) -> u64 {
        let blocks = self.first_block - header.area_start(header.area);
        blocks * BLOCK as u64 + self.next as u64
    }

    fn find(&self, header: &Header) -> Found {
        let offset = self.offset(header);
        // The next record ends before the floor, or begins at it or behind it.
        let stable = offset < header.floor;
        let limit = if stable {
            header.floor
        } else {
            header.capacity()
        };
        let room = limit.saturating_sub(offset);
        if header.epoch == Epoch::FORMATTED || room < RECORD_OVERHEAD as u64 {
            return Found::Nothing;
        }
        let bytes = self.buffer.get(self.next..).unwrap_or_default();
        let Some(record) = RecordHeader::read(bytes) else {
            return Found::Need;
        };
        let counts = stable
            || record.epoch() == header.epoch
            || cfg!(feature = "planted-stale-record-accepted");
        let length = record.length();
        if !counts || length > MAX_RECORD as u64 || length > room - RECORD_OVERHEAD as u64 {
            return Found::Nothing;
        }
        let length = length as usize;
        let Some(payload) = bytes.get(RECORD_OVERHEAD..RECORD_OVERHEAD + length) else {
            return Found::Need;
        };
        let site = Site {
            identity: header.identity,
            position: self.first_block * BLOCK as u64 + self.next as u64,
        };
        match record.is_of(site, payload) {
            true => Found::Record(length),
            false => Found::Nothing,
        }
    }

    /// Blocks that it asked for: `bytes` is the first one and as many of those behind it as were read.
    ///
    /// # Errors
    /// [`Error::OutOfTurn`] where it did not ask for them, or they are not whole blocks; it still waits for those that it asked for.
    pub fn feed(&mut self, first_block: u64, bytes: &[u8]) -> Result<(), Error> {
        let blocks = (bytes.len() / BLOCK) as u64;
        let whole = bytes.len().is_multiple_of(BLOCK);
        let asked = self.asked.end - self.asked.start;
        if first_block != self.asked.start || !whole || blocks == 0 || blocks > asked {
            return Err(Error::OutOfTurn);
        }
        self.asked = 0..0;
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// The blocks that it asked for cannot be read. It then asks for one block at a time, so that only those that it
    /// needs have to be readable; when one of these cannot be read, the replay fails with [`Error::Read`].
    pub fn read_failed(&mut self) {
        if self.asked.end - self.asked.start == 1 {
            self.failed = Some(Error::Read {
                block: self.asked.start,
            });
        }
        self.run = 1;
        self.asked = 0..0;
    }

    /// A writer at the end of the log, for its next life.
    ///
    /// # Errors
    /// [`Error::OutOfTurn`] before [`Step::End`]; [`Error::BadHeader`] where the log had four billion lives.
    pub fn into_writer(mut self) -> Result<Writer, Error> {
        let Some((header, place)) = self.header.filter(|_| self.ended) else {
            return Err(Error::OutOfTurn);
        };
        let epoch = header.epoch.next_life().ok_or(Error::BadHeader)?;
        let end = self.offset(&header);
        // The block in which the log ends; what is behind the end is dropped.
        self.buffer.truncate(self.next);
        let tail = self.buffer.split_off(self.next / BLOCK * BLOCK);
        Ok(Writer::open(
            Header {
                epoch,
                floor: end,
                ..header
            },
            place,
            end - tail.len() as u64,
            tail,
        ))
    }
}

#[cfg(test)]
#[path = "replay/tests.rs"]
mod tests;
