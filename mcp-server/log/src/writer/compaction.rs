//! Compaction: a snapshot in the other area, what was appended since behind it, and the header that makes the area count.

use alloc::vec::Vec;

use super::Writer;
use crate::error::Refusal;
use crate::format::{Epoch, Header, RECORD_OVERHEAD};
use crate::stream::{Run, Stream};

/// Blocks of the other area that one group writes at most: a snapshot must not make appended records wait for long.
const SHARE: usize = 64;

/// How far a compaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The application appends its snapshot; what is appended to the log is kept.
    Snapshot,
    /// Each record goes to both areas, and what the other one lacks on the disk is written.
    Joining,
    /// Each acknowledged record is stable in the other area, which ended at this offset.
    Covered(u64),
    /// The header is being written.
    Committing,
}

/// A compaction that is under way.
pub(super) struct Compaction {
    stream: Stream,
    stage: Stage,
    /// Payloads that were appended since it began, and the length of each.
    since: Vec<u8>,
    lengths: Vec<u32>,
}

impl Compaction {
    /// A record is appended to the log, for which the current area has room.
    pub(super) fn append(&mut self, payload: &[u8]) -> Result<(), Refusal> {
        if self.stage == Stage::Snapshot {
            self.since.extend_from_slice(payload);
            self.lengths.push(payload.len() as u32);
        } else {
            self.stream.admits(payload)?;
            self.stream.append(payload);
        }
        Ok(())
    }

    /// What the next group writes of it. A block of a snapshot that is not full is not written before the snapshot is whole.
    pub(super) fn take(&mut self) -> Option<Run> {
        self.stream.take(SHARE, self.stage == Stage::Snapshot)
    }

    /// Where a flush now would make stable all that was appended: its epoch, and where it ends.
    pub(super) fn covers(&self) -> Option<(Epoch, u64)> {
        let covers = self.stage == Stage::Joining && self.stream.untaken() == 0;
        covers.then_some((self.stream.epoch(), self.stream.end()))
    }

    /// Puts what was appended since it began behind the snapshot.
    fn join(&mut self) -> Result<(), Refusal> {
        let needed = self.since.len() + self.lengths.len() * RECORD_OVERHEAD;
        if needed as u64 > self.stream.left() {
            return Err(Refusal::Full);
        }
        let since = core::mem::take(&mut self.since);
        let mut rest = since.as_slice();
        for length in core::mem::take(&mut self.lengths) {
            let Some((payload, behind)) = rest.split_at_checked(length as usize) else {
                break;
            };
            self.stream.append(payload);
            rest = behind;
        }
        self.stage = Stage::Joining;
        Ok(())
    }
}

impl Writer {
    /// Begins a compaction. The snapshot is that of the application's state now: it holds what all records that were appended before
    /// amount to, and nothing of those that are appended from now on.
    ///
    /// # Errors
    /// [`Refusal::Compacting`] where one is under way, [`Refusal::Failed`]; [`Refusal::Full`] after four billion compactions in one life.
    pub fn compact(&mut self) -> Result<(), Refusal> {
        self.check()?;
        if self.compaction.is_some() {
            return Err(Refusal::Compacting);
        }
        let epoch = self.epoch.next_compaction().ok_or(Refusal::Full)?;
        self.epoch = epoch;
        let area = 1 - self.main.area();
        self.compaction = Some(Compaction {
            stream: Stream::new(&self.header, area, epoch, 0, Vec::new()),
            stage: Stage::Snapshot,
            since: Vec::new(),
            lengths: Vec::new(),
        });
        Ok(())
    }

    /// Appends a record of the snapshot. Full blocks of it are written with the next groups, without being asked for.
    ///
    /// # Errors
    /// [`Refusal::NotCompacting`] where none was begun or the snapshot is whole; [`Refusal::TooLong`], [`Refusal::Full`],
    /// [`Refusal::Failed`].
    pub fn snapshot(&mut self, payload: &[u8]) -> Result<(), Refusal> {
        self.check()?;
        let compaction = self.compaction.as_mut().ok_or(Refusal::NotCompacting)?;
        if compaction.stage != Stage::Snapshot {
            return Err(Refusal::NotCompacting);
        }
        compaction.stream.admits(payload)?;
        compaction.stream.append(payload);
        Ok(())
    }

    /// The snapshot is whole: the other area is to count as soon as it has everything. [`Writer::generation`] grows when it does.
    ///
    /// # Errors
    /// [`Refusal::NotCompacting`] where no snapshot is being taken; [`Refusal::Full`], with which the compaction is given up;
    /// [`Refusal::Failed`].
    pub fn commit(&mut self) -> Result<(), Refusal> {
        self.check()?;
        let compaction = self.compaction.as_mut().ok_or(Refusal::NotCompacting)?;
        if compaction.stage != Stage::Snapshot {
            return Err(Refusal::NotCompacting);
        }
        let joined = compaction.join();
        if joined.is_err() {
            self.compaction = None;
        }
        joined
    }

    /// Gives the compaction up. Too late, and without effect, when its header is being written.
    pub fn abandon(&mut self) {
        self.compaction
            .take_if(|compaction| compaction.stage != Stage::Committing);
    }

    /// Whether a compaction is under way.
    pub fn is_compacting(&self) -> bool {
        self.compaction.is_some()
    }

    pub(super) fn stage(&self) -> Option<Stage> {
        self.compaction.as_ref().map(|compaction| compaction.stage)
    }

    /// The header that is to be written now, to commit.
    pub(super) fn begin_commit(&mut self) -> Option<Header> {
        let compaction = self.compaction.as_mut()?;
        let floor = match compaction.stage {
            Stage::Covered(floor) => floor,
            Stage::Joining if cfg!(feature = "planted-header-before-records") => {
                compaction.stream.end()
            }
            _ => return None,
        };
        compaction.stage = Stage::Committing;
        Some(Header {
            generation: self.header.generation.saturating_add(1),
            epoch: compaction.stream.epoch(),
            floor,
            area: compaction.stream.area(),
            ..self.header
        })
    }

    /// A flush has completed that made stable all that had been appended when its group began, if it says so of the compaction that is
    /// under way and not of one that was given up.
    pub(super) fn covered(&mut self, covers: Option<(Epoch, u64)>) {
        if let Some(compaction) = &mut self.compaction
            && let Some((epoch, floor)) = covers
            && epoch == compaction.stream.epoch()
        {
            compaction.stage = Stage::Covered(floor);
        }
    }

    /// The header is stable: the other area counts.
    pub(super) fn committed(&mut self, header: Header) {
        self.place = self.other_place();
        self.header = header;
        if let Some(compaction) = self.compaction.take() {
            self.main = compaction.stream;
        }
    }
}
