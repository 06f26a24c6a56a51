//! The plan of a machine with one volume.

use atoll_abi::name::Name;
use atoll_abi::plan::{
    Channel, Cluster, DoorbellKind, EncodedPlan, NONE, Pool, Process, Service, ServiceKind, Tables,
    empty_rows,
};
use zerocopy::FromZeros;

/// Blocks of each process's pool.
pub const BLOCKS: u32 = 8;

/// Bytes of the service's heap, of which the journal may take half.
const HEAP: u64 = 8 << 20;

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
pub fn plan(processes: &[(u32, u32)]) -> EncodedPlan {
    let count = processes.len() as u32;
    let cluster = |index| Cluster {
        name: name_of("cluster"),
        instance: index,
        core_count: 1,
        comparator: index,
        quantum_ms: 1,
        ..Cluster::new_zeroed()
    };
    let channel = Channel {
        clusters: [0, 1],
        doorbell: DoorbellKind::Hpet as u32,
        ..Channel::new_zeroed()
    };
    let service = Service {
        name: name_of(SERVICE),
        kind: ServiceKind::Files as u32,
        pool: count,
        heap_size: HEAP,
        ..Service::new_zeroed()
    };
    let mut tables = Tables {
        clusters: [0, 1].map(cluster).into(),
        instances: empty_rows(2),
        channels: vec![channel],
        devices: empty_rows(1),
        services: vec![service],
        ..Tables::default()
    };
    for (index, &(cluster, vcores)) in (0..).zip(processes) {
        tables.processes.push(Process {
            name: name_of("process"),
            image: name_of("image"),
            cluster,
            vcores,
            pool: index,
            services: 1,
            ..Process::new_zeroed()
        });
        tables.pools.push(Pool {
            blocks: BLOCKS,
            process: index,
            service: NONE,
            cluster,
            ..Pool::new_zeroed()
        });
    }
    tables.pools.push(Pool {
        blocks: ServiceKind::Files.own_blocks() as u32,
        process: NONE,
        ..Pool::new_zeroed()
    });
    tables.encode()
}
