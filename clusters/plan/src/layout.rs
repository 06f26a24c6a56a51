//! From a plan without errors to numbers: physical memory, cores within instances, doorbells and timers.
//!
//! Physical memory from 0 up: [`RESERVED_LOW`]; the instances in order; the memory shared between components, first a window
//! for each connection, then a wake page for each channel between instances, then a pool for each process, then a pool for
//! each service, then the windows of the timeline; [`RESERVED_HIGH`] at the end of the machine's memory. Instances and shared memory begin on large pages.

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::layout::{CLIENT_POOLS, HEAP, LARGE_PAGE_SIZE, PAGE_SIZE, RING_WINDOW_SIZE};
use atoll_abi::name::Name;
use atoll_abi::plan::{
    Channel, Cluster, Device, DoorbellKind, Instance, KernelMode, MAX_CORES, Machine, NONE, Pool,
    Process, Service, Tables,
};

use zerocopy::FromZeros;

use crate::checked::CheckedPlan;
use crate::fingerprint;
use crate::table::Located;
use crate::written::{self, Plan};

/// Bytes of a large page, to which all that is handed out whole is aligned.
pub const LARGE_PAGE: u64 = LARGE_PAGE_SIZE as u64;
/// Bytes from address 0 that are the loader's and its modules'.
pub const RESERVED_LOW: u64 = 0x200_0000;
/// Bytes at the end of memory that are left to the firmware, which keeps its tables there.
pub const RESERVED_HIGH: u64 = LARGE_PAGE;
/// Most memory of a machine: with more, part of it would lie beyond the PCI hole of QEMU's q35 machine.
pub const MAX_MACHINE_MEMORY: u64 = 2 << 30;
/// Least memory of a kernel instance.
pub const MIN_INSTANCE_MEMORY: u64 = 48 << 20;
/// What of an instance's memory the heaps of its services and processes and its uthreads' stacks must leave to its kernel, root
/// task, servers, drivers and images.
pub const INSTANCE_OVERHEAD: u64 = 32 << 20;
/// I/O port of each instance's serial console.
pub const SERIAL_PORTS: [u32; 4] = [0x3f8, 0x2f8, 0x3e8, 0x2e8];
/// Most kernel instances.
pub const MAX_INSTANCES: usize = SERIAL_PORTS.len();

// No heap is larger than the memory of a machine.
const _: () = assert!(HEAP as u64 + MAX_MACHINE_MEMORY <= CLIENT_POOLS as u64);

const WINDOW: u64 = RING_WINDOW_SIZE as u64;
const PAGE: u64 = PAGE_SIZE as u64;
const BLOCK: u64 = BLOCK_SIZE as u64;

/// Bytes of the memory shared between components, whole large pages.
pub(crate) fn shared_size(plan: &Plan) -> u64 {
    let processes = plan.processes.iter();
    let to_services: u64 = processes
        .map(|it| u64::from(it.vcores.value) * plan.services_of(it).len() as u64)
        .sum();
    let services = plan.services.len() as u64;
    // Each service has one connection to the driver of its device.
    let windows = services + to_services;
    let channels = plan.channels.iter();
    let wake_pages = channels.filter(|it| between_instances(plan, it)).count() as u64;
    let processes = plan.processes.iter();
    let blocks: u64 = processes
        .map(|process| u64::from(process.blocks))
        .chain(plan.services.iter().map(own_blocks))
        .sum();
    let bytes = windows * WINDOW + wake_pages * PAGE + blocks * BLOCK + timeline(plan);
    bytes.next_multiple_of(LARGE_PAGE)
}

/// Bytes of the windows of the timeline.
fn timeline(plan: &Plan) -> u64 {
    let vcores = plan.processes.iter().map(|it| it.vcores.value as usize);
    let others = plan.clusters.len() + plan.services.len() + plan.devices.len();
    (others + vcores.sum::<usize>()) as u64 * plan.timeline
}

/// Blocks of a service's own pool.
fn own_blocks(service: &written::Service) -> u64 {
    service.kind.map_or(0, |kind| kind.own_blocks() as u64)
}

/// Whether different instances run the two clusters of a channel, whose servers then have a wake page.
fn between_instances(plan: &Plan, channel: &written::Channel) -> bool {
    let ends = plan.channel_ends(channel);
    ends.is_some_and(|[first, second]| plan.instance_of(first) != plan.instance_of(second))
}

