//! The machine of a scenario: its plan, and its volume.

use std::sync::LazyLock;

use atoll_abi::block::{BLOCK_SIZE, SECTOR_SIZE, SECTORS_PER_BLOCK};
use atoll_abi::name::Name;
use atoll_abi::plan::{
    Channel, Cluster, DoorbellKind, EncodedPlan, NONE, Pool, Process, Service, ServiceKind, Tables,
    empty_rows,
};
use atoll_scenarios::script;
use atoll_test_disk::Sector;
use atoll_test_support::volume;
use atoll_virtio_blk::Extent;
use zerocopy::FromZeros;

use crate::frames::FRAMES_OF_A_PROCESS;
use crate::scenario::Scenario;

/// Blocks of each process's pool.
pub const POOL_BLOCKS: u32 = 8;
/// Mebibytes of the volume: the least in which there is a journal.
const VOLUME_MEBIBYTES: u64 = 10;
/// Blocks of the volume.
const VOLUME_BLOCKS: u64 = (VOLUME_MEBIBYTES << 20) / BLOCK_SIZE as u64;
/// Blocks of the partition of the blocks service.
pub const LOG_BLOCKS: u64 = 26;
/// Blocks of each partition, by service. They lie one behind the other.
const PARTITIONS: [u64; 2] = [VOLUME_BLOCKS, LOG_BLOCKS];
/// Bytes of heap of each service.
const SERVICE_HEAP: u64 = 8 << 20;
/// The name of the blocks service.
pub const LOG_SERVICE: &str = "log";

/// Physical address of the first pool.
const POOLS: u64 = 0x1000_0000;
/// Bytes from one pool to the next: no block of one is behind a block of another one.
const POOL_STRIDE: u64 = 0x10_0000;

/// The name of a process.
pub fn name_of(process: usize) -> String {
    format!("process-{process}")
}

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
        let first = |index: u32| index - index % self.processes as u32;
        let all = (1u64 << self.processes) - 1;
        let process = |index| Process {
            name: Name::new(&name_of(index as usize)).expect("a short word"),
            image: name,
            cluster: self.cluster_of(index as usize) as u32,
            vcores: self.vcores as u32,
            pool: index,
            services: 1 << self.service_of(index as usize),
            frames: match self.gives_frames {
                true => FRAMES_OF_A_PROCESS,
                false => 0,
            },
            gives: match self.gives_frames {
                true => all & !(1 << (index - first(index))),
                false => 0,
            },
            ..Process::new_zeroed()
        };
        let pool = |index: u32| Pool {
            base: POOLS + u64::from(index) * POOL_STRIDE,
            process: index,
            cluster: self.cluster_of(index as usize) as u32,
            ..POOL
        };
        let kinds = [
            (script::SERVICE, ServiceKind::Files),
            (LOG_SERVICE, ServiceKind::Blocks),
        ];
        let services = kinds.into_iter().zip(processes..).take(self.services());
        let service = |((name, kind), pool)| Service {
            name: Name::new(name).expect("a short word"),
            kind: kind as u32,
            heap_size: SERVICE_HEAP,
            pool,
            ..Service::new_zeroed()
        };
        let services: Vec<Service> = services.map(service).collect();
        let mut pools: Vec<Pool> = (0..processes).map(pool).collect();
        pools.extend((0..self.services() as u32).map(|service| Pool {
            base: POOLS + u64::from(processes + service) * POOL_STRIDE,
            service,
            ..POOL
        }));
        let clusters = self.clusters as u32;
        let tables = Tables {
            clusters: (0..clusters).map(cluster).collect(),
            instances: empty_rows(self.clusters),
            channels: (1..clusters).map(channel).collect(),
            processes: (0..processes).map(process).collect(),
            devices: empty_rows(1),
            services,
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

/// The partition of a service.
pub fn partition(service: usize) -> Extent {
    let before: u64 = PARTITIONS[..service].iter().sum();
    Extent {
        first: before * SECTORS_PER_BLOCK,
        sectors: PARTITIONS[service] * SECTORS_PER_BLOCK,
    }
}

/// Sectors of the disk.
pub fn disk_sectors() -> u64 {
    PARTITIONS.iter().sum::<u64>() * SECTORS_PER_BLOCK
}

/// The bytes of a sector of the disk that was never written: those of the volume, and zeroes behind them.
pub fn sector(number: u64) -> Sector {
    let first = number as usize * SECTOR_SIZE;
    let bytes = image().get(first..first + SECTOR_SIZE);
    bytes.map_or([0; SECTOR_SIZE], |bytes| {
        bytes.try_into().expect("the bytes of a sector")
    })
}

/// Pool, block and offset in the block of a physical address.
pub fn place_of(address: u64) -> Option<(usize, u32, usize)> {
    let offset = address.checked_sub(POOLS)?;
    let (pool, offset) = (offset / POOL_STRIDE, offset % POOL_STRIDE);
    let block = offset / BLOCK_SIZE as u64;
    let known = block < u64::from(POOL_BLOCKS);
    known.then_some((pool as usize, block as u32, offset as usize % BLOCK_SIZE))
}

/// What the device holds: an ext4 volume with the files of the script.
fn image() -> &'static [u8] {
    static IMAGE: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let files: Vec<_> = script::FILES
            .iter()
            .enumerate()
            .map(|(index, (name, _))| (*name, content(index)))
            .collect();
        volume::volume(VOLUME_MEBIBYTES as usize, &files)
    });
    &IMAGE
}

/// What a file of the volume holds, by its index: words that tell where they are.
pub fn content(index: usize) -> &'static [u8] {
    static CONTENTS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
        let content = |(index, (_, length))| volume::content(index, length);
        script::FILES.into_iter().enumerate().map(content).collect()
    });
    &CONTENTS[index]
}
