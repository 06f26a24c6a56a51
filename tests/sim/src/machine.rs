//! The machine of a scenario: its plan, and its volume.

use std::sync::LazyLock;

use atoll_abi::block::{BLOCK_SIZE, SECTOR_SIZE, SECTORS_PER_BLOCK};
use atoll_abi::name::Name;
use atoll_abi::plan::{
    Channel, Cluster, DoorbellKind, EncodedPlan, NONE, Pool, Process, Service, ServiceKind, Tables,
    empty_rows,
};
use atoll_abi::volume::{VOLUME_FILES, VOLUME_MAGIC, VOLUME_VERSION, VolumeFile, VolumeHeader};
use atoll_scenarios::script;
use zerocopy::{FromZeros, IntoBytes};

use crate::scenario::Scenario;

/// Blocks of each process's pool.
pub const POOL_BLOCKS: u32 = 8;
/// Blocks of the volume.
pub const VOLUME_BLOCKS: u64 = 16;
/// Sectors of the device.
pub const DEVICE_SECTORS: u64 = VOLUME_BLOCKS * SECTORS_PER_BLOCK;

impl Scenario {
    /// The plan of its machine: each cluster is a kernel instance.
    pub fn plan(&self) -> EncodedPlan {
        let processes = self.all_processes() as u32;
        let name = Name::new("simulated").expect("a short word");
        let cluster = |index| Cluster {
            name,
            instance: index,
            core_count: 1,
            comparator: index,
            quantum_ms: 1,
            ..Cluster::new_zeroed()
        };
        let channel = |index| Channel {
            clusters: [0, index],
            doorbell: DoorbellKind::Hpet as u32,
            ..Channel::new_zeroed()
        };
        let process = |index| Process {
            name,
            image: name,
            cluster: self.cluster_of(index as usize) as u32,
            vcores: self.vcores as u32,
            pool: index,
            services: 1,
            ..Process::new_zeroed()
        };
        let pool = |index| Pool {
            process: index,
            cluster: self.cluster_of(index as usize) as u32,
            ..POOL
        };
        let service = Service {
            name: Name::new(script::SERVICE).expect("a short word"),
            kind: ServiceKind::Files as u32,
            pool: processes,
            ..Service::new_zeroed()
        };
        let mut pools: Vec<Pool> = (0..processes).map(pool).collect();
        pools.push(Pool { service: 0, ..POOL });
        let clusters = self.clusters as u32;
        let tables = Tables {
            clusters: (0..clusters).map(cluster).collect(),
            instances: empty_rows(self.clusters),
            channels: (1..clusters).map(channel).collect(),
            processes: (0..processes).map(process).collect(),
            devices: empty_rows(1),
            services: vec![service],
            pools,
            ..Tables::default()
        };
        tables.encode()
    }
}

const POOL: Pool = Pool {
    base: 0,
    blocks: POOL_BLOCKS,
    process: NONE,
    service: NONE,
    cluster: 0,
};

/// The bytes of a sector of the device.
pub fn sector(number: u64) -> &'static [u8] {
    let first = number as usize * SECTOR_SIZE;
    image().get(first..first + SECTOR_SIZE).unwrap_or_default()
}

/// What the device holds: the header of the volume, and in the blocks behind it words that tell where they are.
pub fn image() -> &'static [u8] {
    static IMAGE: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let mut bytes = volume().as_bytes().to_vec();
        bytes.resize(BLOCK_SIZE, 0);
        let words = BLOCK_SIZE as u64 / 8..VOLUME_BLOCKS * BLOCK_SIZE as u64 / 8;
        bytes.extend(
            words.flat_map(|word| (word.wrapping_mul(0x9e37_79b9_7f4a_7c15)).to_le_bytes()),
        );
        bytes
    });
    &IMAGE
}

/// A file of the volume, by its index.
pub fn file(index: usize) -> VolumeFile {
    volume().files[index]
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
