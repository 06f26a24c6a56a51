//! What every laid-out plan must satisfy, checked on the encoded plan alone.

mod addresses;

use std::path::{Path, PathBuf};

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::connection::Provider;
use atoll_abi::layout::{PAGE_SIZE, RING_WINDOW_SIZE};
use atoll_abi::plan::{
    DeviceKind, DoorbellKind, KernelMode, MAX_CONNECTIONS, NONE, Plan as Encoded, ServiceKind,
};
use atoll_plan::{CheckedPlan, LARGE_PAGE, RESERVED_HIGH, RESERVED_LOW, SERIAL_PORTS};
use zerocopy::IntoBytes;

/// The plans that Atoll ships.
#[allow(dead_code)]
pub const SHIPPED: [&str; 6] = ["1x4", "2x2", "4x1", "node", "shared", "three"];

/// The path of a shipped plan.
#[allow(dead_code)]
pub fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../plans/{name}.toml"))
}

/// Asserts everything.
pub fn assert_sound(checked: &CheckedPlan) {
    let plan = checked.encode();
    assert_eq!(Encoded::parse(plan.as_bytes()), Some(&*plan));
    assert_memory(&plan);
    assert_cores(&plan);
    assert_doorbells(&plan);
    assert_pools(&plan);
    assert_services(&plan);
    assert_connections(&plan);
    addresses::assert_sound(&plan);
    assert_drawing(checked);
}

fn assert_memory(plan: &Encoded) {
    let mut regions = vec![(0, RESERVED_LOW)];
    for instance in plan.instances() {
        assert_eq!(instance.memory_base % LARGE_PAGE, 0);
        assert_eq!(instance.memory_size % LARGE_PAGE, 0);
        regions.push((instance.memory_base, instance.memory_size));
    }
    let shared_end = plan.machine().shared_base + plan.machine().shared_size;
    assert_eq!(plan.machine().shared_base % LARGE_PAGE, 0);
    assert_eq!(plan.machine().shared_size % LARGE_PAGE, 0);
    let mut shared: Vec<(u64, u64)> = plan
        .connections()
        .map(|connection| (connection.window, RING_WINDOW_SIZE as u64))
        .collect();
    let wake_pages = plan.channels().iter().map(|channel| channel.wake_page);
    shared.extend(
        wake_pages
            .filter(|&page| page != 0)
            .map(|page| (page, PAGE_SIZE as u64)),
    );
    for pool in plan.pools() {
        shared.push((pool.base, u64::from(pool.blocks) * BLOCK_SIZE as u64));
    }
    for writer in plan.timeline_writers() {
        let window = plan.timeline_window(writer);
        shared.extend(window.map(|base| (base, plan.timeline_window_size())));
    }
    // In the order of the layout and without gaps: windows, wake pages, pools, windows of the timeline.
    let mut next = plan.machine().shared_base;
    for &(base, bytes) in &shared {
        assert_eq!(base, next);
        next = base + bytes;
    }
    assert_eq!(next.next_multiple_of(LARGE_PAGE), shared_end);
    for &(base, bytes) in &shared {
        assert_eq!(base % BLOCK_SIZE as u64, 0);
        assert!(bytes > 0 && base >= plan.machine().shared_base && base + bytes <= shared_end);
    }
    regions.extend(shared);
    regions.push((plan.machine().memory - RESERVED_HIGH, RESERVED_HIGH));
    regions.sort_unstable();
    for pair in regions.windows(2) {
        let (base, bytes) = pair[0];
        assert!(base + bytes <= pair[1].0, "{pair:x?} overlap");
    }
    assert!(shared_end <= plan.machine().memory - RESERVED_HIGH);
}

fn assert_cores(plan: &Encoded) {
    let mut cores: Vec<u32> = plan
        .instances()
        .iter()
        .flat_map(|it| it.cores().to_vec())
        .collect();
    cores.sort_unstable();
    assert!(cores.windows(2).all(|pair| pair[0] < pair[1]), "{cores:?}");
    assert_eq!(cores.first(), Some(&0));
    assert!(cores.iter().all(|&core| core < plan.machine().cores));
    for (instance, port) in plan.instances().iter().zip(SERIAL_PORTS) {
        assert!(instance.cores().is_sorted() && instance.core_count > 0);
        assert_eq!(instance.serial_port, port);
        assert!(instance.time_slice > 0);
    }
    for cluster in plan.clusters() {
        let instance = &plan.instances()[cluster.instance as usize];
        let first = cluster.first_core as usize;
        let within = &instance.cores()[first..first + cluster.core_count as usize];
        assert_eq!(within, cluster.cores());
        let slice = instance.timer_tick_ms * instance.time_slice;
        assert_eq!(slice, cluster.quantum_ms);
    }
    for process in plan.processes() {
        let cluster = &plan.clusters()[process.cluster as usize];
        let owned = cluster.first_core..cluster.first_core + cluster.core_count;
        let mut used = process.cores[..process.vcores as usize].to_vec();
        assert!(used.iter().all(|core| owned.contains(&u32::from(*core))));
        used.sort_unstable();
        used.dedup();
        assert_eq!(used.len(), process.vcores as usize);
    }
}

