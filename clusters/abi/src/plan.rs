//! The encoded plan: what the build worked out from the TOML, for the loader, the root tasks, the servers and the
//! drivers. All addresses are physical, all sizes are bytes.

use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout};

use crate::interface::Interface;
use crate::layout::{MAX_VCORES, PAGE_SIZE, PLAN_PAGES};
use crate::name::Name;

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

/// Vector argument of the comparator of an instance's root task.
pub const ROOT_TASK_VECTOR: u64 = DOORBELL_VECTOR + MAX_CLUSTERS as u64;

/// Vector argument of the first device's interrupt; a device's is this plus its index.
pub const DEVICE_VECTOR: u64 = 32;

const _: () = assert!(ROOT_TASK_VECTOR < DEVICE_VECTOR);

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

/// How kernels and clusters relate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum KernelMode {
    /// One kernel instance for each cluster.
    PerCluster = 0,
    /// One kernel instance for all; cores are divided by affinity alone.
    Shared = 1,
}

/// How often a component is started again, and how long a start may take.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Restart {
    /// How many times within [`Restart::within_ms`]; it stays down when it would be more. 0: never.
    pub times: u32,
    /// Milliseconds.
    pub within_ms: u32,
    /// Milliseconds from a start until the component has to have said that it has started; it is stopped when it has not. 0:
    /// a start may take any time.
    pub start_within_ms: u32,
    /// Zero.
    pub padding: u32,
}

/// A fixed set of cores and memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Cluster {
    /// Its name.
    pub name: Name,
    /// A [`ClusterKind`].
    pub kind: u32,
    /// The instance that runs it.
    pub instance: u32,
    /// How many cores it has.
    pub core_count: u32,
    /// Index of its first core within its instance.
    pub first_core: u32,
    /// APIC identifiers of its cores.
    pub cores: [u32; MAX_CORES],
    /// HPET comparator that is its server's doorbell between kernels and its timer, or [`NONE`].
    pub comparator: u32,
    /// Length of its quantum in milliseconds.
    pub quantum_ms: u32,
    /// 1 where its server masks its doorbell: it polls wake words and the clock, and is never interrupted.
    pub masked: u32,
    /// How often its server is started again.
    pub restart: Restart,
}

/// What a cluster's cores are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum ClusterKind {
    /// Short quantum, events, interrupts, servers.
    LowLatency = 0,
    /// Long quantum, left alone.
    CoarseGrained = 1,
}

/// One seL4 kernel instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Instance {
    /// First byte of its memory, where its kernel is linked.
    pub memory_base: u64,
    /// Bytes of its memory.
    pub memory_size: u64,
    /// How many cores it has; with one it runs the unicore configuration.
    pub core_count: u32,
    /// Milliseconds between timer ticks.
    pub timer_tick_ms: u32,
    /// Timer ticks of a time slice.
    pub time_slice: u32,
    /// I/O port of its serial console.
    pub serial_port: u32,
    /// APIC identifiers of its cores, the first one first.
    pub cores: [u32; MAX_CORES],
}

/// Says that components of two clusters may have connections with each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Channel {
    /// The two clusters. End 0 is the first one.
    pub clusters: [u32; 2],
    /// Address of its wake page, on which the servers of both clusters say which connections have something for a component
    /// of the other one that sleeps, or zero where one instance runs both: see [`crate::connection::wake_words`].
    pub wake_page: u64,
    /// A [`DoorbellKind`].
    pub doorbell: u32,
    /// Zero.
    pub padding: u32,
}

/// How a component of one cluster wakes one of the other cluster that has stopped polling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum DoorbellKind {
    /// By its notification: both clusters are run by one instance.
    Notification = 0,
    /// Through the servers of both clusters, of which the other one is interrupted by a comparator of the HPET.
    Hpet = 1,
}

/// A process and the cores of its vcores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Process {
    /// Its name.
    pub name: Name,
    /// The image it runs.
    pub image: Name,
    /// Its cluster.
    pub cluster: u32,
    /// How many vcores it may have.
    pub vcores: u32,
    /// Core of each vcore, as an index within the instance.
    pub cores: [u32; MAX_VCORES],
    /// Its pool of blocks.
    pub pool: u32,
    /// Bitmap of the services, by index, that it may use. Its port to a service is how many of lower index it may use.
    pub services: u32,
    /// Zero.
    pub padding: u32,
    /// Bitmap of the processes, by index, that it may call through an endpoint of the kernel.
    pub calls: u32,
    /// Bytes of its heap.
    pub heap_size: u64,
    /// How often it is started again when it took a fault.
    pub restart: Restart,
    /// 1 where it may watch the connections of its cluster and stop components of its kernel instance.
    pub operator: u32,
    /// Uthreads that it may have at a time, beside the first: so many stacks are mapped for them.
    pub uthreads: u32,
}

