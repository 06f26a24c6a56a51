//! The seam between the runtime and what runs it: seL4, threads of a host, or a simulator.
#![deny(unsafe_code)]

use alloc::vec::Vec;

use atoll_abi::frame::FrameState;
use atoll_abi::name::Name;
use atoll_abi::plan::ServiceKind;
use atoll_abi::process::ProcInfo;
use atoll_abi::syscall::Route;
use atoll_channel::Endpoint;

use crate::window::{FrameMemory, PoolMemory};

/// What a runtime needs of the world.
pub trait World: Sync {
    /// Wakes the server.
    fn ring_server(&self);

    /// Wakes the service of a port, because a vcore has sent something on its channel to it.
    fn ring_port(&self, port: usize, vcore: usize);

    /// Wakes a vcore that waits. Remembered where it does not wait.
    fn wake_vcore(&self, vcore: usize);

    /// Waits, on the calling vcore, until it is woken. May return without reason.
    fn wait(&self, vcore: usize);

    /// A clock that runs evenly on each core. The clocks of two cores may show different times.
    fn ticks(&self) -> u64;

    /// Ticks of the clock in a microsecond.
    fn ticks_per_microsecond(&self) -> u64;

    /// What the server tells the process, as it is now.
    fn procinfo(&self) -> ProcInfo;

    /// Bitmap of the vcores that are granted now: of [`World::procinfo`], which is dearer to read as a whole.
    fn granted(&self) -> u64 {
        self.procinfo().granted
    }

    /// Bitmap of the vcores whose alarm has not rung: of [`World::procinfo`], as for [`World::granted`].
    fn alarms(&self) -> u64 {
        self.procinfo().alarms
    }

    /// Who has a frame of the cluster, as the server tells it now: all of it of one moment.
    fn frame(&self, _number: usize) -> FrameState {
        FrameState::default()
    }

    /// Asks the root task to end the process, whose server is gone. May return before the process has ended.
    fn exit_without_server(&self, vcore: usize, status: u64);
}

/// What a runtime is made of.
pub struct Parts {
    /// The world that runs it.
    pub world: &'static dyn World,
    /// One side of the channel to the server, for each vcore that the process may ever have.
    pub endpoints: Vec<Endpoint>,
    /// The services that the process may use, by port.
    pub ports: Vec<PortParts>,
    /// The process's pool of blocks.
    pub pool: PoolMemory,
    /// The frames of its cluster, where the process has those that it holds.
    pub frames: FrameMemory,
    /// Generation of the process.
    pub generation: u32,
}

/// A port: a service that the process may use.
pub struct PortParts {
    /// The service's name.
    pub service: Name,
    /// Its kind; `None` where the runtime knows no such kind.
    pub kind: Option<ServiceKind>,
    /// Whether it runs on the same kernel instance.
    pub route: Route,
    /// The client's side of the channel, for each vcore.
    pub endpoints: Vec<Endpoint>,
}