/// Lays out a plan in which the checks found nothing wrong.
pub(crate) fn lay_out(plan: &Plan) -> CheckedPlan {
    let mut tables = Tables {
        clusters: clusters(plan),
        ..Tables::default()
    };
    let end = instances(plan, &mut tables);
    tables.machine = Machine {
        name: plan.name,
        fingerprint: 0,
        memory: plan.memory.value,
        shared_base: end,
        shared_size: shared_size(plan),
        timeline_base: 0,
        timeline_size: plan.timeline,
        mode: plan.mode as u32,
        cores: plan.cores.value,
    };
    devices(plan, &mut tables);
    services(plan, &mut tables);
    processes(plan, &mut tables);
    let windows_end = end + tables.encode().connections().count() as u64 * WINDOW;
    let wake_pages_end = channels(plan, windows_end, &mut tables);
    let pools_end = pools(plan, wake_pages_end, &mut tables);
    tables.machine.timeline_base = pools_end;
    let windows = tables.encode().timeline_writers().count() as u64;
    let timeline_end = pools_end + windows * plan.timeline;
    debug_assert_eq!(
        timeline_end.next_multiple_of(LARGE_PAGE),
        end + tables.machine.shared_size
    );
    comparators(&mut tables);
    let instance_clusters = plan.instances();
    let names = instance_clusters
        .iter()
        .map(|clusters| plan.instance_name(clusters).to_owned());
    let options = instance_clusters
        .iter()
        .filter_map(|clusters| clusters.first())
        .map(|&cluster| plan.clusters[cluster].options.value);
    let (names, options): (Vec<_>, Vec<_>) = (names.collect(), options.collect());
    let laid_out = CheckedPlan::new(
        tables.encode(),
        names.clone(),
        options.clone(),
        plan.measured,
    );
    tables.machine.fingerprint = fingerprint::of(&laid_out);
    CheckedPlan::new(tables.encode(), names, options, plan.measured)
}

fn clusters(plan: &Plan) -> Vec<Cluster> {
    let mut first_core = 0;
    let clusters = plan.clusters.iter().enumerate();
    let clusters = clusters.map(|(index, cluster)| {
        let shared = plan.mode == KernelMode::Shared;
        let mut cores = [0; MAX_CORES];
        for (slot, core) in cores.iter_mut().zip(cluster.cores()) {
            *slot = core.value;
        }
        let row = Cluster {
            name: name(&cluster.name.value),
            kind: cluster.kind as u32,
            instance: plan.instance_of(index) as u32,
            core_count: cluster.cores().len() as u32,
            first_core: if shared { first_core } else { 0 },
            cores,
            comparator: NONE,
            quantum_ms: cluster.quantum_ms.value,
            masked: u32::from(cluster.masked.value),
            restart: cluster.restart,
            padding: 0,
        };
        first_core += row.core_count;
        row
    });
    clusters.collect()
}

/// Gives each instance its memory and cores; the address after the last one.
fn instances(plan: &Plan, tables: &mut Tables) -> u64 {
    let mut base = RESERVED_LOW;
    for (index, indexes) in plan.instances().iter().enumerate() {
        let members: Vec<&written::Cluster> = indexes
            .iter()
            .map(|&cluster| &plan.clusters[cluster])
            .collect();
        let listed = members.iter().flat_map(|cluster| cluster.cores());
        let mut cores = [0; MAX_CORES];
        let mut core_count = 0;
        for (slot, core) in cores.iter_mut().zip(listed) {
            *slot = core.value;
            core_count += 1;
        }
        let first = members.first();
        let memory_size = members.iter().map(|cluster| cluster.memory.value).sum();
        tables.instances.push(Instance {
            memory_base: base,
            memory_size,
            core_count,
            timer_tick_ms: first.map_or(0, |first| first.tick_ms.value),
            time_slice: first.map_or(0, |first| first.quantum_ms.value / first.tick_ms.value),
            serial_port: SERIAL_PORTS[index],
            cores,
        });
        base += memory_size;
    }
    base
}

/// Gives each channel its kind of doorbell and, between instances, its wake page; the address after the last page.
fn channels(plan: &Plan, base: u64, tables: &mut Tables) -> u64 {
    let mut next = base;
    for channel in &plan.channels {
        let ends = plan.channel_ends(channel).unwrap_or_default();
        let between = between_instances(plan, channel);
        tables.channels.push(Channel {
            clusters: ends.map(|end| end as u32),
            wake_page: if between { next } else { 0 },
            doorbell: match between {
                true => DoorbellKind::Hpet as u32,
                false => DoorbellKind::Notification as u32,
            },
            padding: 0,
        });
        next += if between { PAGE } else { 0 };
    }
    next
}

/// Gives each cluster that uses the HPET and does not poll a comparator: its doorbell between kernels, and its timer.
fn comparators(tables: &mut Tables) {
    let encoded = tables.encode();
    let clusters = tables.clusters.iter_mut().enumerate();
    let woken =
        clusters.filter(|(index, cluster)| cluster.masked == 0 && encoded.uses_hpet(*index as u32));
    for (comparator, (_, cluster)) in woken.enumerate() {
        cluster.comparator = comparator as u32;
    }
}

