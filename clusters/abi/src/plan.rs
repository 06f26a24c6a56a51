//! The encoded plan: what the build worked out from the TOML, for the loader, the root tasks, the servers and the
//! drivers. All addresses are physical, all sizes are bytes.

mod rows;

use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout};

use crate::layout::{PAGE_SIZE, PLAN_PAGES};
use crate::name::Name;

pub use rows::{
    Channel, Cluster, ClusterKind, Device, DeviceKind, DoorbellKind, Instance, KernelMode, Pool,
    Process, Restart, Service, ServiceKind,
};

/// First word of an encoded plan: "ATOLPLAN" in little-endian order.
pub const PLAN_MAGIC: u64 = u64::from_le_bytes(*b"ATOLPLAN");

/// Clusters (and kernel instances) that a plan may have.
pub const MAX_CLUSTERS: usize = 8;
/// Cores that one cluster (or instance) may have.
pub const MAX_CORES: usize = 16;
/// Channels that a plan may have.
pub const MAX_CHANNELS: usize = 16;
/// Processes that a plan may have.
pub const MAX_PROCESSES: usize = 16;
/// Devices that a plan may have.
pub const MAX_DEVICES: usize = 8;
/// Services that a plan may have.
pub const MAX_SERVICES: usize = 8;
/// Connections that a plan may have: see [`crate::connection`].
pub const MAX_CONNECTIONS: usize = 512;
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

/// What an interrupt's vector argument is added to, to give the vector that a message-signalled interrupt carries.
pub const VECTOR_BASE: u64 = 0x30;

/// The whole machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Plan {
    /// [`PLAN_MAGIC`].
    pub magic: u64,
    /// [`crate::ABI_VERSION`].
    pub version: u32,
    /// A [`KernelMode`].
    pub mode: u32,
    /// The plan's name.
    pub name: Name,
    /// Bytes of memory that the machine must have.
    pub memory: u64,
    /// Cores that the machine must have.
    pub cores: u32,
    /// Clusters in use.
    pub cluster_count: u32,
    /// Kernel instances in use.
    pub instance_count: u32,
    /// Channels in use.
    pub channel_count: u32,
    /// Processes in use.
    pub process_count: u32,
    /// Devices in use.
    pub device_count: u32,
    /// Pools in use.
    pub pool_count: u32,
    /// Services in use.
    pub service_count: u32,
    /// First byte of the memory that is shared between components: the windows of connections in the order of
    /// [`Plan::connections`], then the wake pages of channels, then the pools.
    pub shared_base: u64,
    /// Bytes of it.
    pub shared_size: u64,
    /// The clusters.
    pub clusters: [Cluster; MAX_CLUSTERS],
    /// The kernel instances.
    pub instances: [Instance; MAX_CLUSTERS],
    /// The channels.
    pub channels: [Channel; MAX_CHANNELS],
    /// The processes.
    pub processes: [Process; MAX_PROCESSES],
    /// The devices.
    pub devices: [Device; MAX_DEVICES],
    /// The block pools.
    pub pools: [Pool; MAX_POOLS],
    /// The services.
    pub services: [Service; MAX_SERVICES],
}

const _: () = assert!(size_of::<Plan>() <= PLAN_PAGES * PAGE_SIZE);
const _: () = assert!(align_of::<Plan>() == 8);
const _: () = assert!(MAX_PROCESSES <= u32::BITS as usize);
const _: () = assert!(MAX_SERVICES < u32::BITS as usize);

impl Plan {
    /// A plan with nothing in it.
    pub fn empty() -> Plan {
        let mut plan = Plan::new_zeroed();
        plan.magic = PLAN_MAGIC;
        plan.version = crate::ABI_VERSION;
        plan
    }

    /// Reads an encoded plan; `None` where it is not one of this version or counts more than it holds.
    pub fn parse(bytes: &[u8]) -> Option<Plan> {
        let (plan, _) = Plan::read_from_prefix(bytes).ok()?;
        let within = plan.cluster_count as usize <= MAX_CLUSTERS
            && plan.instance_count as usize <= MAX_CLUSTERS
            && plan.channel_count as usize <= MAX_CHANNELS
            && plan.process_count as usize <= MAX_PROCESSES
            && plan.device_count as usize <= MAX_DEVICES
            && plan.service_count as usize <= MAX_SERVICES
            && plan.pool_count as usize <= MAX_POOLS;
        (plan.magic == PLAN_MAGIC && plan.version == crate::ABI_VERSION && within).then_some(plan)
    }

    /// The clusters in use.
    pub fn clusters(&self) -> &[Cluster] {
        &self.clusters[..self.cluster_count as usize]
    }

    /// The instances in use.
    pub fn instances(&self) -> &[Instance] {
        &self.instances[..self.instance_count as usize]
    }

    /// The channels in use.
    pub fn channels(&self) -> &[Channel] {
        &self.channels[..self.channel_count as usize]
    }

    /// The processes in use.
    pub fn processes(&self) -> &[Process] {
        &self.processes[..self.process_count as usize]
    }

    /// The devices in use.
    pub fn devices(&self) -> &[Device] {
        &self.devices[..self.device_count as usize]
    }

    /// The pools in use.
    pub fn pools(&self) -> &[Pool] {
        &self.pools[..self.pool_count as usize]
    }

    /// The services in use.
    pub fn services(&self) -> &[Service] {
        &self.services[..self.service_count as usize]
    }

    /// Whether a cluster's server holds the registers of the HPET: as the clock of its processes' alarms, and to interrupt
    /// servers of other instances.
    pub fn uses_hpet(&self, cluster: u32) -> bool {
        let mut processes = self.processes().iter();
        let mut channels = self.channels().iter();
        processes.any(|process| process.cluster == cluster)
            || channels.any(|channel| {
                channel.end_of(cluster).is_some() && channel.doorbell == DoorbellKind::Hpet as u32
            })
    }
}
