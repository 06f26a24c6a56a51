//! What a server tells a process, and how a thread is entered.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::connection::CONNECTION_WORDS;
use crate::frame::FrameState;
use crate::layout::MAX_VCORES;
use crate::name::Name;
use crate::plan::{MAX_CLUSTER_FRAMES, MAX_SERVICES};

/// First word of a [`ProcInfo`]: "PROCINFO" in little-endian order.
pub const PROCINFO_MAGIC: u64 = u64::from_le_bytes(*b"PROCINFO");

/// Names one life of a process: a process that was started again is another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProcessId {
    /// Its index among the plan's processes.
    pub index: u16,
    /// Its generation, from 1 on.
    pub generation: u32,
}

/// Exit status of a process that was ended because a vcore of it took a fault (as a shell shows a segmentation fault).
pub const FAULTED: u64 = 139;

/// Exit status of a process that panicked (as a Rust program's is).
pub const PANICKED: u64 = 101;

/// Exit status of a process that was ended because it broke the protocol of its rings.
pub const BROKE_PROTOCOL: u64 = u64::MAX;

/// Whether a process ended by a fault of its own.
pub const fn is_failure(status: u64) -> bool {
    matches!(status, FAULTED | PANICKED | BROKE_PROTOCOL)
}

/// The read-only page that the server shares with a process.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct ProcInfo {
    /// [`PROCINFO_MAGIC`].
    pub magic: u64,
    /// [`crate::ABI_VERSION`].
    pub version: u32,
    /// Generation of the process; 0 where it has ended.
    pub generation: u32,
    /// Index of the process among the plan's processes.
    pub process: u32,
    /// Index of the process's cluster.
    pub cluster: u32,
    /// Vcores that the process may ever have.
    pub max_vcores: u32,
    /// Blocks of its pool.
    pub pool_blocks: u32,
    /// Bytes of its heap.
    pub heap_size: u64,
    /// Bitmap of the vcores that are granted now.
    pub granted: u64,
    /// The process's name.
    pub name: Name,
    /// Physical core (APIC identifier) of each vcore.
    pub cores: [u32; MAX_VCORES],
    /// Ticks of the processor's time stamp counter in a microsecond, as the kernel measured them.
    pub ticks_per_microsecond: u64,
    /// Microseconds since 1970 (UTC) at the moment at which that counter would have been 0, to a second; 0 where the machine does not know.
    /// See [`crate::boot::Calendar`].
    pub epoch: u64,
    /// The services that the process may use, by port; those from [`ProcInfo::port_count`] on are empty.
    pub ports: [Port; MAX_SERVICES],
    /// How many of them there are.
    pub port_count: u32,
    /// 1 where the process has become a many-core process.
    pub many_core: u32,
    /// Bitmap of the connections whose telemetry the process can read at [`crate::layout::telemetry`]: see
    /// [`crate::plan::Plan::watched_by`].
    pub watched: [u64; CONNECTION_WORDS],
    /// Uthreads that the process may have at a time, beside the first: so many stacks are mapped for them.
    pub uthreads: u32,
    /// 1 where the server of the process's cluster stays down: it is not started again.
    pub server_down: u32,
    /// Generation of the last life that cannot go on: its server ends it. 0 where there was none.
    pub condemned: u32,
    /// The process's number among those of its cluster.
    pub number: u32,
    /// Bitmap of the vcores that were ever granted.
    pub started: u64,
    /// Bitmap of the vcores that the next life of the server has to start: they gave themselves back until an alarm, which is
    /// lost with the server, or the server is just starting or stopping them.
    pub resumes: u64,
    /// Bitmap of the vcores whose alarm is set and has not rung. What it says of a vcore counts from the answer to the call that
    /// set the alarm on.
    pub alarms: u64,
    /// Number of the first frame of which the process is the home, among those of its cluster.
    pub first_frame: u32,
    /// How many these are.
    pub frames: u32,
    /// 1 where the process is an observer: the plan is mapped in it.
    pub observer: u32,
    /// Bytes of the window of each vcore's timeline: see [`crate::timeline`]. 0 where there is none.
    pub timeline_size: u32,
    /// The number of vcore 0 among the vcores of its cluster's processes.
    pub first_vcore: u32,
    /// Zero.
    pub padding: u32,
}

impl ProcInfo {
    /// Whether the process may read the plan.
    pub fn is_observer(&self) -> bool {
        self.observer != 0
    }
}

/// The page of a cluster on which its server tells all its processes the same, and its root task tells the server where to
/// look.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct ServerInfo {
    /// How often the server has entered the kernel since it began to serve.
    pub kernel_entries: u64,
    /// How often the server was interrupted since it began to serve.
    pub interrupts: u64,
    /// How often the root task has written into the [`ProcInfo`] of a process of the cluster what the server is to do about it.
    pub notices: u64,
    /// Who has the frames of the cluster, by number.
    pub frames: [FrameState; MAX_CLUSTER_FRAMES],
}

/// A connection of a process to a service: one window for each vcore.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Port {
    /// The service's name.
    pub service: Name,
    /// A [`crate::plan::ServiceKind`].
    pub kind: u32,
    /// A [`crate::syscall::Route`]: whether the service runs on the same kernel instance.
    pub route: u32,
    /// Number of the connection of vcore 0; those of the other vcores follow.
    pub first_connection: u32,
    /// Zero.
    pub padding: u32,
}

const _: () = assert!(size_of::<ProcInfo>() <= crate::layout::PAGE_SIZE);
const _: () = assert!(size_of::<ServerInfo>() <= crate::layout::PAGE_SIZE);
