//! The clients: what each has open, and which of its blocks are being read into.

use alloc::boxed::Box;

use atoll_abi::connection::{Client as Side, Provider};
use atoll_abi::handle::Handle;
use atoll_abi::plan::Plan;
use atoll_abi::syscall::Status;
use atoll_abi::volume::VolumeFile;
use atoll_call::{BlockTable, Handles};

/// Files that one client may have open.
pub const FILES_PER_CLIENT: usize = 16;

/// A client: a process, in one of its lives.
pub(crate) struct Client {
    /// Generation of the process, as its calls say; 0 before the first one.
    generation: u32,
    open: Handles<VolumeFile, FILES_PER_CLIENT>,
    /// Its rings that are not lost.
    rings: usize,
    pool: u32,
    /// Into which blocks of its pool the device may write.
    blocks: BlockTable,
}

impl Client {
    fn new(pool: u32, blocks: u32) -> Client {
        Client {
            generation: 0,
            open: Handles::new(0),
            rings: 0,
            pool,
            blocks: BlockTable::new(blocks),
        }
    }

    /// The pool that its blocks are in.
    pub(crate) fn pool(&self) -> u32 {
        self.pool
    }

    /// Whether calls of a generation are its own. Those of a later life begin it: what the life before had open is closed.
    /// `channel` is the generation of the ring that the call came by, which also grows when this service starts again, so
    /// that handles of before are not valid.
    #[inline]
    pub(crate) fn admits(&mut self, generation: u32, channel: u32) -> bool {
        if generation > self.generation {
            self.generation = generation;
            self.open = Handles::new(generation.wrapping_add(channel));
        }
        generation == self.generation
    }

    /// One of its rings is used from now on.
    pub(crate) fn on_ring_connected(&mut self) {
        self.rings += 1;
    }

    /// One of its rings is lost. With the last one goes all that it has open: while there is another one, that may be of its
    /// next life, which has opened files already.
    pub(crate) fn on_ring_lost(&mut self) {
        self.rings = self.rings.saturating_sub(1);
        if self.rings == 0 {
            // A handle from before must not become valid again.
            self.open.clear();
            // What the calls of its next life say counts, whatever those of this one said.
            self.generation = 0;
        }
    }

    pub(crate) fn open(&mut self, file: VolumeFile) -> Result<Handle, Status> {
        self.open.insert(file).ok_or(Status::Busy)
    }

    #[inline]
    pub(crate) fn file(&self, handle: Handle) -> Result<VolumeFile, Status> {
        self.open.get(handle).ok_or(Status::BadHandle)
    }

    pub(crate) fn close(&mut self, handle: Handle) -> Result<VolumeFile, Status> {
        self.open.remove(handle).ok_or(Status::BadHandle)
    }

    pub(crate) fn open_files(&self) -> usize {
        self.open.count()
    }

    /// Which of its blocks calls have.
    pub(crate) fn blocks(&mut self) -> &mut BlockTable {
        &mut self.blocks
    }

    pub(crate) fn blocks_in_use(&self) -> usize {
        self.blocks.taken()
    }
}

/// The clients that the plan gives a service, with, for each ring in order, whose it is.
pub(crate) fn clients_of(plan: &Plan, service: usize) -> (Box<[Client]>, Box<[usize]>) {
    let mut processes = alloc::vec::Vec::new();
    let mut owners = alloc::vec::Vec::new();
    for connection in plan.clients_of(Provider::Service(service)) {
        let Side::Vcore { process, .. } = connection.client else {
            continue;
        };
        let known = processes.iter().position(|known| *known == process);
        owners.push(known.unwrap_or(processes.len()));
        if known.is_none() {
            processes.push(process);
        }
    }
    let client = |process: usize| {
        let pool = plan.processes().get(process).map_or(0, |it| it.pool);
        let blocks = plan.pools().get(pool as usize).map_or(0, |it| it.blocks);
        Client::new(pool, blocks)
    };
    let mut clients: Box<[Client]> = processes.into_iter().map(client).collect();
    for owner in &owners {
        if let Some(client) = clients.get_mut(*owner) {
            client.on_ring_connected();
        }
    }
    (clients, owners.into_boxed_slice())
}

#[cfg(test)]
mod tests {
    use atoll_abi::layout::{COMPONENT_HEAP_SIZE, MAX_POOL_BLOCKS};
    use atoll_abi::plan::MAX_SERVICE_CLIENTS;

    use super::*;

    #[test]
    fn the_tables_of_all_clients_leave_half_of_the_heap() {
        let blocks = MAX_POOL_BLOCKS / u64::BITS as usize * size_of::<u64>();
        let bytes = MAX_SERVICE_CLIENTS * (size_of::<Client>() + blocks);
        assert!(bytes <= COMPONENT_HEAP_SIZE / 2, "{bytes}");
    }
}
