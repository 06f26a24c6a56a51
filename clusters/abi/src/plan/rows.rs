//! The rows of the plan's tables.

use core::ops::Range;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::{MAX_CORES, MAX_SERVICES};
use crate::layout::MAX_VCORES;
use crate::name::Name;

/// What a plan says of the machine as a whole.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Machine {
    /// The plan's name.
    pub name: Name,
    /// Tells this plan from every other one, of any name: what is built of two plans with one fingerprint is the same.
    pub fingerprint: u64,
    /// Bytes of memory that it must have.
    pub memory: u64,
    /// First byte of the memory that is shared between components: the windows of connections in the order of
    /// [`Plan::connections`](super::Plan::connections), then the wake pages of channels, then the pools.
    pub shared_base: u64,
    /// Bytes of it.
    pub shared_size: u64,
    /// First byte of the windows of the timeline, which lie behind the pools: see [`crate::timeline`].
    pub timeline_base: u64,
    /// Bytes of each of them; 0 where there is no timeline.
    pub timeline_size: u64,
    /// A [`KernelMode`](super::KernelMode).
    pub mode: u32,
    /// Cores that it must have.
    pub cores: u32,
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
    /// A [`ClusterKind`](super::ClusterKind).
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
    /// Zero.
    pub padding: u32,
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
    /// A [`DoorbellKind`](super::DoorbellKind).
    pub doorbell: u32,
    /// Zero.
    pub padding: u32,
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
    pub cores: [u8; MAX_VCORES],
    /// Its pool of blocks.
    pub pool: u32,
    /// Bitmap of the services, by index, that it may use. Its port to a service is how many of lower index it may use.
    pub services: u32,
    /// Bitmap of the processes of its cluster, by number, that it may call through an endpoint of the kernel.
    pub calls: u64,
    /// Bitmap of the processes of its cluster, by number, to which it may give frames.
    pub gives: u64,
    /// Bytes of its heap.
    pub heap_size: u64,
    /// How often it is started again when it took a fault.
    pub restart: Restart,
    /// 1 where it may watch the connections of its cluster and stop components of its kernel instance.
    pub operator: u32,
    /// 1 where it may read the plan and watch all connections of the machine, of whatever cluster.
    pub observer: u32,
    /// Uthreads that it may have at a time, beside the first: so many stacks are mapped for them.
    pub uthreads: u32,
    /// Its number among the processes of its cluster, in the order of the plan. Encoding a plan works it out.
    pub number: u32,
    /// How many vcores the processes of its cluster with lower numbers have together. Encoding a plan works it out.
    pub first_vcore: u32,
    /// Frames of which it is the home.
    pub frames: u32,
    /// Number of the first of them among the frames of its cluster. Encoding a plan works it out.
    pub first_frame: u32,
    /// Zero.
    pub padding: u32,
}

/// A device and the component that drives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Device {
    /// Its name.
    pub name: Name,
    /// A [`DeviceKind`](super::DeviceKind).
    pub kind: u32,
    /// The cluster that has it.
    pub cluster: u32,
    /// PCI bus, device and function: `bus << 8 | device << 3 | function`.
    pub pci_address: u32,
    /// Core that its driver runs on, as an index within the instance.
    pub core: u32,
    /// Bytes of a block of it, where the machine is made for a run.
    pub block_size: u32,
    /// 1 where it cannot be written, where the machine is made for a run.
    pub read_only: u32,
    /// Milliseconds that it may take for a request: then its driver is stopped, and started again.
    pub timeout_ms: u32,
    /// Zero.
    pub padding: u32,
    /// How often its driver is started again.
    pub restart: Restart,
}

/// A component that answers the calls of one interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Service {
    /// Its name.
    pub name: Name,
    /// A [`ServiceKind`](super::ServiceKind).
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
    /// The partition of the device that is its own: the name of an entry of the GUID partition table.
    pub partition: Name,
    /// Bytes of the partition where the disk is made for a run. One of files has this many at least, and 0 where the plan is
    /// silent: it is then as large as what is put into it, with room where it is written.
    pub partition_size: u64,
    /// Bytes of its heap.
    pub heap_size: u64,
    /// How often it is started again.
    pub restart: Restart,
    /// Of sockets: where it is in its network.
    pub network: Network,
}

/// Where a service of sockets is in its network of IPv4: addresses as numbers, the first byte the highest one. All zero: it asks
/// by DHCP.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Network {
    /// Its address.
    pub address: u32,
    /// Bits of the address that its network has.
    pub prefix: u32,
    /// Where frames for other networks go, or 0 where there is nobody.
    pub gateway: u32,
    /// Zero.
    pub padding: u32,
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

/// The port to a service of a process that may use the services of a bitmap.
pub fn port(services: u32, service: usize) -> Option<usize> {
    let uses = service < MAX_SERVICES && services & 1 << service != 0;
    let below = services & ((1 << service.min(MAX_SERVICES)) - 1);
    uses.then_some(below.count_ones() as usize)
}

impl Process {
    /// Whether it may use the service of an index.
    pub fn may_use(&self, service: usize) -> bool {
        service < MAX_SERVICES && self.services & 1 << service != 0
    }

    /// Its port to a service that it may use.
    pub fn port(&self, service: usize) -> Option<usize> {
        port(self.services, service)
    }

    /// The numbers of the frames of which it is the home, among those of its cluster.
    pub fn home_frames(&self) -> Range<usize> {
        let first = self.first_frame as usize;
        first..first.saturating_add(self.frames as usize)
    }

    /// The number of a vcore of it among the vcores of its cluster's processes.
    pub fn vcore_number(&self, vcore: usize) -> usize {
        self.first_vcore as usize + vcore
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
