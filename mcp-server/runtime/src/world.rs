//! The seam between the runtime and what runs it: seL4, or threads of a host.
#![deny(unsafe_code)]

use alloc::vec::Vec;

use atoll_abi::process::ProcInfo;
use atoll_channel::Endpoint;

use crate::window::PoolMemory;

/// What a runtime needs of the world.
pub trait World: Sync {
    /// Wakes the server.
    fn ring_server(&self);

    /// Wakes a vcore that waits. Remembered where it does not wait.
    fn wake_vcore(&self, vcore: usize);

    /// Waits, on the calling vcore, until somebody wakes it. May return without reason.
    fn wait(&self, vcore: usize);

    /// A clock that runs evenly on each core, in ticks of any length.
    fn ticks(&self) -> u64;

    /// What the server tells the process, as it is now.
    fn procinfo(&self) -> ProcInfo;

    /// Ends the process without its server, which is gone: whoever supervises both is asked to. May return before the
    /// process has ended.
    fn exit_without_server(&self, vcore: usize, status: u64);
}

/// What a runtime is made of.
pub struct Parts {
    /// The world that runs it.
    pub world: &'static dyn World,
    /// One side of the channel to the server, for each vcore that the process may ever have.
    pub endpoints: Vec<Endpoint>,
    /// The process's pool of blocks.
    pub pool: PoolMemory,
    /// Generation of the process.
    pub generation: u32,
}
