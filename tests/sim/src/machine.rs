//! The machine of a scenario: its plan, and its volume.

use atoll_abi::block::{BLOCK_SIZE, SECTORS_PER_BLOCK};
use atoll_abi::layout::MAX_VCORES;
use atoll_abi::name::Name;
use atoll_abi::plan::{Channel, Cluster, MAX_CORES, NONE, Plan, Pool, Process};
use atoll_abi::volume::{VOLUME_FILES, VOLUME_MAGIC, VOLUME_VERSION, VolumeFile, VolumeHeader};
use atoll_scenarios::script;

use crate::scenario::Scenario;

/// Blocks of each process's pool.
pub const POOL_BLOCKS: u32 = 8;
/// Blocks of the volume.
pub const VOLUME_BLOCKS: u64 = 16;
/// Sectors of the device.
pub const DEVICE_SECTORS: u64 = VOLUME_BLOCKS * SECTORS_PER_BLOCK;

impl Scenario {
    /// The plan of its machine.
    pub fn plan(&self) -> Plan {
        let mut plan = Plan::empty();
        let processes = self.all_processes();
        plan.cluster_count = self.clusters as u32;
        plan.channel_count = self.channels() as u32;
        plan.process_count = processes as u32;
        plan.device_count = 1;
        plan.pool_count = processes as u32 + 1;
        let name = Name::new("simulated").expect("a short word");
        for (index, cluster) in (0u32..).zip(&mut plan.clusters[..self.clusters]) {
            *cluster = Cluster {
                name,
                kind: 0,
                instance: 0,
                core_count: 1,
                first_core: 0,
                cores: [0; MAX_CORES],
                block_device: if index == 0 { 0 } else { NONE },
                comparator: NONE,
                server_pool: if index == 0 { processes as u32 } else { NONE },
                quantum_ms: 1,
                masked: 0,
                padding: 0,
            };
        }
        for (index, channel) in (1u32..).zip(&mut plan.channels[..self.clusters - 1]) {
            *channel = Channel {
                clusters: [0, index],
                window: 0,
                window_size: 0,
                doorbell: 0,
                padding: 0,
            };
        }
        for index in 0..processes {
            let cluster = self.cluster_of(index) as u32;
            plan.processes[index] = Process {
                name,
                image: name,
                cluster,
                vcores: self.vcores as u32,
                cores: [0; MAX_VCORES],
                pool: index as u32,
                file_cluster: 0,
                file_channel: cluster.checked_sub(1).unwrap_or(NONE),
                calls: 0,
                heap_size: 0,
                operator: 0,
                uthreads: 0,
            };
            plan.pools[index] = pool(index as u32, cluster);
        }
        plan.pools[processes] = pool(NONE, 0);
        plan
    }
}

fn pool(process: u32, cluster: u32) -> Pool {
    Pool {
        base: 0,
        blocks: POOL_BLOCKS,
        process,
        cluster,
        padding: 0,
    }
}

/// The header of the simulated volume: the files of the script.
pub fn volume() -> VolumeHeader {
    let mut files = [VolumeFile::EMPTY; VOLUME_FILES];
    let mut block = 1;
    for (entry, (name, length)) in files.iter_mut().zip(script::FILES) {
        *entry = VolumeFile {
            name: Name::new(name).expect("a short word"),
            first_block: block,
            length,
        };
        block += length.div_ceil(BLOCK_SIZE as u64);
    }
    VolumeHeader {
        magic: VOLUME_MAGIC,
        version: VOLUME_VERSION,
        count: script::FILES.len() as u32,
        blocks: VOLUME_BLOCKS,
        reserved: [0; 5],
        files,
    }
}
