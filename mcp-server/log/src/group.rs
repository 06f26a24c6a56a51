//! A group: writes that may be in the device's hand at once, and the flush behind them.

use alloc::vec::Vec;

use crate::format::BLOCK;
use crate::stream::Run;

/// Blocks that one write has at most.
pub const RUN_BLOCKS: usize = 64;

/// Names an action until it has completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActionId(u64);

/// What the device has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Write blocks, whose contents [`Writer::contents`](crate::Writer::contents) gives.
    Write {
        /// Names it.
        id: ActionId,
        /// The first block of the partition.
        first_block: u64,
        /// How many: 1 to [`RUN_BLOCKS`].
        blocks: u32,
    },
    /// Make stable what was written.
    Flush {
        /// Names it.
        id: ActionId,
    },
}

/// One write of a group.
struct Write {
    run: usize,
    /// The first byte of the run, and the one behind the last.
    bytes: core::ops::Range<usize>,
    first_block: u64,
    done: bool,
}

/// How far a group is after a completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Nothing in the device's hand has this name.
    Unknown,
    /// More is to complete.
    Going,
    /// All writes have completed, and a flush follows.
    Written,
    /// It is at its end.
    Done,
}

/// The writes own what they write, so that what is appended meanwhile does not reach them.
pub(crate) struct Group {
    runs: Vec<Run>,
    writes: Vec<Write>,
    flush: bool,
    /// The name of its first write; the others follow, the flush comes last.
    first: u64,
    /// Actions that were given out.
    given: usize,
    /// Writes that have not completed.
    open: usize,
}

impl Group {
    /// A group that writes runs that do not overlap. Its names begin with `first`.
    pub(crate) fn new(runs: Vec<Run>, flush: bool, first: u64) -> Group {
        let mut writes = Vec::new();
        for (index, run) in runs.iter().enumerate() {
            for start in (0..run.bytes.len()).step_by(RUN_BLOCKS * BLOCK) {
                writes.push(Write {
                    run: index,
                    bytes: start..run.bytes.len().min(start + RUN_BLOCKS * BLOCK),
                    first_block: run.first_block + (start / BLOCK) as u64,
                    done: false,
                });
            }
        }
        Group {
            open: writes.len(),
            runs,
            writes,
            flush,
            first,
            given: 0,
        }
    }

    /// The first name that it does not use.
    pub(crate) fn names_end(&self) -> u64 {
        self.first + self.writes.len() as u64 + 1
    }

    /// Whether a flush is behind the writes.
    pub(crate) fn ends_with_flush(&self) -> bool {
        self.flush
    }

    /// The next action, which is in the device's hand from then on.
    pub(crate) fn next(&mut self) -> Option<Action> {
        let id = ActionId(self.first + self.given as u64);
        let action = match self.writes.get(self.given) {
            Some(write) => Action::Write {
                id,
                first_block: write.first_block,
                blocks: (write.bytes.len() / BLOCK) as u32,
            },
            None if self.flush && self.open == 0 && self.given == self.writes.len() => {
                Action::Flush { id }
            }
            None => return None,
        };
        self.given += 1;
        Some(action)
    }

    fn index(&self, id: ActionId) -> Option<usize> {
        let index = usize::try_from(id.0.checked_sub(self.first)?).ok()?;
        (index < self.given).then_some(index)
    }

    /// What a write writes: whole blocks.
    pub(crate) fn contents(&self, id: ActionId) -> Option<&[u8]> {
        let write = self.writes.get(self.index(id)?)?;
        self.runs.get(write.run)?.bytes.get(write.bytes.clone())
    }

    /// Whether the name is that of an action in the device's hand, and of a flush.
    pub(crate) fn is_flush(&self, id: ActionId) -> Option<bool> {
        let index = self.index(id)?;
        match self.writes.get(index) {
            Some(write) => (!write.done).then_some(false),
            None => Some(true),
        }
    }

    /// An action has completed.
    pub(crate) fn complete(&mut self, id: ActionId) -> Progress {
        let Some(index) = self.index(id) else {
            return Progress::Unknown;
        };
        let Some(write) = self.writes.get_mut(index) else {
            return Progress::Done;
        };
        if write.done {
            return Progress::Unknown;
        }
        write.done = true;
        self.open -= 1;
        match (self.open, self.flush) {
            (0, true) => Progress::Written,
            (0, false) => Progress::Done,
            _ => Progress::Going,
        }
    }
}
