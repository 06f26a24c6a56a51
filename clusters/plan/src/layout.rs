//! From a plan without errors to numbers: physical memory, cores within instances, doorbells and timers.
//!
//! Physical memory from 0 up: [`RESERVED_LOW`]; the instances in order; the memory shared between components, first a window
//! for each connection, then a wake page for each channel between instances, then a pool for each process, then a pool for
//! each service; [`RESERVED_HIGH`] at the end of the machine's memory. Instances and shared memory begin on large pages.

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::layout::{LARGE_PAGE_SIZE, PAGE_SIZE, RING_WINDOW_SIZE, SERVICE_BLOCKS};
use atoll_abi::name::Name;
use atoll_abi::plan::{
    Cluster, Device, DoorbellKind, Instance, KernelMode, NONE, Plan as Encoded, Pool, Process,
    Service,
};

use crate::checked::CheckedPlan;
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
/// What of an instance's memory heaps and uthreads' stacks must leave to its kernel, root task, servers, services, drivers
/// and images.
pub const INSTANCE_OVERHEAD: u64 = 32 << 20;
/// I/O port of each instance's serial console.
pub const SERIAL_PORTS: [u32; 4] = [0x3f8, 0x2f8, 0x3e8, 0x2e8];
/// Most kernel instances.
pub const MAX_INSTANCES: usize = SERIAL_PORTS.len();

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
        .chain(plan.services.iter().map(|_| SERVICE_BLOCKS as u64))
        .sum();
    (windows * WINDOW + wake_pages * PAGE + blocks * BLOCK).next_multiple_of(LARGE_PAGE)
}

/// Whether different instances run the two clusters of a channel, whose servers then have a wake page.
fn between_instances(plan: &Plan, channel: &written::Channel) -> bool {
    let ends = plan.channel_ends(channel);
    ends.is_some_and(|[first, second]| plan.instance_of(first) != plan.instance_of(second))
}

/// Lays out a plan in which the checks found nothing wrong.
pub(crate) fn lay_out(plan: &Plan) -> CheckedPlan {
    let mut encoded = Encoded::empty();
    encoded.name = plan.name;
    encoded.mode = plan.mode as u32;
    encoded.memory = plan.memory.value;
    encoded.cores = plan.cores.value;
    clusters(plan, &mut encoded);
    let end = instances(plan, &mut encoded);
    encoded.shared_base = end;
    encoded.shared_size = shared_size(plan);
    devices(plan, &mut encoded);
    services(plan, &mut encoded);
    processes(plan, &mut encoded);
    let windows_end = end + encoded.connections().count() as u64 * WINDOW;
    let wake_pages_end = channels(plan, windows_end, &mut encoded);
    let pools_end = pools(plan, wake_pages_end, &mut encoded);
    debug_assert_eq!(
        pools_end.next_multiple_of(LARGE_PAGE),
        end + encoded.shared_size
    );
    comparators(&mut encoded);
    let instance_clusters = plan.instances();
    let names = instance_clusters
        .iter()
        .map(|clusters| plan.instance_name(clusters).to_owned());
    let options = instance_clusters
        .iter()
        .filter_map(|clusters| clusters.first())
        .map(|&cluster| plan.clusters[cluster].options.value);
    CheckedPlan::new(encoded, names.collect(), options.collect())
}

fn clusters(plan: &Plan, encoded: &mut Encoded) {
    let mut first_core = 0;
    for (index, cluster) in plan.clusters.iter().enumerate() {
        let shared = plan.mode == KernelMode::Shared;
        let target = &mut encoded.clusters[index];
        *target = Cluster {
            name: name(&cluster.name.value),
            kind: cluster.kind as u32,
            instance: plan.instance_of(index) as u32,
            core_count: cluster.cores().len() as u32,
            first_core: if shared { first_core } else { 0 },
            comparator: NONE,
            quantum_ms: cluster.quantum_ms.value,
            masked: u32::from(cluster.masked.value),
            restart: cluster.restart,
            ..*target
        };
        for (slot, core) in target.cores.iter_mut().zip(cluster.cores()) {
            *slot = core.value;
        }
        first_core += target.core_count;
    }
    encoded.cluster_count = plan.clusters.len() as u32;
}

/// Gives each instance its memory and cores; the address after the last one.
fn instances(plan: &Plan, encoded: &mut Encoded) -> u64 {
    let mut base = RESERVED_LOW;
    let instances = plan.instances();
    for (index, indexes) in instances.iter().enumerate() {
        let members: Vec<&written::Cluster> = indexes
            .iter()
            .map(|&cluster| &plan.clusters[cluster])
            .collect();
        let cores = members.iter().flat_map(|cluster| cluster.cores());
        let target: &mut Instance = &mut encoded.instances[index];
        target.memory_base = base;
        target.memory_size = members.iter().map(|cluster| cluster.memory.value).sum();
        target.serial_port = SERIAL_PORTS[index];
        for (slot, core) in target.cores.iter_mut().zip(cores) {
            *slot = core.value;
            target.core_count += 1;
        }
        if let Some(first) = members.first() {
            target.timer_tick_ms = first.tick_ms.value;
            target.time_slice = first.quantum_ms.value / first.tick_ms.value;
        }
        base += target.memory_size;
    }
    encoded.instance_count = instances.len() as u32;
    base
}

