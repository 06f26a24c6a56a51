//! The plan of a machine with one volume.

use atoll_abi::name::Name;
use atoll_abi::plan::{
    Channel, Cluster, DoorbellKind, NONE, Plan, Pool, Process, Service, ServiceKind,
};

/// Blocks of each process's pool.
pub const BLOCKS: u32 = 8;

/// Name of the service that has the volume's files.
pub const SERVICE: &str = "files";

/// A name that is one.
///
/// # Panics
/// Where it is none.
pub fn name_of(text: &str) -> Name {
    Name::new(text).unwrap_or_else(|| panic!("{text:?} is no name"))
}

/// Two clusters, each with a kernel instance, and a channel between them. Cluster 0 has the device and the service for its
/// files, which every process may use. Each process is given by its cluster and how many vcores it may have; its pool has
/// its own index, that of the service the next one.
pub fn plan(processes: &[(u32, u32)]) -> Plan {
    let mut plan = Plan::empty();
    let count = processes.len() as u32;
    plan.cluster_count = 2;
    plan.instance_count = 2;
    plan.channel_count = 1;
    plan.device_count = 1;
    plan.service_count = 1;
    plan.process_count = count;
    plan.pool_count = count + 1;
    for (index, cluster) in (0..2).zip(&mut plan.clusters) {
        *cluster = Cluster {
            name: name_of("cluster"),
            instance: index,
            core_count: 1,
            comparator: index,
            quantum_ms: 1,
            ..*cluster
        };
    }
    plan.channels[0] = Channel {
        clusters: [0, 1],
        doorbell: DoorbellKind::Hpet as u32,
        ..plan.channels[0]
    };
    plan.services[0] = Service {
        name: name_of(SERVICE),
        kind: ServiceKind::Files as u32,
        pool: count,
        ..plan.services[0]
    };
    plan.pools[processes.len()] = Pool {
        blocks: atoll_abi::layout::SERVICE_BLOCKS as u32,
        process: NONE,
        ..plan.pools[processes.len()]
    };
    for (index, &(cluster, vcores)) in processes.iter().enumerate() {
        plan.processes[index] = Process {
            name: name_of("process"),
            image: name_of("image"),
            cluster,
            vcores,
            pool: index as u32,
            services: 1,
            ..plan.processes[index]
        };
        plan.pools[index] = Pool {
            blocks: BLOCKS,
            process: index as u32,
            service: NONE,
            cluster,
            ..plan.pools[index]
        };
    }
    plan
}
