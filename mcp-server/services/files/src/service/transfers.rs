//! Transfers of a file's data that the driver makes straight between the disk and the client's blocks: of reads, and of writes over
//! data that the file has. Any number of them is under way at once, in no order.

use atoll_abi::block::{BlockList, SECTORS_PER_BLOCK};
use atoll_abi::interface::{Request as _, request};
use atoll_abi::syscall::{Call, Status, Syscall};
use atoll_call::{Answer, CallId};
use atoll_ext4::RunKind;

use super::parked::{Stage, Transfer};
use super::{FileService, For};
use crate::runs::Part;

/// Where in its file a read or a write begins, in bytes.
pub(super) fn offset_of(syscall: &Syscall) -> Option<u64> {
    if writes(syscall) {
        let write = request::Write::decode(syscall);
        return write.ok().map(|write| write.offset);
    }
    let read = request::Read::decode(syscall);
    read.ok().map(|read| read.offset)
}

fn writes(syscall: &Syscall) -> bool {
    syscall.call == Call::Write as u16
}

/// Calls to the driver that a part takes: one, but for a large block that is in it only in part.
pub(super) fn pieces(blocks: &BlockList, part: &Part) -> u32 {
    match blocks.order() {
        0 => 1,
        _ => blocks.pieces(part.range()).count() as u32,
    }
}

/// All that is left of a call are transfers of these parts, of so many bytes together.
pub(super) fn transferring(bytes: u32, parts: u32) -> Stage {
    Stage::Transferring(Transfer {
        bytes,
        parts,
        failure: None,
        returned: true,
    })
}

impl FileService {
    /// Has the driver transfer the parts of a call that are data.
    pub(super) fn ask_for_parts(&mut self, id: CallId) {
        let Some(parked) = self.calls.parked(id).copied() else {
            return;
        };
        let (Stage::Transferring(Transfer { bytes, .. }), Some((key, _)), Some(blocks)) =
            (parked.stage, parked.file, parked.blocks)
        else {
            return;
        };
        let pool = self.pool_of(parked.client);
        let offset = offset_of(&parked.syscall).unwrap_or(0);
        let Some(file) = self.files.get_mut(key) else {
            return;
        };
        for part in file.runs.parts(offset, bytes.into()).into_iter().flatten() {
            let RunKind::Data { mut sector } = part.kind else {
                continue;
            };
            for list in blocks.pieces(part.range()) {
                let sectors = (list.pages() as u64 * SECTORS_PER_BLOCK) as u32;
                let call = match writes(&parked.syscall) {
                    true => request::WriteSectors {
                        sector,
                        sectors,
                        pool,
                    }
                    .encode(),
                    false => request::ReadSectors {
                        sector,
                        sectors,
                        pool,
                    }
                    .encode(),
                };
                self.driver.ask(For::Call(id), list.into_call(call));
                file.transfers += 1;
                sector += u64::from(sectors);
            }
        }
    }

    /// The pool of a client.
    pub(super) fn pool_of(&mut self, client: usize) -> u32 {
        self.clients.get_mut(client).map_or(0, |it| it.pool())
    }

    /// The driver has answered a part of a call.
    pub(super) fn end_part(&mut self, id: CallId, answer: &Answer) {
        let Some(parked) = self.calls.parked(id) else {
            return;
        };
        let file = parked.file;
        let Stage::Transferring(transfer) = &mut parked.stage else {
            return;
        };
        transfer.parts = transfer.parts.saturating_sub(1);
        transfer.returned &= answer.block_returned;
        if answer.status != Status::Done {
            transfer.failure.get_or_insert(answer.status);
        }
        let Transfer {
            bytes,
            parts,
            failure,
            returned,
        } = *transfer;
        if let Some((key, _)) = file
            && let Some(file) = self.files.get_mut(key)
        {
            file.transfers = file.transfers.saturating_sub(1);
        }
        match failure {
            _ if parts > 0 => {}
            None => self.end(id, Status::Done, [bytes.into(), 0], returned),
            Some(status) => self.end(id, status, [0; 2], returned),
        }
    }
}
