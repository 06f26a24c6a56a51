//! The calls that wait: for the volume, or for the driver.

use atoll_abi::block::BlockList;
use atoll_abi::interface::Request as _;
use atoll_abi::syscall::{Status, Syscall};
use atoll_call::{Answer, CallId, ServiceEnd};
use atoll_disk_client::Clients;

use super::calls::Progress;
use super::{FileService, Reader};
use crate::clients::OpenFiles;

/// A call that could not be answered at once.
#[derive(Clone, Copy)]
pub(super) struct Parked {
    pub(super) client: usize,
    pub(super) syscall: Syscall,
    pub(super) stage: Stage,
}

#[derive(Clone, Copy)]
pub(super) enum Stage {
    /// It waits for the volume's header.
    ForVolume,
    /// The driver reads this many bytes into these blocks, or will.
    Reading { blocks: BlockList, bytes: u32 },
}

impl FileService {
    /// Serves the calls that waited for the volume.
    pub(super) fn serve_waiting(&mut self) {
        while let Some(id) = self.waiting.pop_front() {
            let Some(Parked {
                client, syscall, ..
            }) = self.calls.parked(id).copied()
            else {
                continue;
            };
            match self.serve(client, &syscall) {
                Ok(progress) => self.proceed(id, progress),
                Err(status) => self.end(id, status, [0; 2], status != Status::BadBlock),
            }
        }
    }

    /// Puts a parked call where it waits.
    pub(super) fn proceed(&mut self, id: CallId, progress: Progress) {
        match progress {
            Progress::Answered(result) => self.end(id, Status::Done, result, true),
            Progress::Waits => self.waiting.push_back(id),
            Progress::Reads(sectors, blocks, bytes) => {
                if let Some(parked) = self.calls.parked(id) {
                    parked.stage = Stage::Reading { blocks, bytes };
                }
                let syscall = blocks.into_call(sectors.encode());
                self.driver.ask(Reader::Call(id), syscall);
            }
        }
    }

    /// Ends a read that the driver has answered.
    pub(super) fn read(&mut self, id: CallId, answer: Answer) {
        let Some(Parked {
            stage: Stage::Reading { bytes, .. },
            ..
        }) = self.calls.parked(id).copied()
        else {
            return;
        };
        let result = match answer.status {
            Status::Done => [u64::from(bytes), 0],
            _ => [0; 2],
        };
        self.end(id, answer.status, result, answer.block_returned);
    }

    /// Ends a parked call. A block that the driver may still write stays marked for good.
    pub(super) fn end(
        &mut self,
        id: CallId,
        status: Status,
        result: [u64; 2],
        block_returned: bool,
    ) {
        let (calls, clients) = (&mut self.calls, &mut self.clients);
        end(calls, clients, id, status, result, block_returned);
    }
}

pub(super) fn end(
    calls: &mut ServiceEnd<Parked>,
    clients: &mut Clients<OpenFiles>,
    id: CallId,
    status: Status,
    result: [u64; 2],
    block_returned: bool,
) {
    let Some(parked) = calls.answer(id, status, result, block_returned) else {
        return;
    };
    if let Stage::Reading { blocks, .. } = &parked.stage
        && block_returned
        && let Some(client) = clients.get_mut(parked.client)
    {
        client.blocks().give_back(blocks);
    }
}
