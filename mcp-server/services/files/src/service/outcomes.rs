//! What a call is answered when the file system has done its job.

use atoll_abi::block::{BLOCK_SIZE, Transferred};
use atoll_abi::file::ListHeader;
use atoll_abi::interface::FilesCall;
use atoll_abi::syscall::{Call, Status};
use atoll_call::{Actions, CallId};
use atoll_ext4::{Attributes, Operation, Outcome, Run};
use zerocopy::FromBytes;

use super::FileService;
use super::jobs::{Job, Running};
use super::operations::truncates;
use super::transfers::offset_of;
use crate::table::{FileKey, Use};

impl FileService {
    /// The file system has done its job.
    pub(super) fn finish(&mut self, result: Result<Outcome, Status>, actions: &mut impl Actions) {
        let Some(running) = self.running.take() else {
            return;
        };
        if let Some((key, Use::Changes)) = running.file
            && running.answer.is_none()
            && self.ask_what_it_is(&running, key, &result)
        {
            return;
        }
        let answer = match running.answer {
            Some(answer) => {
                self.update(&running, &result);
                answer.map(|()| Outcome::Done)
            }
            None => result,
        };
        match (answer, running.call) {
            (Ok(Outcome::Opened(attributes)), call) => self.opened_file(call, &attributes),
            (Ok(Outcome::Runs(runs)), Some(id)) => self.mapped(id, &running, &runs, actions),
            (Ok(outcome), Some(id)) => self.answer(id, &outcome, &running, actions),
            (Err(status), Some(id)) => self.end(id, status, [0; 2], true),
            (_, None) => {}
        }
        if let Some((file, what)) = running.file {
            self.end_use(file, what);
        }
    }

    /// A file has changed, or a part of the change was done: asks how long it is now. Whether it could be asked.
    fn ask_what_it_is(
        &mut self,
        running: &Running,
        key: FileKey,
        result: &Result<Outcome, Status>,
    ) -> bool {
        let Some(file) = self.files.get(key).map(|file| file.id) else {
            return false;
        };
        let is_asked = self.volume.submit(Operation::Stat { file }).is_ok();
        if is_asked {
            self.running = Some(Running {
                answer: Some(result.as_ref().map(|_| ()).map_err(|status| *status)),
                ..*running
            });
        }
        is_asked
    }

    fn update(&mut self, running: &Running, result: &Result<Outcome, Status>) {
        if let Ok(Outcome::Attributes(attributes)) = result
            && let Some((key, _)) = running.file
            && let Some(file) = self.files.get_mut(key)
        {
            file.update(attributes);
        }
    }

    /// The file system has opened something.
    fn opened_file(&mut self, call: Option<CallId>, attributes: &Attributes) {
        let known = self.files.find(attributes.file);
        if known.is_some() {
            // It is open already, and is to be open once.
            self.jobs.push_back(Job::Close(attributes.file));
        }
        let Some(key) = known.or_else(|| self.files.insert(attributes)) else {
            self.jobs.push_back(Job::Close(attributes.file));
            if let Some(id) = call {
                self.end(id, Status::Busy, [0; 2], true);
            }
            return;
        };
        // So that it is closed where no client gets a handle.
        self.files.begin_call(key, Use::Keeps);
        if let Some(id) = call
            && self.calls.ring_of(id).is_some()
            && let Some(parked) = self.calls.parked(id)
        {
            if truncates(parked) && attributes.size > 0 {
                parked.file = Some((key, Use::Changes));
                self.files.begin_call(key, Use::Changes);
                self.jobs.push_front(Job::Call(id));
            } else {
                self.give_handle(id, key);
            }
        } else if let Some(id) = call {
            self.end(id, Status::PeerLost, [0; 2], true);
        }
        self.end_use(key, Use::Keeps);
    }

    /// Answers an open.
    fn give_handle(&mut self, id: CallId, key: FileKey) {
        let Some(client) = self.calls.parked(id).map(|parked| parked.client) else {
            return;
        };
        // A ring that was lost meanwhile takes no handle with it.
        let is_wanted = self.calls.ring_of(id).is_some();
        let handle = match self.clients.get_mut(client) {
            Some(client) if is_wanted => client.state.open(key),
            _ => Err(Status::PeerLost),
        };
        match handle {
            Ok(handle) => {
                self.files.add_handle(key);
                let length = self.files.get(key).map_or(0, |file| file.length);
                let result = [u64::from(handle.to_raw()), length];
                self.end(id, Status::Done, result, true);
            }
            Err(status) => self.end(id, status, [0; 2], true),
        }
    }

    /// The file system has told where the data of a file is from the beginning of a read or a write on.
    fn mapped(&mut self, id: CallId, running: &Running, runs: &[Run], actions: &mut impl Actions) {
        let parked = self.calls.parked(id).copied();
        let offset = parked.and_then(|it| offset_of(&it.syscall));
        let (Some(parked), Some(offset), Some((key, _))) = (parked, offset, running.file) else {
            return;
        };
        if let Some(file) = self.files.get_mut(key) {
            file.runs.set(offset, runs);
        }
        if let Some(parked) = self.calls.parked(id) {
            parked.is_mapped = true;
        }
        if parked.syscall.call == Call::Write as u16 {
            self.resume_write(id);
        } else if !self.resume_read(id, key, actions) {
            // It holds less than the file is long.
            self.end(id, Status::Corrupt, [0; 2], true);
        }
    }

    /// Answers a call whose job needs nothing further.
    fn answer(
        &mut self,
        id: CallId,
        outcome: &Outcome,
        running: &Running,
        actions: &mut impl Actions,
    ) {
        let parked = self.calls.parked(id).copied();
        let call = parked.and_then(|it| FilesCall::decode(&it.syscall).ok());
        let result = match (call, outcome) {
            (Some(FilesCall::Open(_)), _) => {
                if let Some((key, _)) = running.file {
                    self.give_handle(id, key);
                }
                return;
            }
            (Some(FilesCall::Write(write)), _) => {
                let file = running.file.and_then(|(key, _)| self.files.get_mut(key));
                if let Some(file) = file.filter(|_| write.length > 0) {
                    file.is_touched = true;
                }
                if self.goes_on(id, &write) {
                    return;
                }
                Transferred {
                    bytes: write.length,
                    copied: parked.map_or(0, |it| it.copied.into()),
                }
                .to_raw()
            }
            (_, Outcome::Listed(listing)) => self.put_listing(id, listing, actions),
            (_, Outcome::Space(space)) => [space.blocks, space.free_blocks],
            _ => [0; 2],
        };
        self.end(id, Status::Done, result, true);
    }

    /// Writes a listing to the blocks of its call; the call's results.
    fn put_listing(&mut self, id: CallId, listing: &[u8], actions: &mut impl Actions) -> [u64; 2] {
        let Some(parked) = self.calls.parked(id).copied() else {
            return [0; 2];
        };
        let pool = self.pool_of(parked.client);
        let blocks = parked.blocks.iter();
        let pages = blocks.flat_map(|it| it.pages_in(0..it.pages()));
        for (index, bytes) in pages.zip(listing.chunks(BLOCK_SIZE)) {
            let mut block = [0; BLOCK_SIZE];
            for (to, from) in block.iter_mut().zip(bytes) {
                *to = *from;
            }
            actions.write_block(pool, index, &block);
        }
        let header = ListHeader::read_from_prefix(listing);
        let entries = header.map_or(0, |(header, _)| header.entries);
        [listing.len() as u64, entries.into()]
    }
}
