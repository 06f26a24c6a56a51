//! What each client has open.

use atoll_abi::handle::Handle;
use atoll_abi::syscall::Status;
use atoll_abi::volume::VolumeFile;
use atoll_call::Handles;
use atoll_disk_client::ClientState;

/// Files that one client may have open.
pub const FILES_PER_CLIENT: usize = 16;

/// The files that a client has open.
pub(crate) struct OpenFiles(Handles<VolumeFile, FILES_PER_CLIENT>);

impl ClientState for OpenFiles {
    fn new(life: u32) -> OpenFiles {
        OpenFiles(Handles::new(life))
    }

    fn end(&mut self) {
        // A handle from before must not become valid again.
        self.0.clear();
    }
}

impl OpenFiles {
    pub(crate) fn open(&mut self, file: VolumeFile) -> Result<Handle, Status> {
        self.0.insert(file).ok_or(Status::Busy)
    }

    #[inline]
    pub(crate) fn file(&self, handle: Handle) -> Result<VolumeFile, Status> {
        self.0.get(handle).ok_or(Status::BadHandle)
    }

    pub(crate) fn close(&mut self, handle: Handle) -> Result<VolumeFile, Status> {
        self.0.remove(handle).ok_or(Status::BadHandle)
    }

    pub(crate) fn count(&self) -> usize {
        self.0.count()
    }
}

#[cfg(test)]
mod tests {
    use atoll_abi::layout::{LEAST_SERVICE_HEAP, MAX_POOL_BLOCKS};
    use atoll_abi::plan::MAX_SERVICE_CLIENTS;
    use atoll_disk_client::Client;

    use super::*;

    #[test]
    fn the_tables_of_all_clients_leave_half_of_the_least_heap() {
        let blocks = MAX_POOL_BLOCKS / u64::BITS as usize * size_of::<u64>();
        let bytes = MAX_SERVICE_CLIENTS * (size_of::<Client<OpenFiles>>() + blocks);
        assert!(bytes <= LEAST_SERVICE_HEAP / 2, "{bytes}");
    }
}
