//! What becomes of a splice when one of its calls has ended.

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::syscall::Status;

use super::chunk::{Chunk, Stage, Wanted};
use super::ends::To;
use super::engine::{Engine, Last};
use super::{End, MOST_COPIES};
use crate::block::size_of;
use crate::transfer::Ended;

impl Engine<'_> {
    /// Deals with the calls that have ended.
    pub(super) fn settle(&mut self) {
        for index in 0..self.chunks.len() {
            let Some(chunk) = self.chunks.iter_mut().nth(index) else {
                return;
            };
            let Some(ended) = chunk.take() else {
                continue;
            };
            let most = MOST_COPIES.saturating_mul(size_of(&ended.blocks) as u64);
            self.copied += ended.copied.min(most);
            match chunk.stage {
                Stage::Reading(wanted) => self.was_read(index, wanted, ended),
                Stage::Sending => self.was_sent(index, ended),
                Stage::Storing(length) => self.was_stored(index, length, ended),
                Stage::Dropped | Stage::Full | Stage::Sent | Stage::Done => {
                    (chunk.stage, chunk.blocks) = (Stage::Done, ended.blocks);
                }
            }
        }
    }

    fn chunk(&mut self, index: usize) -> Option<&mut Chunk> {
        self.chunks.iter_mut().nth(index)
    }

    fn was_read(&mut self, index: usize, wanted: Wanted, mut ended: Ended) {
        let skip = if wanted.at == 0 { self.skip } else { 0 };
        let length = ended.bytes.saturating_sub(skip).min(wanted.length);
        let room = size_of(&ended.blocks);
        let is_there = ended.status == Status::Done && length > 0;
        if is_there
            && skip > 0
            && let Some(block) = ended.blocks.first_mut()
        {
            block.bytes_mut().copy_within(skip..skip + length, 0);
            self.copied += length as u64;
        }
        // Into large blocks less is read than there is where the file is in many pieces.
        let is_large = ended.blocks.first().is_some_and(|it| it.order() > 0);
        let goes_on = is_large && length.is_multiple_of(BLOCK_SIZE) && length < wanted.length;
        let is_stream = self.source.is_stream();
        if let Some(chunk) = self.chunk(index) {
            (chunk.stage, chunk.blocks) = (Stage::Done, ended.blocks);
            if is_there {
                (chunk.stage, chunk.length) = (Stage::Full, length);
            }
            if is_there && goes_on {
                // Up to where the chunk ends, which may be behind what was asked for.
                let behind = chunk.rest.map_or(0, |rest| rest.length);
                let (_, rest) = wanted.split(length);
                chunk.rest = rest.map(|rest| Wanted {
                    length: rest.length + behind,
                    ..rest
                });
            }
        }
        if ended.status != Status::Done {
            if let Some(chunk) = self.chunk(index) {
                chunk.rest = None;
            }
            self.end_behind(index + 1, Last::Failed(ended.status));
        } else if !is_there || !is_stream && length < wanted.length && !goes_on {
            if let Some(chunk) = self.chunk(index) {
                chunk.rest = None;
            }
            self.end_behind(index + 1, Last::Reached(End::Source));
        } else if is_stream {
            self.took(length, room);
        }
    }

    /// A connection gave so many bytes, of as many as there was room for: where it fills its blocks, it gets more.
    fn took(&mut self, length: usize, room: usize) {
        self.at += length as u64;
        self.pages = match length == room {
            true => (2 * self.pages).min(self.most_pages),
            false => length.div_ceil(BLOCK_SIZE).clamp(1, self.most_pages),
        };
    }

    fn was_sent(&mut self, index: usize, ended: Ended) {
        let keeps = self.keeper.is_some();
        let Some(chunk) = self.chunk(index) else {
            return;
        };
        let length = chunk.length;
        chunk.blocks = ended.blocks;
        let status = match ended.status {
            Status::Done if ended.bytes < length => Status::Malformed,
            status => status,
        };
        chunk.stage = match status {
            Status::Done if keeps => Stage::Sent,
            _ => Stage::Done,
        };
        self.sent += ended.bytes.min(length) as u64;
        if status != Status::Done {
            self.failed.get_or_insert(status);
        }
    }

    fn was_stored(&mut self, index: usize, length: usize, ended: Ended) {
        let result = match ended.status {
            Status::Done if ended.bytes < length => Err(Status::Malformed),
            Status::Done => Ok(()),
            status => Err(status),
        };
        let (Some(chunk), Some(keeper)) = (self.chunks.iter_mut().nth(index), &mut self.keeper)
        else {
            return;
        };
        (chunk.stage, chunk.blocks) = (Stage::Done, ended.blocks);
        keeper.was_stored(chunk, length, result);
        if let (To::Store(_), Err(status)) = (self.to, result) {
            self.failed.get_or_insert(status);
        }
    }
}
