//! The seam between the runtime and what runs it: seL4, or threads of a host.
#![deny(unsafe_code)]

use alloc::vec::Vec;

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