fn devices(plan: &Plan, tables: &mut Tables) {
    for device in &plan.devices {
        let owner = plan
            .device_owner(&device.name.value)
            .map(|owner| owner.value);
        tables.devices.push(Device {
            name: name(&device.name.value),
            kind: device.kind.map_or(NONE, |kind| kind as u32),
            cluster: index_or_none(owner),
            pci_address: device.pci.map_or(NONE, |pci| pci.value),
            core: component_core(plan, tables, owner, device.core),
            block_size: device.block_size,
            read_only: u32::from(device.read_only),
            timeout_ms: device.timeout_ms,
            padding: 0,
            restart: device.restart,
        });
    }
}

/// The core of a service or driver, as an index within the instance of its cluster: the one that the plan names, or the first one of
/// the cluster, beside its server.
fn component_core(
    plan: &Plan,
    tables: &Tables,
    cluster: Option<usize>,
    named: Option<Located<u32>>,
) -> u32 {
    let Some(cluster) = cluster else {
        return NONE;
    };
    let mut cores = plan.clusters[cluster].cores().iter();
    let place = named.and_then(|named| cores.position(|own| own.value == named.value));
    tables.clusters[cluster].first_core + place.unwrap_or(0) as u32
}

fn services(plan: &Plan, tables: &mut Tables) {
    for (index, service) in plan.services.iter().enumerate() {
        let cluster = plan.cluster(&service.cluster.value);
        tables.services.push(Service {
            name: name(&service.name.value),
            kind: service.kind.map_or(NONE, |kind| kind as u32),
            cluster: index_or_none(cluster),
            device: index_or_none(plan.device(&service.device.value)),
            core: component_core(plan, tables, cluster, service.core),
            pool: (plan.processes.len() + index) as u32,
            padding: 0,
            partition: name(&service.partition.value),
            partition_size: service.size,
            heap_size: service.heap.value,
            restart: service.restart,
            network: service.network,
        });
    }
}

fn processes(plan: &Plan, tables: &mut Tables) {
    for (index, process) in plan.processes.iter().enumerate() {
        let home = plan.cluster(&process.cluster.value);
        let services = plan.services_of(process).into_iter();
        let bitmap = |names: &[written::Text]| {
            let named = names.iter().filter_map(|name| plan.process(&name.value));
            named.fold(0, |bits, other| bits | 1 << plan.number(other))
        };
        let mut row = Process {
            name: name(&process.name.value),
            image: process.image.value,
            cluster: index_or_none(home),
            vcores: process.vcores.value,
            pool: index as u32,
            services: services.fold(0, |services, service| services | 1 << service),
            calls: bitmap(&process.calls),
            gives: bitmap(&process.gives),
            frames: process.frames.value,
            heap_size: process.heap.value,
            uthreads: process.uthreads,
            operator: u32::from(process.operator),
            observer: u32::from(process.observer),
            restart: process.restart,
            ..Process::new_zeroed()
        };
        if let Some(home) = home {
            let first_core = tables.clusters[home].first_core;
            let owned = plan.clusters[home].cores();
            place_vcores(process, owned, first_core, &mut row);
        }
        tables.processes.push(row);
    }
}

/// Gives each vcore of a process its core; `owned` are the cores of its cluster, of which the first is `first_core` of the
/// instance.
fn place_vcores(
    process: &written::Process,
    owned: &[Located<u32>],
    first_core: u32,
    row: &mut Process,
) {
    // The last cores of the cluster, so that the first one, which runs the server and services, stays free where it can.
    let spare = owned.len().saturating_sub(process.vcores.value as usize);
    let cores: &[Located<u32>] = match &process.cores {
        Some(cores) => &cores.value,
        None => &owned[spare..],
    };
    let within = |core: &Located<u32>| owned.iter().position(|own| own.value == core.value);
    for (slot, position) in row.cores.iter_mut().zip(cores.iter().filter_map(within)) {
        *slot = (first_core + position as u32) as u8;
    }
}

/// One pool for each process, at the process's index, then one for each service; the address after the last one.
fn pools(plan: &Plan, base: u64, tables: &mut Tables) -> u64 {
    let processes = plan
        .processes
        .iter()
        .enumerate()
        .map(|(index, process)| Pool {
            base: 0,
            blocks: process.blocks,
            process: index as u32,
            service: NONE,
            cluster: tables.processes[index].cluster,
        });
    let services = tables.services.iter().enumerate();
    let services = services.map(|(index, service)| Pool {
        base: 0,
        blocks: own_blocks(&plan.services[index]) as u32,
        process: NONE,
        service: index as u32,
        cluster: service.cluster,
    });
    let mut next = base;
    let placed = processes.chain(services).map(|pool| {
        let base = next;
        next += u64::from(pool.blocks) * BLOCK;
        Pool { base, ..pool }
    });
    tables.pools = placed.collect();
    next
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap_or(Name::EMPTY)
}

fn index_or_none(index: Option<usize>) -> u32 {
    index.map_or(NONE, |index| index as u32)
}
