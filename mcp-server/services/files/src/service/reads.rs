//! Reads: once it is known where the data is, the driver transfers each part of it into the client's blocks, and holes are zeroed.

use atoll_abi::block::{BLOCK_SIZE, BlockList};
use atoll_abi::file::Kind;
use atoll_abi::interface::{Request as _, request};
use atoll_abi::syscall::{Status, Syscall};
use atoll_call::{Actions, CallId};
use atoll_ext4::RunKind;

use super::FileService;
use super::calls::Served;
use super::parked::{Parked, Stage};
use super::transfers::{pieces, transferring};
use crate::table::{File, FileKey, Use};

/// What a read has to do.
enum ReadPlan {
    /// Nothing: it ends at once with no bytes.
    Nothing,
    /// It is known where these bytes are.
    Known(u32),
    /// The file system has to be asked.
    Unknown,
}

/// A read ends early where its data is in more places than are remembered, which that of blocks of order 0 never is.
fn plan(file: &File, read: &request::Read, is_mapped: bool) -> ReadPlan {
    let bytes = read.length.min(file.length.saturating_sub(read.offset));
    if bytes == 0 {
        return ReadPlan::Nothing;
    }
    let known = file.runs.known(read.offset);
    let whole = known - known % BLOCK_SIZE as u64;
    match bytes {
        bytes if bytes <= known => ReadPlan::Known(bytes as u32),
        _ if is_mapped && whole > 0 => ReadPlan::Known(whole as u32),
        _ => ReadPlan::Unknown,
    }
}

impl FileService {
    #[inline(never)]
    pub(super) fn serve_read(
        &mut self,
        client: usize,
        read: request::Read,
        syscall: &Syscall,
        actions: &mut impl Actions,
    ) -> Result<Served, Status> {
        let blocks = BlockList::from_call(syscall)?;
        let key = self.opened(client, read.file)?;
        if read.length > blocks.bytes() as u64 || !read.offset.is_multiple_of(BLOCK_SIZE as u64) {
            return Err(Status::InvalidArgument);
        }
        self.check_kind(key, Kind::File)?;
        let file = self.files.get(key).ok_or(Status::BadHandle)?;
        let plan = match file.is_changing() {
            // The change comes first.
            true => ReadPlan::Unknown,
            false => plan(file, &read, false),
        };
        let own = self.clients.get_mut(client).ok_or(Status::NotAllowed)?;
        own.blocks().take(&blocks)?;
        let mut parked = Parked {
            client,
            syscall: *syscall,
            blocks: Some(blocks),
            file: Some((key, Use::Keeps)),
            stage: Stage::Job,
            is_mapped: false,
            done: 0,
            copied: 0,
        };
        self.files.begin_call(key, Use::Keeps);
        let served = match plan {
            ReadPlan::Nothing => Ok(Served::Answered([0; 2])),
            _ if self.driver.is_lost() => Err(Status::PeerLost),
            ReadPlan::Unknown => return Ok(Served::Parks(parked)),
            ReadPlan::Known(bytes) => {
                match self.begin_parts(&parked, read.offset, bytes, actions) {
                    0 => Ok(Served::Answered([u64::from(bytes), 0])),
                    parts => {
                        parked.stage = transferring(bytes, parts);
                        return Ok(Served::Parks(parked));
                    }
                }
            }
        };
        self.forget(&parked, true);
        served
    }

    /// Zeroes the blocks of a read that are holes. How many parts are left for the driver.
    fn begin_parts(
        &mut self,
        parked: &Parked,
        offset: u64,
        bytes: u32,
        actions: &mut impl Actions,
    ) -> u32 {
        let (Some((key, _)), Some(blocks)) = (parked.file, parked.blocks) else {
            return 0;
        };
        let pool = self.pool_of(parked.client);
        let mut parts = 0;
        let Some(file) = self.files.get(key) else {
            return 0;
        };
        for part in file.runs.parts(offset, bytes.into()).into_iter().flatten() {
            if part.kind != RunKind::Hole {
                parts += pieces(&blocks, &part);
                continue;
            }
            for block in blocks.pages_in(part.range()) {
                actions.write_block(pool, block, &[0; BLOCK_SIZE]);
            }
        }
        parts
    }

    /// A read that had to wait goes on; `false` where it is still not known where its data is.
    pub(super) fn resume_read(
        &mut self,
        id: CallId,
        key: FileKey,
        actions: &mut impl Actions,
    ) -> bool {
        let parked = self.calls.parked(id).copied();
        let read = parked.and_then(|it| request::Read::decode(&it.syscall).ok());
        let (Some(parked), Some(read), Some(file)) = (parked, read, self.files.get(key)) else {
            self.end(id, Status::BadHandle, [0; 2], true);
            return true;
        };
        match plan(file, &read, parked.is_mapped) {
            ReadPlan::Nothing => self.end(id, Status::Done, [0; 2], true),
            ReadPlan::Unknown => return false,
            ReadPlan::Known(bytes) => {
                match self.begin_parts(&parked, read.offset, bytes, actions) {
                    0 => self.end(id, Status::Done, [bytes.into(), 0], true),
                    parts => {
                        if let Some(parked) = self.calls.parked(id) {
                            parked.stage = transferring(bytes, parts);
                        }
                        self.ask_for_parts(id);
                    }
                }
            }
        }
        true
    }
}
