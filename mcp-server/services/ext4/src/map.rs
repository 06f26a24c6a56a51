//! Where the data of a file is.

use alloc::vec::Vec;

use atoll_abi::block::SECTOR_SIZE;
use atoll_abi::syscall::Status;
use rsext4::{FileExtentState, FileExtentTarget, InodeNumber};

use crate::FileId;
use crate::status::status_of;
use crate::volume::Volume;

/// Runs that are told at a time.
pub const MOST_RUNS: usize = 64;

/// A part of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// What it is.
    pub kind: RunKind,
    /// Its bytes. At the end of a file they are no multiple of the sector size; what is behind them in the last sector is no
    /// part of the file.
    pub bytes: u64,
}

/// What a part of a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunKind {
    /// Data, in sectors from this one on.
    Data {
        /// The first one.
        sector: u64,
    },
    /// Nothing was ever written to it: it reads as zeroes.
    Hole,
}

impl Volume<'_> {
    pub(crate) fn map(
        &mut self,
        file: FileId,
        offset: u64,
        bytes: u64,
    ) -> Result<Vec<Run>, Status> {
        if !offset.is_multiple_of(SECTOR_SIZE as u64) {
            return Err(Status::InvalidArgument);
        }
        let inode = self.opened_file(file)?;
        let end = inode.size.min(offset.saturating_add(bytes));
        self.runs(inode.number, offset, end)
    }

    /// The runs of a part of a file, which ends within the file.
    pub(crate) fn runs(
        &mut self,
        inode: InodeNumber,
        offset: u64,
        end: u64,
    ) -> Result<Vec<Run>, Status> {
        let mut runs: Vec<Run> = Vec::new();
        if offset >= end {
            return Ok(runs);
        }
        let (length, target) = (end - offset, FileExtentTarget::Data);
        let map = self
            .crate_fs
            .inode_extents(inode, offset, length, target, MOST_RUNS);
        let map = map.map_err(status_of)?;
        let mut at = offset;
        for extent in &map.extents {
            let start = extent.logical_start.max(offset);
            let stop = extent.logical_start.saturating_add(extent.length).min(end);
            if stop <= start {
                continue;
            }
            if start < at {
                return Err(Status::Corrupt);
            }
            push(&mut runs, RunKind::Hole, start - at);
            let kind = match extent.state {
                FileExtentState::Initialized => {
                    let physical = extent.physical_start + (start - extent.logical_start);
                    self.data(physical, stop - start)?
                }
                FileExtentState::Unwritten => RunKind::Hole,
                FileExtentState::Inline => return Err(Status::Unsupported),
            };
            push(&mut runs, kind, stop - start);
            at = stop;
        }
        if map.complete {
            push(&mut runs, RunKind::Hole, end - at);
        }
        runs.truncate(MOST_RUNS);
        Ok(runs)
    }

    /// Data at some byte of the disk, which has to be on it.
    fn data(&self, physical: u64, bytes: u64) -> Result<RunKind, Status> {
        let sector = physical / SECTOR_SIZE as u64;
        let sectors = bytes.div_ceil(SECTOR_SIZE as u64);
        let fits = sector + sectors <= self.disk.sectors();
        if !fits || !physical.is_multiple_of(SECTOR_SIZE as u64) {
            return Err(Status::Corrupt);
        }
        match self.disk.is_as_on_disk(sector, sectors) {
            true => Ok(RunKind::Data { sector }),
            false => Err(Status::Unclean),
        }
    }

    /// The sector of the block of a file that begins at some byte; `None` for one that was never written.
    pub(crate) fn block(
        &mut self,
        inode: InodeNumber,
        start: u64,
        size: u64,
    ) -> Result<Option<u64>, Status> {
        let end = size.min(start + u64::from(self.block_size));
        let runs = self.runs(inode, start, end)?;
        Ok(match runs.first() {
            Some(Run {
                kind: RunKind::Data { sector },
                ..
            }) => Some(*sector),
            _ => None,
        })
    }
}

/// Adds a run, to the one before where that is a hole too.
fn push(runs: &mut Vec<Run>, kind: RunKind, bytes: u64) {
    if bytes == 0 {
        return;
    }
    match runs.last_mut() {
        Some(last) if last.kind == RunKind::Hole && kind == RunKind::Hole => last.bytes += bytes,
        _ => runs.push(Run { kind, bytes }),
    }
}
