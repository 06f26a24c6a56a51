//! A piece of what a splice moves, on its way.

use core::mem;
use core::task::Waker;

use crate::block::Blocks;
use crate::transfer::{Ended, Transfer};

/// Bytes that are to be read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    /// Where, from the source's first byte on.
    pub(super) at: u64,
    /// How many.
    pub(super) length: usize,
}

impl Wanted {
    /// The first so many of them, and the others, if there are any.
    pub(super) fn split(self, length: usize) -> (Wanted, Option<Wanted>) {
        let length = length.min(self.length);
        let now = Wanted {
            at: self.at,
            length,
        };
        let later = Wanted {
            at: self.at + length as u64,
            length: self.length - length,
        };
        (now, (later.length > 0).then_some(later))
    }
}

/// How far a chunk is.
pub(super) enum Stage {
    /// Its bytes are read.
    Reading(Wanted),
    /// Its bytes are in its blocks, and wait for their turn.
    Full,
    /// They are sent.
    Sending,
    /// They were sent, and are to be stored too.
    Sent,
    /// They are stored: so many that count.
    Storing(usize),
    /// What its read gives is not wanted any more, and its blocks are waited for.
    Dropped,
    /// Nothing is left to be done.
    Done,
}

/// A piece of what a splice moves.
pub(super) struct Chunk {
    pub(super) stage: Stage,
    /// Its call, while one is under way.
    call: Option<Transfer>,
    /// How that has ended.
    ended: Option<Ended>,
    /// Its blocks, while no call has them.
    pub(super) blocks: Blocks,
    /// Bytes in them.
    pub(super) length: usize,
    /// What is to be read after that, because one call read less than it was to.
    pub(super) rest: Option<Wanted>,
    /// Bytes of it that were stored.
    pub(super) stored: u64,
    /// It was not stored, or not all of it: what follows does not count.
    pub(super) has_failed: bool,
}

impl Chunk {
    pub(super) fn reading(wanted: Wanted, call: Transfer) -> Chunk {
        Chunk {
            stage: Stage::Reading(wanted),
            call: Some(call),
            ended: None,
            blocks: Blocks::new(),
            length: 0,
            rest: None,
            stored: 0,
            has_failed: false,
        }
    }

    /// What a splice kept to its end.
    pub(super) fn last(length: usize, call: Transfer) -> Chunk {
        Chunk {
            stage: Stage::Storing(length),
            ..Chunk::reading(Wanted { at: 0, length: 0 }, call)
        }
    }

    /// Has a call have its blocks.
    pub(super) fn begin(&mut self, stage: Stage, call: impl FnOnce(Blocks) -> Transfer) {
        self.stage = stage;
        self.call = Some(call(mem::take(&mut self.blocks)));
    }

    /// Looks whether its call has ended; where it has not, its end wakes by the waker, if there is one. Whether there is an end that was
    /// not [taken](Chunk::take).
    pub(super) fn look(&mut self, waker: Option<&Waker>) -> bool {
        if let Some(call) = &mut self.call
            && let Some(ended) = call.take(waker)
        {
            self.ended = Some(ended);
            self.call = None;
        }
        self.ended.is_some()
    }

    /// How its call has ended, once.
    pub(super) fn take(&mut self) -> Option<Ended> {
        self.ended.take()
    }

    /// Nothing is to be done with it any more but what a device does already; `waits` where the device that reads it is waited for.
    pub(super) fn give_up(&mut self, waits: bool) {
        self.rest = None;
        self.stage = match self.stage {
            Stage::Reading(_) if waits => Stage::Dropped,
            Stage::Sent => Stage::Sent,
            Stage::Storing(length) => Stage::Storing(length),
            Stage::Dropped => Stage::Dropped,
            Stage::Reading(_) | Stage::Full | Stage::Sending | Stage::Done => {
                // What waits for a peer goes on without the splice.
                (self.call, self.ended) = (None, None);
                Stage::Done
            }
        };
    }

    /// Whether nothing is left of it.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Done) && self.rest.is_none()
    }

    pub(super) fn is_reading(&self) -> bool {
        matches!(self.stage, Stage::Reading(_))
    }
}