/// Gives each channel its kind of doorbell and, between instances, its wake page; the address after the last page.
fn channels(plan: &Plan, base: u64, encoded: &mut Encoded) -> u64 {
    let mut next = base;
    for (index, channel) in plan.channels.iter().enumerate() {
        let ends = plan.channel_ends(channel).unwrap_or_default();
        let target = &mut encoded.channels[index];
        target.clusters = ends.map(|end| end as u32);
        target.doorbell = if between_instances(plan, channel) {
            target.wake_page = next;
            next += PAGE;
            DoorbellKind::Hpet as u32
        } else {
            DoorbellKind::Notification as u32
        };
    }
    encoded.channel_count = plan.channels.len() as u32;
    next
}

/// Gives each cluster that uses the HPET and does not poll a comparator: its doorbell between kernels, and its timer.
fn comparators(encoded: &mut Encoded) {
    let woken: Vec<usize> = (0..encoded.clusters().len())
        .filter(|&cluster| {
            encoded.clusters[cluster].masked == 0 && encoded.uses_hpet(cluster as u32)
        })
        .collect();
    for (comparator, cluster) in woken.into_iter().enumerate() {
        encoded.clusters[cluster].comparator = comparator as u32;
    }
}

fn devices(plan: &Plan, encoded: &mut Encoded) {
    for (index, device) in plan.devices.iter().enumerate() {
        let owner = plan
            .device_owner(&device.name.value)
            .map(|owner| owner.value);
        encoded.devices[index] = Device {
            name: name(&device.name.value),
            kind: device.kind as u32,
            cluster: index_or_none(owner),
            pci_address: device.pci.map_or(NONE, |pci| pci.value),
            core: owner.map_or(NONE, |owner| encoded.clusters[owner].first_core),
            restart: device.restart,
        };
    }
    encoded.device_count = plan.devices.len() as u32;
}

/// Services run on the first core of their cluster, beside its server and the drivers of its devices.
fn services(plan: &Plan, encoded: &mut Encoded) {
    for (index, service) in plan.services.iter().enumerate() {
        let cluster = plan.cluster(&service.cluster.value);
        encoded.services[index] = Service {
            name: name(&service.name.value),
            kind: service.kind as u32,
            cluster: index_or_none(cluster),
            device: index_or_none(plan.device(&service.device.value)),
            core: cluster.map_or(NONE, |cluster| encoded.clusters[cluster].first_core),
            pool: (plan.processes.len() + index) as u32,
            padding: 0,
            restart: service.restart,
        };
    }
    encoded.service_count = plan.services.len() as u32;
}

fn processes(plan: &Plan, encoded: &mut Encoded) {
    for (index, process) in plan.processes.iter().enumerate() {
        let home = plan.cluster(&process.cluster.value);
        let target: &mut Process = &mut encoded.processes[index];
        target.name = name(&process.name.value);
        target.image = process.image;
        target.cluster = index_or_none(home);
        target.vcores = process.vcores.value;
        target.pool = index as u32;
        let services = plan.services_of(process).into_iter();
        target.services = services.fold(0, |services, service| services | 1 << service);
        target.heap_size = process.heap.value;
        target.uthreads = process.uthreads;
        target.operator = u32::from(process.operator);
        target.restart = process.restart;
        let callees = process.calls.iter();
        target.calls = callees
            .filter_map(|callee| plan.process(&callee.value))
            .fold(0, |calls, callee| calls | 1 << callee);
        let Some(home) = home else {
            continue;
        };
        let owned = plan.clusters[home].cores();
        let first_core = encoded.clusters[home].first_core;
        // The last cores of the cluster, so that the first one, which runs the server and services, stays free where it can.
        let spare = owned.len().saturating_sub(process.vcores.value as usize);
        let cores: &[Located<u32>] = match &process.cores {
            Some(cores) => &cores.value,
            None => &owned[spare..],
        };
        let within = |core: &Located<u32>| owned.iter().position(|own| own.value == core.value);
        for (slot, position) in target.cores.iter_mut().zip(cores.iter().filter_map(within)) {
            *slot = first_core + position as u32;
        }
    }
    encoded.process_count = plan.processes.len() as u32;
}

/// One pool for each process, at the process's index, then one for each service; the address after the last one.
fn pools(plan: &Plan, base: u64, encoded: &mut Encoded) -> u64 {
    let processes = plan
        .processes
        .iter()
        .enumerate()
        .map(|(index, process)| Pool {
            base: 0,
            blocks: process.blocks,
            process: index as u32,
            service: NONE,
            cluster: encoded.processes[index].cluster,
        });
    let services = encoded.services().iter().enumerate();
    let services = services.map(|(index, service)| Pool {
        base: 0,
        blocks: SERVICE_BLOCKS as u32,
        process: NONE,
        service: index as u32,
        cluster: service.cluster,
    });
    let pools: Vec<Pool> = processes.chain(services).collect();
    let mut next = base;
    for (target, pool) in encoded.pools.iter_mut().zip(&pools) {
        *target = Pool {
            base: next,
            ..*pool
        };
        next += u64::from(pool.blocks) * BLOCK;
    }
    encoded.pool_count = pools.len() as u32;
    next
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap_or(Name::EMPTY)
}

fn index_or_none(index: Option<usize>) -> u32 {
    index.map_or(NONE, |index| index as u32)
}
