//! The encoded plan: what the build worked out from the TOML, for the loader, the root tasks, the servers and the
//! drivers. All addresses are physical, all sizes are bytes.

mod cores;
mod encoded;
mod kinds;
mod reach;
mod rows;
#[cfg(any(feature = "alloc", test))]
mod tables;

pub use cores::Rank;
pub use encoded::Plan;
pub use kinds::{ClusterKind, DeviceKind, DoorbellKind, KernelMode, ServiceKind};
pub use reach::ReachedPool;
pub use rows::{
    Channel, Cluster, Device, Instance, Machine, Network, Pool, Process, Restart, Service, port,
};
#[cfg(any(feature = "alloc", test))]
pub use tables::{EncodedPlan, Tables, empty_rows};

/// First word of an encoded plan: "ATOLPLAN" in little-endian order.
pub const PLAN_MAGIC: u64 = u64::from_le_bytes(*b"ATOLPLAN");

/// Clusters (and kernel instances) that a plan may have.
pub const MAX_CLUSTERS: usize = 16;
/// Cores that one cluster (or instance) may have.
pub const MAX_CORES: usize = 64;
/// Channels that a plan may have: one between any two clusters.
pub const MAX_CHANNELS: usize = MAX_CLUSTERS * (MAX_CLUSTERS - 1) / 2;
/// Processes that one cluster may have.
pub const MAX_CLUSTER_PROCESSES: usize = 64;
/// Vcores that the processes of one cluster may have together: their server has a ring to each.
pub const MAX_CLUSTER_VCORES: usize = 512;
/// Frames that the processes of one cluster may have together.
pub const MAX_CLUSTER_FRAMES: usize = 64;
/// Processes that a plan may have.
pub const MAX_PROCESSES: usize = MAX_CLUSTERS * MAX_CLUSTER_PROCESSES;
/// Devices that a plan may have.
pub const MAX_DEVICES: usize = 8;
/// Services that a plan may have.
pub const MAX_SERVICES: usize = 8;
/// Connections that a plan may have: see [`crate::connection`].
pub const MAX_CONNECTIONS: usize = 4096;
/// Processes that may use one service, which keeps what each has open.
pub const MAX_SERVICE_CLIENTS: usize = 256;
/// Connections that one service may have with its clients: it has a ring for each vcore.
pub const MAX_SERVICE_CONNECTIONS: usize = 512;
/// Block pools: one for each process, then one for each service.
pub const MAX_POOLS: usize = MAX_PROCESSES + MAX_SERVICES;

/// In an index field: none.
pub const NONE: u32 = u32::MAX;

/// Physical address of the HPET's registers, where the PC platform has them.
pub const HPET_BASE: u64 = 0xFED0_0000;

/// Physical address of the memory-mapped PCI configuration space of QEMU's q35 machine.
pub const ECAM_BASE: u64 = 0xB000_0000;

/// I/O port of the kernel console of an instance: beside the serial port, which is the root task's alone, so that what a
/// kernel prints tears no line. QEMU has a debug console there; other machines nothing, and nothing answers like a
/// serial port that is always ready.
pub const fn kernel_port(instance: usize) -> u32 {
    0x300 + 8 * instance as u32
}

/// Vector argument of the first cluster's comparator; a cluster's is this plus its index, because several may share an
/// instance.
pub const DOORBELL_VECTOR: u64 = 16;

/// Vector argument of the first device's interrupt; a device's is this plus its index.
pub const DEVICE_VECTOR: u64 = 32;

const _: () = assert!(DOORBELL_VECTOR + MAX_CLUSTERS as u64 <= DEVICE_VECTOR);

/// Vector argument of the comparator of an instance's root task.
pub const ROOT_TASK_VECTOR: u64 = DEVICE_VECTOR + MAX_DEVICES as u64;

/// What an interrupt's vector argument is added to, to give the vector that a message-signalled interrupt carries.
pub const VECTOR_BASE: u64 = 0x30;

// Bitmaps: of a process's services, of the processes that it may call, and of the cores that one kernel interrupts.
const _: () = assert!(MAX_CLUSTER_PROCESSES <= u64::BITS as usize);
const _: () = assert!(MAX_CORES <= u64::BITS as usize);
const _: () = assert!(MAX_SERVICES < u32::BITS as usize);
