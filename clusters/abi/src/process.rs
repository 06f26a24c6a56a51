//! What a server tells a process, and how a thread is entered.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::layout::MAX_VCORES;
use crate::name::Name;

/// First word of a [`ProcInfo`]: "PROCINFO" in little-endian order.
pub const PROCINFO_MAGIC: u64 = u64::from_le_bytes(*b"PROCINFO");

/// Exit status of a process of which a vcore took a fault that nobody handles (as a shell shows a segmentation fault).
pub const FAULTED: u64 = 139;

/// The read-only page that the server shares with a process.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct ProcInfo {
    /// [`PROCINFO_MAGIC`].
    pub magic: u64,
    /// [`crate::ABI_VERSION`].
    pub version: u32,
    /// Generation of the process.
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
    /// How often the server of the process's cluster has entered the kernel since it began to serve.
    pub server_kernel_entries: u64,
    /// Uthreads that the process may have at a time, beside the first: so many stacks are mapped for them.
    pub uthreads: u32,
    /// Zero.
    pub padding: u32,
}
