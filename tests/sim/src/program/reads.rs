//! Reads: in all the ways in which they can be made, and what must be true of their ends.

use std::time::Duration;

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::syscall::Status;
use atoll_runtime::{Block, EventQueue, ReadError, Reading, block_on, with_timeout, yield_now};

use super::verdict::Call;
use super::{Open, Worker};
use crate::gate;
use crate::machine::content;

const READ: Call = Call::files("read");

/// What is read.
#[derive(Clone, Copy)]
struct Range {
    index: usize,
    offset: u64,
    length: usize,
}

impl Worker {
    /// Reads of an open file.
    pub fn read(&mut self, open: Open) {
        match self.random.below(8) {
            0 | 1 => self.read_and_wait(open),
            2 => self.read_in_time(open),
            3 => self.read_and_cancel(open),
            4 => self.read_in_vain(open),
            5 => self.read_two_together(open),
            _ => self.read_into_queue(open),
        }
    }

    fn range(&mut self, index: usize) -> Range {
        let blocks = (content(index).len() as u64).div_ceil(BLOCK_SIZE as u64);
        Range {
            index,
            offset: self.random.below(blocks + 1) * BLOCK_SIZE as u64,
            length: match self.random.below(3) {
                0 => self.random.index(BLOCK_SIZE + 1),
                _ => BLOCK_SIZE,
            },
        }
    }

    /// A block, where all may stay away for good only one that is free.
    fn block(&mut self) -> Option<Block> {
        match self.program.scenario.blocks_may_stay_away() || self.random.one_in(2) {
            true => Block::try_acquire(),
            false => Some(Block::acquire()),
        }
    }

    fn begin(&mut self, open: Open) -> Option<(Range, Reading)> {
        let block = self.block()?;
        let range = self.range(open.index);
        self.program.made(READ);
        Some((range, open.file.read(range.offset, range.length, block)))
    }

    fn read_and_wait(&mut self, open: Open) {
        if let Some((range, reading)) = self.begin(open) {
            self.has_read(READ, range, reading.wait());
        }
    }

    fn read_in_time(&mut self, open: Open) {
        let time = Duration::from_micros(1 + self.random.below(5));
        if let Some((range, reading)) = with_timeout(time, || self.begin(open)) {
            self.has_read(READ.early(), range, reading.wait());
        }
    }

    fn read_and_cancel(&mut self, open: Open) {
        let Some((range, reading)) = self.begin(open) else {
            return;
        };
        for _ in 0..self.random.below(3) {
            yield_now();
        }
        let cancelled = reading.cancel().wait() == Ok(true);
        let result = reading.wait();
        let is = matches!(&result, Err(error) if error.status == Status::Cancelled);
        if is != cancelled {
            super::violate(&format!(
                "result: a read that was cancelled ({cancelled}) ended with {result:?}"
            ));
        }
        let call = if cancelled { READ.early() } else { READ };
        self.has_read(call, range, result);
    }

    /// Nobody waits for its end.
    fn read_in_vain(&mut self, open: Open) {
        if let Some(block) = self.block() {
            let range = self.range(open.index);
            drop(open.file.read(range.offset, range.length, block));
        }
    }

    fn read_two_together(&mut self, open: Open) {
        let Some((first, one)) = self.begin(open) else {
            return;
        };
        // To wait for a block with another one in hand could be to wait for ever.
        let Some(block) = Block::try_acquire() else {
            return self.has_read(READ, first, one.wait());
        };
        let second = self.range(open.index);
        self.program.made(READ);
        let other = open.file.read(second.offset, second.length, block);
        let (one, other) = block_on(async { (one.await, other.await) });
        self.has_read(READ, first, one);
        self.has_read(READ, second, other);
    }

    fn read_into_queue(&mut self, open: Open) {
        let queue = EventQueue::new();
        let mut ranges = Vec::new();
        for _ in 0..1 + self.random.below(4) {
            let Some(block) = Block::try_acquire() else {
                break;
            };
            let range = self.range(open.index);
            self.program.made(READ);
            let reading = open.file.read(range.offset, range.length, block);
            queue.add(ranges.len() as u64, reading);
            ranges.push(range);
        }
        while let Some(event) = queue.wait() {
            let range = ranges[event.token as usize];
            let result = match (event.status, event.block) {
                (Status::Done, Some(block)) => Ok(block),
                (status, block) => Err(ReadError { status, block }),
            };
            self.has_read(READ, range, result);
        }
    }

    fn has_read(&self, call: Call, range: Range, result: Result<Block, ReadError>) {
        match result {
            Ok(block) => {
                self.check_data(range, &block);
                self.program.ended(call, Status::Done);
            }
            Err(ReadError { status, block }) => {
                let early = matches!(status, Status::Cancelled | Status::TimedOut);
                if early && block.is_some() {
                    super::violate(&format!(
                        "blocks: a read that ended with {status:?} gave {block:?} back, which the service may still write"
                    ));
                }
                self.program.ended(call, status);
            }
        }
    }

    /// Compares what was read, byte for byte.
    fn check_data(&self, range: Range, block: &Block) {
        if self.program.scenario.data_may_lie() {
            return;
        }
        let behind = content(range.index).get(range.offset as usize..);
        let behind = behind.unwrap_or_default();
        let bytes = behind.len().min(range.length);
        let expected = &behind[..bytes];
        gate::outside(|world| world.state.borrow_mut().tally.reads_checked += 1);
        let found = block.bytes();
        if found != expected {
            let first = found.iter().zip(expected).position(|(is, must)| is != must);
            super::violate(&format!(
                "data: process {} read {} bytes from {} on, where there are {bytes}, of which number {first:?} differs",
                self.program.process,
                found.len(),
                range.offset
            ));
        }
    }
}
