//! The frames: blocks of a pool of the process, which the pager keeps.
#![deny(unsafe_code)]

use alloc::boxed::Box;
use alloc::vec::Vec;

use atoll_abi::block::{BLOCK_SIZE, MAX_CALL_BLOCKS};
use atoll_abi::syscall::Status;
use atoll_pager::Outcome;

use super::PagerError;
use super::transit::Transit;
use crate::block::{Block, Blocks, Source};
use crate::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use crate::syscalls::without_timeout;
use crate::transfer::Transfer;

/// One frame: a block, or `None` while a call has it, and for good where it did not come back.
pub(super) type Frame = Option<Block>;

/// Blocks that were taken from a pool once. The page map says who may have which, so nobody ever waits for a lock here.
pub(super) struct Frames(Box<[RwLock<Frame>]>);

/// How a call for frames has ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended {
    pub(super) result: Result<(), Status>,
    pub(super) outcome: Outcome,
}

impl Frames {
    /// Takes so many blocks of a pool.
    pub(super) fn take(count: usize, from: Source) -> Result<Frames, PagerError> {
        if count == 0 {
            let free = from.free();
            return Err(PagerError::Frames { free });
        }
        let mut blocks = Vec::with_capacity(count);
        // The common pool has none before no device writes for an earlier life of the process. The others are not waited for: two who
        // do that, and have some, could wait for ever.
        if from.is_common() {
            blocks.push(from.acquire());
        }
        while blocks.len() < count {
            let Some(block) = from.try_acquire() else {
                let free = blocks.len();
                return Err(PagerError::Frames { free });
            };
            blocks.push(block);
        }
        let frames = blocks.into_iter().map(|block| RwLock::new(Some(block)));
        Ok(Frames(frames.collect()))
    }

    /// A frame of which the caller has pinned the page, to read it.
    pub(super) fn read(&self, frame: usize) -> Option<RwLockReadGuard<'_, Frame>> {
        Some(self.0.get(frame)?.read())
    }

    /// A frame of which the caller has pinned the page for itself.
    pub(super) fn write(&self, frame: usize) -> Option<RwLockWriteGuard<'_, Frame>> {
        Some(self.0.get(frame)?.write())
    }

    /// Has a call have frames, and waits for its end.
    pub(super) fn lend<T: Transit>(
        &self,
        run: &[T],
        call: impl FnOnce(u64, Blocks) -> Transfer,
    ) -> Ended {
        let Some(first) = run.first() else {
            return Ended {
                result: Ok(()),
                outcome: Outcome::Done,
            };
        };
        let frames = run.iter().filter_map(|own| self.write(own.frame()));
        let blocks: Blocks = frames.filter_map(|mut frame| frame.take()).collect();
        // A call that ends early keeps its blocks, and what is in them.
        let (result, back) = without_timeout(|| call(first.page(), blocks).wait_for_all());
        let whole = back.len() == run.len();
        // A page that was transferred in part would be torn.
        let full = |block: &Block| block.bytes().len() == BLOCK_SIZE;
        let result = result.and(match whole && back.iter().all(full) {
            true => Ok(()),
            false => Err(Status::Malformed),
        });
        for (own, mut block) in run.iter().zip(back) {
            // A failed call says nothing about the bytes of its blocks, which are as they were where it was to write them.
            block.set_length(BLOCK_SIZE);
            if let Some(mut frame) = self.write(own.frame()) {
                *frame = Some(block);
            }
        }
        let outcome = match (whole, &result) {
            (true, Ok(())) => Outcome::Done,
            (true, Err(_)) => Outcome::Failed,
            (false, _) => Outcome::FrameGone,
        };
        Ended { result, outcome }
    }
}

/// Frames of pages that follow each other: one call has them together.
pub(super) type Run<T> = heapless::Vec<T, MAX_CALL_BLOCKS>;
