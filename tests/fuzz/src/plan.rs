//! The plan of the machine that the targets run on.

use atoll_abi::name::Name;
use atoll_abi::plan::{Channel, Cluster, NONE, Plan, Pool, Process};
use zerocopy::FromZeros;

/// Blocks of each process's pool.
pub const BLOCKS: u32 = 8;

/// The pool of cluster 0's server.
pub const SERVER_POOL: u32 = 4;

/// A name that is one.
pub fn name_of(text: &str) -> Name {
    Name::new(text).unwrap_or_else(|| panic!("{text:?} is no name"))
}

/// Two clusters with a channel: cluster 0 has the device and processes 0 and 1, cluster 1 processes 2 and 3. The first
/// process of each has four vcores, the second one; the pool of process `p` is pool `p`.
pub fn plan() -> Plan {
    let mut plan = Plan::empty();
    plan.cluster_count = 2;
    plan.channel_count = 1;
    plan.process_count = 4;
    plan.device_count = 1;
    plan.pool_count = 5;
    plan.clusters[0] = cluster(0, SERVER_POOL);
    plan.clusters[1] = cluster(NONE, NONE);
    plan.channels[0] = Channel {
        clusters: [0, 1],
        ..FromZeros::new_zeroed()
    };
    for index in 0..4u32 {
        let of = index / 2;
        plan.processes[index as usize] = Process {
            name: name_of("process"),
            image: name_of("image"),
            cluster: of,
            vcores: if index % 2 == 0 { 4 } else { 1 },
            pool: index,
            file_cluster: 0,
            file_channel: if of == 0 { NONE } else { 0 },
            ..FromZeros::new_zeroed()
        };
        plan.pools[index as usize] = pool(BLOCKS, index, of);
    }
    plan.pools[SERVER_POOL as usize] = pool(4, NONE, 0);
    plan
}

fn cluster(block_device: u32, server_pool: u32) -> Cluster {
    Cluster {
        name: name_of("cluster"),
        core_count: 1,
        block_device,
        comparator: NONE,
        server_pool,
        quantum_ms: 1,
        ..FromZeros::new_zeroed()
    }
}

fn pool(blocks: u32, process: u32, cluster: u32) -> Pool {
    Pool {
        blocks,
        process,
        cluster,
        ..FromZeros::new_zeroed()
    }
}
