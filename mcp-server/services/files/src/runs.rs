//! Where the data of a file is, as far as the file system was asked: reads and writes that stay within need not ask it again.

use alloc::vec::Vec;
use core::ops::Range;

use atoll_abi::block::{BLOCK_SIZE, SECTOR_SIZE};
use atoll_ext4::{Run, RunKind};

/// Runs that are remembered of each file: at least as many as a call has blocks of order 0.
const MOST_RUNS: usize = 16;

const BLOCK: u64 = BLOCK_SIZE as u64;

/// A part of what a read or a write is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// Its first block, counted from that of the call.
    pub(crate) first: usize,
    /// How many blocks.
    pub(crate) blocks: usize,
    /// What is there: data from a sector on, or a hole.
    pub(crate) kind: RunKind,
}

impl Part {
    /// Its blocks among those of the call.
    pub(crate) fn range(&self) -> Range<usize> {
        self.first..self.first + self.blocks
    }
}

/// Runs of a file, one behind the other.
#[derive(Default)]
pub(crate) struct Runs {
    /// Where the first one begins, in bytes of the file.
    start: u64,
    runs: Vec<Run>,
}

impl Runs {
    /// Remembers what the file system says of a file from some byte on.
    pub(crate) fn set(&mut self, start: u64, runs: &[Run]) {
        self.start = start;
        self.runs.clear();
        self.runs.extend(runs.iter().take(MOST_RUNS));
    }

    /// Forgets: the file changes.
    pub(crate) fn clear(&mut self) {
        self.runs.clear();
    }

    /// Bytes from one on of which it is known where they are.
    pub(crate) fn known(&self, offset: u64) -> u64 {
        let length: u64 = self.runs.iter().map(|run| run.bytes).sum();
        match offset < self.start {
            true => 0,
            false => (self.start + length).saturating_sub(offset),
        }
    }

    /// The parts of so many bytes, at least one, from a byte on that begins a block; `None` where not all of it is known.
    pub(crate) fn parts(&self, offset: u64, bytes: u64) -> Option<impl Iterator<Item = Part>> {
        let end = offset.checked_add(bytes)?;
        if bytes > self.known(offset) {
            return None;
        }
        let mut at = self.start;
        Some(self.runs.iter().filter_map(move |run| {
            let (start, stop) = (at, at + run.bytes);
            at = stop;
            let (from, to) = (start.max(offset), stop.min(end));
            if from >= to {
                return None;
            }
            let kind = match run.kind {
                RunKind::Data { sector } => RunKind::Data {
                    sector: sector + (from - start) / SECTOR_SIZE as u64,
                },
                RunKind::Hole => RunKind::Hole,
            };
            Some(Part {
                first: ((from - offset) / BLOCK) as usize,
                blocks: (to - from).div_ceil(BLOCK) as usize,
                kind,
            })
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn runs() -> Runs {
        let mut runs = Runs::default();
        let run = |kind, bytes| Run { kind, bytes };
        let data = RunKind::Data { sector: 800 };
        let list = [run(data, 3 * BLOCK), run(RunKind::Hole, 100)];
        runs.set(4 * BLOCK, &list);
        runs
    }

    fn parts(offset: u64, bytes: u64) -> Option<Vec<(usize, usize, Option<u64>)>> {
        let sector = |part: Part| match part.kind {
            RunKind::Data { sector } => (part.first, part.blocks, Some(sector)),
            RunKind::Hole => (part.first, part.blocks, None),
        };
        Some(runs().parts(offset, bytes)?.map(sector).collect())
    }

    #[test]
    fn a_read_is_cut_where_runs_end() {
        assert_eq!(parts(4 * BLOCK, 5), Some(vec![(0, 1, Some(800))]));
        assert_eq!(parts(5 * BLOCK, 2 * BLOCK), Some(vec![(0, 2, Some(808))]));
        let both = vec![(0, 1, Some(816)), (1, 1, None)];
        assert_eq!(parts(6 * BLOCK, BLOCK + 100), Some(both));
    }

    #[test]
    fn what_is_not_known_is_asked_for() {
        assert_eq!(parts(3 * BLOCK, 2 * BLOCK), None);
        assert_eq!(parts(6 * BLOCK, BLOCK + 101), None);
        assert_eq!(parts(u64::MAX - 4095, BLOCK), None);
        let mut runs = runs();
        runs.clear();
        assert!(runs.parts(4 * BLOCK, 1).is_none());
    }
}
