//! The plan as bytes: a header, which says how many rows each table has, and then the tables, one after another.

use core::fmt;
use core::ops::Range;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::{
    Channel, Cluster, Device, DoorbellKind, Instance, MAX_CHANNELS, MAX_CLUSTERS, MAX_DEVICES,
    MAX_POOLS, MAX_PROCESSES, MAX_SERVICES, Machine, NONE, PLAN_MAGIC, Pool, Process, Service,
};
use crate::layout::{MAX_PLAN_PAGES, PAGE_SIZE};

/// What an encoded plan begins with.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(super) struct Header {
    /// [`PLAN_MAGIC`].
    magic: u64,
    /// [`crate::ABI_VERSION`].
    version: u32,
    counts: [u32; TABLES],
    machine: Machine,
}

const TABLES: usize = 7;
const CLUSTERS: usize = 0;
const INSTANCES: usize = 1;
const CHANNELS: usize = 2;
const PROCESSES: usize = 3;
const DEVICES: usize = 4;
const POOLS: usize = 5;
const SERVICES: usize = 6;

/// Of each table, in order: bytes of a row, and how many rows it may have.
const SHAPES: [(usize, usize); TABLES] = [
    (size_of::<Cluster>(), MAX_CLUSTERS),
    (size_of::<Instance>(), MAX_CLUSTERS),
    (size_of::<Channel>(), MAX_CHANNELS),
    (size_of::<Process>(), MAX_PROCESSES),
    (size_of::<Device>(), MAX_DEVICES),
    (size_of::<Pool>(), MAX_POOLS),
    (size_of::<Service>(), MAX_SERVICES),
];

/// Bytes of the tables of the largest plan. Every table begins where a row of any of them may.
const LARGEST: usize = {
    let mut bytes = 0;
    let mut table = 0;
    while table < TABLES {
        let (row, most) = SHAPES[table];
        assert!(row.is_multiple_of(align_of::<u64>()));
        bytes += row * most;
        table += 1;
    }
    bytes
};

const _: () = assert!(size_of::<Header>() + LARGEST <= MAX_PLAN_PAGES * PAGE_SIZE);
const _: () = assert!(size_of::<Header>().is_multiple_of(align_of::<u64>()));

impl Header {
    #[cfg(any(feature = "alloc", test))]
    pub(super) fn new(machine: Machine, counts: [usize; TABLES]) -> Header {
        Header {
            magic: PLAN_MAGIC,
            version: crate::ABI_VERSION,
            counts: counts.map(|count| count as u32),
            machine,
        }
    }

    /// Where the rows of a table are, in bytes from the first table on.
    fn place(&self, table: usize) -> Range<usize> {
        let mut start = 0;
        for (count, (row, _)) in self.counts.iter().zip(SHAPES).take(table) {
            start += *count as usize * row;
        }
        start..start + self.counts[table] as usize * SHAPES[table].0
    }

    /// Bytes of the whole plan; `None` where it is of another version or counts more rows than there may be.
    fn size(&self) -> Option<usize> {
        let mut tables = self.counts.iter().zip(SHAPES);
        let within = tables.all(|(count, (_, most))| *count as usize <= most);
        let known = self.magic == PLAN_MAGIC && self.version == crate::ABI_VERSION;
        (known && within).then(|| size_of::<Header>() + self.place(TABLES - 1).end)
    }
}

/// The whole machine, as a view of its encoded bytes: what [`Plan::parse`] has checked, and no copy.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Plan {
    header: Header,
    tables: [u64],
}

impl Plan {
    /// The plan that begins with these bytes, whatever follows; `None` where it is not one of this version, counts more rows
    /// than there may be or than there are, or does not begin at a multiple of 8.
    pub fn parse(bytes: &[u8]) -> Option<&Plan> {
        let (header, _) = Header::read_from_prefix(bytes).ok()?;
        Plan::ref_from_bytes(bytes.get(..header.size()?)?).ok()
    }

    /// Bytes of the plan that begins with these bytes, of which those of the first page are enough; `None` where it is not one
    /// of this version, or counts more rows than there may be.
    pub fn size_of(bytes: &[u8]) -> Option<usize> {
        let (header, _) = Header::read_from_prefix(bytes).ok()?;
        header.size()
    }

    /// Pages that it takes.
    pub fn pages(&self) -> usize {
        size_of_val(self).div_ceil(PAGE_SIZE)
    }

    /// What it says of the machine as a whole.
    pub fn machine(&self) -> &Machine {
        &self.header.machine
    }

    fn rows<Row: FromBytes + Immutable>(&self, table: usize) -> &[Row] {
        let bytes = self.tables.as_bytes().get(self.header.place(table));
        let rows = bytes.and_then(|bytes| <[Row]>::ref_from_bytes(bytes).ok());
        rows.unwrap_or_default()
    }

    /// The clusters.
    pub fn clusters(&self) -> &[Cluster] {
        self.rows(CLUSTERS)
    }

    /// The kernel instances.
    pub fn instances(&self) -> &[Instance] {
        self.rows(INSTANCES)
    }

    /// The channels.
    pub fn channels(&self) -> &[Channel] {
        self.rows(CHANNELS)
    }

    /// The processes.
    pub fn processes(&self) -> &[Process] {
        self.rows(PROCESSES)
    }

    /// The devices.
    pub fn devices(&self) -> &[Device] {
        self.rows(DEVICES)
    }

    /// The block pools.
    pub fn pools(&self) -> &[Pool] {
        self.rows(POOLS)
    }

    /// The services.
    pub fn services(&self) -> &[Service] {
        self.rows(SERVICES)
    }

    /// Whether a process may call another one through an endpoint of the kernel.
    pub fn may_call(&self, caller: &Process, callee: &Process) -> bool {
        caller.cluster == callee.cluster && caller.calls & 1 << callee.number != 0
    }

    /// Whether a process may give frames to another one.
    pub fn may_give(&self, giver: &Process, recipient: &Process) -> bool {
        giver.cluster == recipient.cluster && giver.gives & 1 << recipient.number != 0
    }

    /// Whether a process is the home of frames, or may be given any.
    pub fn may_hold_frames(&self, process: &Process) -> bool {
        let mut givers = self.processes_of(process.cluster);
        process.frames > 0 || givers.any(|(_, giver)| self.may_give(giver, process))
    }

    /// How many frames the processes of a cluster have together.
    pub fn frames_of(&self, cluster: u32) -> usize {
        let processes = self.processes_of(cluster);
        processes.map(|(_, it)| it.frames as usize).sum()
    }

    /// The processes of a cluster, with their indexes.
    pub fn processes_of(&self, cluster: u32) -> impl Iterator<Item = (usize, &Process)> {
        let processes = self.processes().iter().enumerate();
        processes.filter(move |(_, process)| process.cluster == cluster)
    }

    /// How many vcores the processes of a cluster have together.
    pub fn vcores_of(&self, cluster: u32) -> usize {
        let processes = self.processes_of(cluster);
        processes.map(|(_, it)| it.vcores as usize).sum()
    }

    /// HPET comparators that the machine must have: those of clusters, and then one for the root task of each instance.
    pub fn comparators(&self) -> u32 {
        self.root_task_comparator(self.instances().len() as u32)
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

impl fmt::Debug for Plan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Plan({})", self.machine().name)
    }
}

impl PartialEq for Plan {
    fn eq(&self, other: &Plan) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Plan {}
