//! The records of one area that are not on the disk yet.

use alloc::vec::Vec;

use crate::error::Refusal;
use crate::format::{BLOCK, Epoch, Header, MAX_RECORD, RECORD_OVERHEAD, Site, encode_record};

/// Blocks that are written: one run of the partition.
pub(crate) struct Run {
    pub(crate) first_block: u64,
    /// Whole blocks.
    pub(crate) bytes: Vec<u8>,
}

/// The end of an area, and what is behind what was written. Offsets are in bytes from the beginning of the area.
pub(crate) struct Stream {
    identity: u64,
    epoch: Epoch,
    area: u32,
    first_block: u64,
    capacity: u64,
    /// Where the buffer begins: the beginning of a block.
    start: u64,
    /// What is behind `start`; it begins with the bytes of the last block that were taken already, because that block is written again.
    buffer: Vec<u8>,
    /// What is before it was taken for writing.
    taken: u64,
}

impl Stream {
    /// The stream of an area that ends in a block that holds `tail`, which begins at `start`.
    pub(crate) fn new(
        header: &Header,
        area: u32,
        epoch: Epoch,
        start: u64,
        tail: Vec<u8>,
    ) -> Stream {
        Stream {
            identity: header.identity,
            epoch,
            area,
            first_block: header.area_start(area),
            capacity: header.capacity(),
            start,
            taken: start + tail.len() as u64,
            buffer: tail,
        }
    }

    pub(crate) fn epoch(&self) -> Epoch {
        self.epoch
    }

    pub(crate) fn area(&self) -> u32 {
        self.area
    }

    /// Where the next record begins.
    pub(crate) fn end(&self) -> u64 {
        self.start + self.buffer.len() as u64
    }

    /// Bytes that are left.
    pub(crate) fn left(&self) -> u64 {
        self.capacity.saturating_sub(self.end())
    }

    /// Bytes that were appended and not taken for writing.
    pub(crate) fn untaken(&self) -> u64 {
        self.end() - self.taken
    }

    /// Whether a record can be appended.
    pub(crate) fn admits(&self, payload: &[u8]) -> Result<(), Refusal> {
        if payload.len() > MAX_RECORD {
            return Err(Refusal::TooLong);
        }
        match (RECORD_OVERHEAD + payload.len()) as u64 <= self.left() {
            true => Ok(()),
            false => Err(Refusal::Full),
        }
    }

    /// Appends a record that it [admits](Stream::admits).
    pub(crate) fn append(&mut self, payload: &[u8]) {
        debug_assert_eq!(self.admits(payload), Ok(()));
        let site = Site {
            identity: self.identity,
            position: self.first_block * BLOCK as u64 + self.end(),
        };
        encode_record(&mut self.buffer, site, self.epoch, payload);
    }

    /// Takes what is to be written next, at most so many blocks. The last block is filled up with zeros, and stays in the buffer,
    /// unless only whole blocks are taken. `None` where there is nothing.
    pub(crate) fn take(&mut self, limit: usize, whole_blocks: bool) -> Option<Run> {
        let blocks = (self.buffer.len() / BLOCK).min(limit);
        let in_part = blocks < limit && !whole_blocks;
        if self.untaken() == 0 || blocks == 0 && !in_part {
            return None;
        }
        let first_block = self.first_block + self.start / BLOCK as u64;
        let rest = self.buffer.split_off(blocks * BLOCK);
        let mut bytes = core::mem::replace(&mut self.buffer, rest);
        self.start += bytes.len() as u64;
        self.taken = self.start;
        if in_part && !self.buffer.is_empty() {
            bytes.extend_from_slice(&self.buffer);
            bytes.resize((blocks + 1) * BLOCK, 0);
            self.taken = self.end();
        }
        Some(Run { first_block, bytes })
    }
}

#[cfg(test)]
#[path = "stream/tests.rs"]
mod tests;