fn assert_doorbells(plan: &Encoded) {
    let mut comparators = Vec::new();
    for (index, cluster) in plan.clusters().iter().enumerate() {
        let rung = plan.channels().iter().any(|channel| {
            channel.end_of(index as u32).is_some() && channel.doorbell == DoorbellKind::Hpet as u32
        });
        let timed = plan
            .processes()
            .iter()
            .any(|process| process.cluster == index as u32);
        let woken = (rung || timed) && cluster.masked == 0;
        assert_eq!(woken, cluster.comparator != NONE);
        if woken {
            comparators.push(cluster.comparator);
        }
    }
    let numbers: Vec<u32> = (0..comparators.len() as u32).collect();
    assert_eq!(comparators, numbers);
    for channel in plan.channels() {
        let [first, second] = channel
            .clusters
            .map(|cluster| plan.clusters()[cluster as usize].instance);
        let between = channel.doorbell == DoorbellKind::Hpet as u32;
        assert_eq!(between, first != second);
        assert_eq!(between, channel.wake_page != 0);
    }
    let shared = plan.machine().mode == KernelMode::Shared as u32;
    assert_eq!(
        shared && plan.clusters().len() > 1,
        plan.instances().len() < plan.clusters().len()
    );
}

fn assert_pools(plan: &Encoded) {
    let processes = plan.processes().len();
    assert_eq!(plan.pools().len(), processes + plan.services().len());
    for (index, process) in plan.processes().iter().enumerate() {
        assert_eq!(process.pool, index as u32);
        let pool = &plan.pools()[index];
        assert_eq!(
            (pool.process, pool.service, pool.cluster),
            (index as u32, NONE, process.cluster)
        );
    }
    for (index, service) in plan.services().iter().enumerate() {
        assert_eq!(service.pool as usize, processes + index);
        let pool = &plan.pools()[service.pool as usize];
        assert_eq!(
            (pool.process, pool.service, pool.cluster),
            (NONE, index as u32, service.cluster)
        );
        let kind = ServiceKind::from_raw(service.kind).unwrap();
        assert_eq!(pool.blocks, kind.own_blocks() as u32);
    }
}

fn assert_services(plan: &Encoded) {
    let mut used: Vec<u32> = plan.services().iter().map(|it| it.device).collect();
    used.sort_unstable();
    used.dedup();
    let devices: Vec<u32> = (0..plan.devices().len() as u32).collect();
    assert_eq!(used, devices, "each device has a service");
    for service in plan.services() {
        let cluster = &plan.clusters()[service.cluster as usize];
        let cores = cluster.first_core..cluster.first_core + cluster.core_count;
        assert_eq!(cluster.masked, 0);
        let device = &plan.devices()[service.device as usize];
        assert_eq!(device.cluster, service.cluster);
        assert!(cores.contains(&service.core) && cores.contains(&device.core));
        let kind = ServiceKind::from_raw(service.kind).unwrap();
        assert_eq!(DeviceKind::from_raw(device.kind), Some(kind.device()));
    }
}

fn assert_connections(plan: &Encoded) {
    let mut connections = plan.services().len();
    for process in plan.processes() {
        connections += process.vcores as usize * process.services.count_ones() as usize;
        assert_eq!(u64::from(process.services) >> plan.services().len(), 0);
    }
    assert_eq!(plan.connections().count(), connections);
    assert!(connections <= MAX_CONNECTIONS);
    for connection in plan.connections() {
        let client = plan.client_cluster(connection.client);
        let provider = plan.provider_cluster(connection.provider);
        match connection.provider {
            Provider::Driver(_) => assert_eq!(client, provider),
            Provider::Service(_) if client == provider => {}
            Provider::Service(_) => {
                let (channel, end) = plan.channel_between(client, provider).unwrap();
                let channel = &plan.channels()[channel];
                assert_eq!(channel.clusters[end], client);
                // A wake-up that crosses kernels has a page to be written on, and a server that takes it.
                assert_eq!(channel.wake_page != 0, plan.crosses_kernels(&connection));
                if plan.crosses_kernels(&connection) {
                    assert!(plan.uses_hpet(client) && plan.uses_hpet(provider));
                }
            }
        }
    }
}

/// The memory of the drawing has no gaps: each region begins where the one before it ends.
fn assert_drawing(checked: &CheckedPlan) {
    let drawing = checked.draw();
    let mut at = 0;
    for line in drawing.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let [base, "-", end, ..] = words.as_slice() {
            let number = |text: &str| u64::from_str_radix(text.trim_start_matches("0x"), 16);
            if let (Ok(base), Ok(end)) = (number(base), number(end)) {
                assert_eq!(base, at, "{drawing}");
                at = end;
            }
        }
    }
    assert_eq!(at, checked.machine_memory(), "{drawing}");
}
