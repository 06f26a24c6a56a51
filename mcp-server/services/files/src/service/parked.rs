//! Calls that could not be answered at once.

use atoll_abi::block::BlockList;
use atoll_abi::syscall::{Call, Status, Syscall};
use atoll_call::CallId;

use super::FileService;
use super::jobs::Job;
use crate::table::{FileKey, Use};

/// What the service keeps of a call that is under way. It holds its blocks, and the file that it is about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parked {
    pub(super) client: usize,
    pub(super) syscall: Syscall,
    pub(super) blocks: Option<BlockList>,
    pub(super) file: Option<(FileKey, Use)>,
    pub(super) stage: Stage,
    /// The file system has been asked where the data is that the call is about.
    pub(super) is_mapped: bool,
    /// Bytes that the file system has written, of a write that takes it several operations.
    pub(super) done: u32,
    /// Bytes that were copied from its blocks.
    pub(super) copied: u32,
}

/// How far it is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stage {
    /// It waits for the file system, or this does it.
    Job,
    /// All that is left are transfers of the driver.
    Transferring(Transfer),
}

/// A read or a write whose parts the driver has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Transfer {
    /// Bytes of the file that it reads or writes.
    pub(super) bytes: u32,
    /// Parts that are not answered.
    pub(super) parts: u32,
    /// Why the first part failed that did.
    pub(super) failure: Option<Status>,
    /// No device uses the blocks any more of parts that are answered.
    pub(super) returned: bool,
}

impl FileService {
    /// Parks a call, and begins it.
    ///
    /// # Errors
    /// [`Status::Busy`] where there are more calls under way than places.
    #[inline(never)]
    pub(super) fn park(
        &mut self,
        ring: usize,
        syscall: &Syscall,
        parked: &Parked,
    ) -> Result<(), Status> {
        match self.calls.park(ring, syscall, *parked) {
            Some(id) => {
                self.begin(id);
                Ok(())
            }
            None => {
                self.forget(parked, true);
                Err(Status::Busy)
            }
        }
    }

    /// Begins a call that was parked.
    fn begin(&mut self, id: CallId) {
        let parked = self.calls.parked(id).copied();
        match parked.map(|it| it.stage) {
            Some(Stage::Job) => self.jobs.push_back(Job::Call(id)),
            Some(Stage::Transferring(_)) => self.ask_for_parts(id),
            None => {}
        }
    }

    /// Ends a parked call. Blocks that the driver may still use stay taken for good.
    pub(super) fn end(&mut self, id: CallId, status: Status, result: [u64; 2], returned: bool) {
        if let Some(parked) = self.calls.answer(id, status, result, returned) {
            self.forget(&parked, returned);
        }
    }

    /// What a call held is free, or only the file where a device may still use its blocks.
    pub(super) fn forget(&mut self, parked: &Parked, returned: bool) {
        if returned
            && let Some(blocks) = &parked.blocks
            && let Some(client) = self.clients.get_mut(parked.client)
        {
            client.blocks().give_back(blocks);
        }
        if let Some((file, what)) = parked.file {
            self.end_use(file, what);
        }
        if parked.syscall.call == Call::Open as u16
            && let Some(client) = self.clients.get_mut(parked.client)
        {
            client.state.end_open();
        }
    }

    /// A use of a file has ended; where that was the last one, the file is closed.
    pub(super) fn end_use(&mut self, file: FileKey, what: Use) {
        if let Some(unused) = self.files.end_call(file, what) {
            self.jobs.push_back(Job::Close(unused));
        }
    }

    /// Closes what a client had open in a life that is over.
    #[inline]
    pub(super) fn close_what_is_left(&mut self, client: usize) {
        while let Some(file) = self
            .clients
            .get_mut(client)
            .and_then(|client| client.state.take_left())
        {
            if let Some(unused) = self.files.remove_handle(file) {
                self.jobs.push_back(Job::Close(unused));
            }
        }
    }
}