/// A device and the component that drives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Device {
    /// Its name.
    pub name: Name,
    /// A [`DeviceKind`].
    pub kind: u32,
    /// The cluster that has it.
    pub cluster: u32,
    /// PCI bus, device and function: `bus << 8 | device << 3 | function`.
    pub pci_address: u32,
    /// Core that its driver runs on, as an index within the instance.
    pub core: u32,
    /// How often its driver is started again.
    pub restart: Restart,
}

/// Kinds of device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum DeviceKind {
    /// A virtio block device on PCI.
    VirtioBlk = 1,
}

/// A component that answers the calls of one interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Service {
    /// Its name.
    pub name: Name,
    /// A [`ServiceKind`].
    pub kind: u32,
    /// The cluster that it runs in.
    pub cluster: u32,
    /// The device that it uses, of its own cluster.
    pub device: u32,
    /// Core that it runs on, as an index within the instance.
    pub core: u32,
    /// Its own pool of blocks.
    pub pool: u32,
    /// Zero.
    pub padding: u32,
    /// How often it is started again.
    pub restart: Restart,
}

/// Kinds of service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum ServiceKind {
    /// The files of the volume on a block device.
    Files = 1,
}

impl ServiceKind {
    /// The kind of a number, or `None` where there is no such kind.
    pub const fn from_raw(raw: u32) -> Option<ServiceKind> {
        match raw {
            1 => Some(ServiceKind::Files),
            _ => None,
        }
    }

    /// The interface that services of this kind answer.
    pub const fn interface(self) -> Interface {
        match self {
            ServiceKind::Files => Interface::Files,
        }
    }

    /// The image that they run.
    pub const fn image(self) -> &'static str {
        match self {
            ServiceKind::Files => "files",
        }
    }
}

/// Blocks in one physically contiguous run, which a device reads into and a process or service reads from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Pool {
    /// First byte.
    pub base: u64,
    /// How many blocks.
    pub blocks: u32,
    /// The process that owns it, or [`NONE`] where a service does.
    pub process: u32,
    /// The service that owns it, or [`NONE`] where a process does.
    pub service: u32,
    /// The cluster of its owner.
    pub cluster: u32,
}

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

    /// HPET comparators that the machine must have: those of clusters, and then one for the root task of each instance.
    pub fn comparators(&self) -> u32 {
        self.root_task_comparator(self.instance_count)
    }

    /// The HPET comparator of an instance's root task, by which it notices that a component does not start.
    pub fn root_task_comparator(&self, instance: u32) -> u32 {
        let clusters = self.clusters().iter().map(|it| it.comparator);
        let used = clusters.filter(|&comparator| comparator != NONE).max();
        used.map_or(0, |last| last.saturating_add(1))
            .saturating_add(instance)
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

impl Process {
    /// Whether it may call the process of an index through an endpoint of the kernel.
    pub fn may_call(&self, process: usize) -> bool {
        process < MAX_PROCESSES && self.calls & 1 << process != 0
    }

    /// Whether it may use the service of an index.
    pub fn may_use(&self, service: usize) -> bool {
        service < MAX_SERVICES && self.services & 1 << service != 0
    }

    /// Its port to a service that it may use.
    pub fn port(&self, service: usize) -> Option<usize> {
        let below = self.services & ((1 << service) - 1);
        self.may_use(service).then_some(below.count_ones() as usize)
    }
}

impl Instance {
    /// APIC identifiers of its cores.
    pub fn cores(&self) -> &[u32] {
        &self.cores[..(self.core_count as usize).min(MAX_CORES)]
    }
}

impl Cluster {
    /// APIC identifiers of its cores.
    pub fn cores(&self) -> &[u32] {
        &self.cores[..(self.core_count as usize).min(MAX_CORES)]
    }
}

impl Channel {
    /// Which end a cluster has, 0 or 1; `None` where it has neither.
    pub fn end_of(&self, cluster: u32) -> Option<usize> {
        self.clusters.iter().position(|&end| end == cluster)
    }
}
