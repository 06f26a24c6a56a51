//! Writes: what only goes over data that the file has is transferred by the driver, everything else is done by the file system.
//!
//! A write over data changes nothing that the file system knows, but for the time of the last change. That one is set by the first
//! write since the file was opened, which is always the file system's.

use atoll_abi::block::{BLOCK_SIZE, BlockList};
use atoll_abi::file::Kind;
use atoll_abi::interface::{Request as _, request};
use atoll_abi::syscall::{Status, Syscall};
use atoll_call::CallId;
use atoll_ext4::{MOST_WRITE, Operation, RunKind};

use super::FileService;
use super::calls::Served;
use super::jobs::{Begun, Job};
use super::operations::MAPPED;
use super::parked::{Parked, Stage};
use super::transfers::{pieces, transferring};
use crate::table::{File, FileKey, Use};

/// Who does a write.
enum WritePlan {
    /// The driver, in so many parts.
    Overwrite(u32),
    /// The file system.
    Change,
    /// The file system has to be asked first where the data is.
    Unknown,
}

/// Only whole blocks are written over. What is behind the end of a file in its last block has to stay zero, which the client's
/// block need not be there, and a part of a block is copied by the file system.
fn plan(file: &File, write: &request::Write, blocks: &BlockList) -> WritePlan {
    let whole = |at: u64| at.is_multiple_of(BLOCK_SIZE as u64);
    let end = write.offset.checked_add(write.length);
    let within = end.is_some_and(|end| end <= file.length && whole(end));
    if !within || !whole(write.offset) || write.length == 0 || !file.is_touched {
        return WritePlan::Change;
    }
    let Some(parts) = file.runs.parts(write.offset, write.length) else {
        return WritePlan::Unknown;
    };
    let mut count = 0;
    for part in parts {
        if part.kind == RunKind::Hole {
            return WritePlan::Change;
        }
        count += pieces(blocks, &part);
    }
    WritePlan::Overwrite(count)
}

impl FileService {
    #[inline(never)]
    pub(super) fn serve_write(
        &mut self,
        client: usize,
        write: request::Write,
        syscall: &Syscall,
    ) -> Result<Served, Status> {
        let blocks = BlockList::from_call(syscall)?;
        if write.length > blocks.bytes() as u64 {
            return Err(Status::InvalidArgument);
        }
        let key = self.opened(client, write.file)?;
        self.check_kind(key, Kind::File)?;
        self.check_readiness(true)?;
        let file = self.files.get(key).ok_or(Status::BadHandle)?;
        let (what, stage) = match plan(file, &write, &blocks) {
            WritePlan::Overwrite(parts) if !file.is_changing() => {
                (Use::Keeps, transferring(write.length as u32, parts))
            }
            // Where it turns out to change nothing, it is made a transfer when it is its turn.
            _ => (Use::Changes, Stage::Job),
        };
        let own = self.clients.get_mut(client).ok_or(Status::NotAllowed)?;
        own.blocks().take(&blocks)?;
        self.files.begin_call(key, what);
        Ok(Served::Parks(Parked {
            client,
            syscall: *syscall,
            blocks: Some(blocks),
            file: Some((key, what)),
            stage,
            is_mapped: false,
            done: 0,
            copied: 0,
        }))
    }

    /// It is the turn of a write that waited; `None` where the file system has to do it.
    pub(super) fn begin_write(&mut self, id: CallId, parked: &Parked) -> Option<Begun> {
        let (key, _) = parked.file?;
        let write = request::Write::decode(&parked.syscall).ok()?;
        let file = self.files.get(key)?;
        match plan(file, &write, &parked.blocks?) {
            WritePlan::Overwrite(parts) => {
                self.overwrite(id, key, transferring(write.length as u32, parts));
                Some(Begun::Ended)
            }
            WritePlan::Unknown if !parked.is_mapped => {
                let map = Operation::Map {
                    file: file.id,
                    offset: write.offset,
                    bytes: MAPPED,
                };
                Some(self.run(Some(id), Some((key, Use::Keeps)), map))
            }
            WritePlan::Unknown | WritePlan::Change => None,
        }
    }

    /// It is known now where the data is that a write may go over: it is the next job.
    pub(super) fn resume_write(&mut self, id: CallId) {
        if self.calls.ring_of(id).is_none() {
            self.end(id, Status::PeerLost, [0; 2], true);
        } else {
            self.jobs.push_front(Job::Call(id));
        }
    }

    /// The file system has done an operation of a write; whether it has to do another one.
    pub(super) fn goes_on(&mut self, id: CallId, write: &request::Write) -> bool {
        let is_wanted = self.calls.ring_of(id).is_some();
        let Some(parked) = self.calls.parked(id) else {
            return false;
        };
        let left = write.length.saturating_sub(parked.done.into());
        if left <= MOST_WRITE.into() || !is_wanted {
            return false;
        }
        parked.done += MOST_WRITE;
        self.jobs.push_front(Job::Call(id));
        true
    }

    /// Has the driver do a write that was to change its file.
    fn overwrite(&mut self, id: CallId, key: FileKey, stage: Stage) {
        if let Some(parked) = self.calls.parked(id) {
            parked.file = Some((key, Use::Keeps));
            parked.stage = stage;
            self.files.begin_call(key, Use::Keeps);
            self.end_use(key, Use::Changes);
            self.ask_for_parts(id);
        }
    }
}
