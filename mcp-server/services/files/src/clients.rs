//! What each client has open.

use alloc::vec::Vec;

use atoll_abi::handle::Handle;
use atoll_abi::syscall::Status;
use atoll_call::Handles;
use atoll_driver_client::ClientState;

use crate::table::FileKey;

/// Files and folders that one client may have open.
pub const FILES_PER_CLIENT: usize = 16;

/// The files that a client has open.
pub(crate) struct OpenFiles {
    handles: Handles<FileKey, FILES_PER_CLIENT>,
    /// Calls under way that are to get a handle.
    opening: usize,
    /// What was open in a life that is over, which the service has to close.
    left: Vec<FileKey>,
}

impl ClientState for OpenFiles {
    fn new(life: u32) -> OpenFiles {
        OpenFiles {
            handles: Handles::new(life),
            opening: 0,
            left: Vec::new(),
        }
    }

    fn begin(&mut self, life: u32) {
        self.end();
        self.handles = Handles::new(life);
    }

    fn end(&mut self) {
        self.left.extend(self.handles.values());
        // A handle from before must not become valid again.
        self.handles.clear();
    }
}

impl OpenFiles {
    /// Whether there is a place for one more handle than the client has and has asked for.
    pub(crate) fn has_room(&self) -> bool {
        self.handles.count() + self.opening < FILES_PER_CLIENT
    }

    /// A call is under way that is to get a handle.
    pub(crate) fn begin_open(&mut self) {
        self.opening += 1;
    }

    /// That call has ended.
    pub(crate) fn end_open(&mut self) {
        self.opening = self.opening.saturating_sub(1);
    }

    pub(crate) fn open(&mut self, file: FileKey) -> Result<Handle, Status> {
        self.handles.insert(file).ok_or(Status::Busy)
    }

    #[inline]
    pub(crate) fn file(&self, handle: Handle) -> Result<FileKey, Status> {
        self.handles.get(handle).ok_or(Status::BadHandle)
    }

    pub(crate) fn close(&mut self, handle: Handle) -> Result<FileKey, Status> {
        self.handles.remove(handle).ok_or(Status::BadHandle)
    }

    /// Takes one of what was open in a life that is over.
    #[inline]
    pub(crate) fn take_left(&mut self) -> Option<FileKey> {
        self.left.pop()
    }

    pub(crate) fn count(&self) -> usize {
        self.handles.count()
    }
}

#[cfg(test)]
mod tests {
    use atoll_abi::layout::{LEAST_SERVICE_HEAP, MAX_POOL_BLOCKS};
    use atoll_abi::plan::MAX_SERVICE_CLIENTS;
    use atoll_driver_client::Client;

    use super::*;

    #[test]
    fn the_tables_of_all_clients_leave_half_of_the_least_heap() {
        let blocks = MAX_POOL_BLOCKS / u64::BITS as usize * size_of::<u64>();
        let bytes = MAX_SERVICE_CLIENTS * (size_of::<Client<OpenFiles>>() + blocks);
        assert!(bytes <= LEAST_SERVICE_HEAP / 2, "{bytes}");
    }
}
