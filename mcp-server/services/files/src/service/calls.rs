//! What each call does, as far as it can be done at once.

use atoll_abi::block::BlockList;
use atoll_abi::interface::{FilesCall, request};
use atoll_abi::syscall::{Status, Syscall};

use super::FileService;
use crate::volume::ReadPlan;

/// How a call goes on.
pub(super) enum Progress {
    Answered([u64; 2]),
    /// It waits for the volume.
    Waits,
    /// The driver is asked for these sectors, into these blocks, of which so many bytes are the file's.
    Reads(request::ReadSectors, BlockList, u32),
}

impl FileService {
    /// Serves a call of a client that was admitted.
    #[inline]
    pub(super) fn serve(&mut self, client: usize, syscall: &Syscall) -> Result<Progress, Status> {
        let call = FilesCall::decode(syscall)?;
        if self.volume.is_loading() {
            return Ok(Progress::Waits);
        }
        match call {
            FilesCall::Stat(stat) => {
                let client = self.clients.get_mut(client).ok_or(Status::NotAllowed)?;
                Ok(Progress::Answered([
                    client.state.file(stat.file)?.length,
                    0,
                ]))
            }
            FilesCall::Open(open) => self.open(client, open),
            FilesCall::Close(close) => self.close(client, close),
            FilesCall::Read(read) => self.begin_read(client, read, syscall),
        }
    }

    // These do more than a look at a table. They are not inlined, so that what is only that is not slowed by them.

    #[inline(never)]
    fn open(&mut self, client: usize, open: request::Open) -> Result<Progress, Status> {
        let client = self.clients.get_mut(client).ok_or(Status::NotAllowed)?;
        let file = self.volume.find(open.name)?;
        let handle = client.state.open(file)?;
        Ok(Progress::Answered([
            u64::from(handle.to_raw()),
            file.length,
        ]))
    }

    #[inline(never)]
    fn close(&mut self, client: usize, close: request::Close) -> Result<Progress, Status> {
        let client = self.clients.get_mut(client).ok_or(Status::NotAllowed)?;
        if cfg!(feature = "planted-read-for-close") {
            client.state.file(close.file)?;
        } else {
            client.state.close(close.file)?;
        }
        Ok(Progress::Answered([0; 2]))
    }

    #[inline(never)]
    fn begin_read(
        &mut self,
        client: usize,
        read: request::Read,
        syscall: &Syscall,
    ) -> Result<Progress, Status> {
        let blocks = BlockList::from_call(syscall)?;
        let client = self.clients.get_mut(client).ok_or(Status::NotAllowed)?;
        let file = client.state.file(read.file)?;
        if read.length > blocks.bytes() as u64 {
            return Err(Status::InvalidArgument);
        }
        let plan = self.volume.read_plan(&file, read.offset, read.length)?;
        client.blocks().take(&blocks)?;
        let progress = match plan {
            ReadPlan::Nothing => Ok(Progress::Answered([0; 2])),
            ReadPlan::Transfer { .. } if self.driver.is_lost() => Err(Status::PeerLost),
            ReadPlan::Transfer {
                sector,
                sectors,
                bytes,
            } => {
                let pool = client.pool();
                let sectors = request::ReadSectors {
                    sector,
                    sectors,
                    pool,
                };
                return Ok(Progress::Reads(sectors, blocks, bytes));
            }
        };
        client.blocks().give_back(&blocks);
        progress
    }
}
