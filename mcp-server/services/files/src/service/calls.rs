//! What each call does, as far as it can be done at once.

use atoll_abi::block::BlockList;
use atoll_abi::file::{Attributes, Kind, OpenFlags};
use atoll_abi::interface::{FilesCall, request};
use atoll_abi::syscall::{NO_BLOCK, Status, Syscall};
use atoll_call::Actions;

use super::FileService;
use super::jobs::Job;
use super::parked::{Parked, Stage};
use crate::table::{FileKey, Use};
use crate::volume::Readiness;

/// How a call goes on.
pub(super) enum Served {
    Answered([u64; 2]),
    /// It takes the file system or the driver. What it needs is its own already.
    Parks(Parked),
}

impl FileService {
    /// Serves a call of a client that was admitted.
    #[inline]
    pub(super) fn serve(
        &mut self,
        client: usize,
        syscall: &Syscall,
        actions: &mut impl Actions,
    ) -> Result<Served, Status> {
        match FilesCall::decode(syscall)? {
            FilesCall::Stat(stat) => {
                let key = self.opened(client, stat.file)?;
                let file = self.files.get(key).ok_or(Status::BadHandle)?;
                let attributes = Attributes {
                    length: file.length,
                    kind: file.kind,
                    modified: file.modified,
                };
                Ok(Served::Answered(attributes.to_raw()))
            }
            FilesCall::Close(close) => self.close(client, close),
            FilesCall::Read(read) => self.serve_read(client, read, syscall, actions),
            FilesCall::Write(write) => self.serve_write(client, write, syscall),
            other => self.serve_job(client, &other, syscall),
        }
    }

    /// What a handle of a client names.
    pub(super) fn opened(
        &mut self,
        client: usize,
        file: atoll_abi::handle::Handle,
    ) -> Result<FileKey, Status> {
        let client = self.clients.get_mut(client).ok_or(Status::NotAllowed)?;
        client.state.file(file)
    }

    // These do more than a look at a table. They are not inlined, so that what is only that is not slowed by them.

    #[inline(never)]
    fn close(&mut self, client: usize, close: request::Close) -> Result<Served, Status> {
        let client = self.clients.get_mut(client).ok_or(Status::NotAllowed)?;
        if cfg!(feature = "planted-read-for-close") {
            client.state.file(close.file)?;
            return Ok(Served::Answered([0; 2]));
        }
        let file = client.state.close(close.file)?;
        if let Some(unused) = self.files.remove_handle(file) {
            self.jobs.push_back(Job::Close(unused));
        }
        Ok(Served::Answered([0; 2]))
    }

    /// Parks a call that the file system has to do, with what it needs.
    #[inline(never)]
    fn serve_job(
        &mut self,
        client: usize,
        call: &FilesCall,
        syscall: &Syscall,
    ) -> Result<Served, Status> {
        let mut blocks = None;
        let mut file = None;
        let changes = match call {
            FilesCall::Open(open) => {
                self.check_room_for_handle(client)?;
                blocks = block_of_path(syscall)?;
                open.flags
                    .intersects(OpenFlags::CREATE | OpenFlags::TRUNCATE)
            }
            FilesCall::Remove(_) | FilesCall::MakeFolder(_) => {
                blocks = block_of_path(syscall)?;
                true
            }
            FilesCall::Rename(_) => {
                blocks = Some(BlockList::from_call(syscall)?);
                true
            }
            FilesCall::List(list) => {
                blocks = Some(BlockList::from_call(syscall)?);
                let folder = self.opened(client, list.folder)?;
                self.check_kind(folder, Kind::Folder)?;
                file = Some((folder, Use::Keeps));
                false
            }
            FilesCall::Truncate(truncate) => {
                let truncated = self.opened(client, truncate.file)?;
                self.check_kind(truncated, Kind::File)?;
                file = Some((truncated, Use::Changes));
                true
            }
            _ => false,
        };
        self.check_readiness(changes)?;
        if let Some(blocks) = &blocks {
            let client = self.clients.get_mut(client).ok_or(Status::NotAllowed)?;
            client.blocks().take(blocks)?;
        }
        if let Some((file, what)) = file {
            self.files.begin_call(file, what);
        }
        if let (FilesCall::Open(_), Some(client)) = (call, self.clients.get_mut(client)) {
            client.state.begin_open();
        }
        Ok(Served::Parks(Parked {
            client,
            syscall: *syscall,
            blocks,
            file,
            stage: Stage::Job,
            is_mapped: false,
            done: 0,
            copied: 0,
        }))
    }

    /// Whether the volume can be used, and be changed where the call does that.
    pub(super) fn check_readiness(&mut self, changes: bool) -> Result<(), Status> {
        match self.volume.readiness() {
            Readiness::Failed(status) => {
                // A device may err once.
                if status == Status::DeviceError && !self.driver.is_lost() {
                    self.load();
                }
                Err(status)
            }
            Readiness::Ready { read_only: true } if changes => Err(Status::ReadOnly),
            _ if self.driver.is_lost() => Err(Status::PeerLost),
            _ => Ok(()),
        }
    }

    /// Handles are for the asking only as far as there are places: an open that could get none would keep others waiting.
    fn check_room_for_handle(&mut self, client: usize) -> Result<(), Status> {
        let client = self.clients.get_mut(client).ok_or(Status::NotAllowed)?;
        match client.state.has_room() {
            true => Ok(()),
            false => Err(Status::Busy),
        }
    }

    pub(super) fn check_kind(&self, file: FileKey, wanted: Kind) -> Result<(), Status> {
        let file = self.files.get(file).ok_or(Status::BadHandle)?;
        match (file.kind, wanted) {
            (kind, wanted) if kind == wanted => Ok(()),
            (Kind::Folder, _) => Err(Status::IsAFolder),
            (_, Kind::Folder) => Err(Status::NotAFolder),
            _ => Err(Status::Unsupported),
        }
    }
}

/// The block that the path of a call is in; `None` where it is in the message.
fn block_of_path(syscall: &Syscall) -> Result<Option<BlockList>, Status> {
    if syscall.block == NO_BLOCK {
        return Ok(None);
    }
    let blocks = BlockList::from_call(syscall)?;
    match blocks.as_slice() {
        [_] => Ok(Some(blocks)),
        _ => Err(Status::InvalidArgument),
    }
}
