//! A driver with two clients, and a fake device.

#![allow(dead_code, reason = "each test program uses a part")]

use atoll_abi::block::{BLOCK_SIZE, BlockList, SECTOR_SIZE};
use atoll_abi::disk::Properties;
use atoll_abi::interface::{Request, request};
use atoll_abi::plan::{
    EncodedPlan, NONE, Pool, Process, Service as PlanService, Tables, empty_rows,
};
use atoll_abi::syscall::{Status, Syscall};
use atoll_call::{Event, Service};
use atoll_test_disk::{FakeDevice, Line, Memory};
use atoll_test_support::actions::Recorded;
use atoll_test_support::tags::{self, Tags};
use atoll_virtio_blk::{Abilities, Disk, DiskService, Extent, MOST_SEGMENTS, Queue};
use zerocopy::FromZeros;

pub const DMA_SIZE: usize = 8 * 4096;
pub const DMA_PHYSICAL: u64 = 0x7_0000_0000;
pub const POOL_PHYSICAL: u64 = 0x1_2000_0000;
/// Blocks of each pool.
pub const POOL_BLOCKS: u32 = 64;
pub const CAPACITY: u64 = 1 << 33;
/// The clients' partitions: the second one ends with the disk.
pub const EXTENTS: [Extent; 2] = [
    Extent {
        first: 2048,
        sectors: 1 << 20,
    },
    Extent {
        first: (1 << 20) + 2048,
        sectors: CAPACITY - (1 << 20) - 2048,
    },
];

/// An ordinary device.
pub const ABILITIES: Abilities = Abilities {
    sectors: CAPACITY,
    properties: Properties {
        block_size: SECTOR_SIZE as u32,
        read_only: false,
        caches: true,
    },
    segments: MOST_SEGMENTS,
    zero: 1 << 16,
    discard: 1 << 16,
};

/// Two services of one device, each with a process and a pool of its own: pools 0 and 1 are those of the processes, 2 and 3 those of
/// the services, one behind another in memory.
pub fn plan() -> EncodedPlan {
    let pool = |index: u32| Pool {
        base: POOL_PHYSICAL + u64::from(index * POOL_BLOCKS) * BLOCK_SIZE as u64,
        blocks: POOL_BLOCKS,
        process: if index < 2 { index } else { NONE },
        service: if index < 2 { NONE } else { index - 2 },
        cluster: 0,
    };
    let tables = Tables {
        devices: empty_rows(1),
        services: [2, 3]
            .map(|pool| PlanService {
                pool,
                ..PlanService::new_zeroed()
            })
            .into(),
        processes: [0, 1]
            .map(|index| Process {
                pool: index,
                services: 1 << index,
                ..Process::new_zeroed()
            })
            .into(),
        pools: [0, 1, 2, 3].map(pool).into(),
        ..Tables::default()
    };
    tables.encode()
}

/// What the driver did. It makes no calls and looks into no block.
pub type World = Recorded<2>;

/// A driver, its device and what is between them.
pub struct Bench {
    pub driver: DiskService<Line>,
    pub device: FakeDevice,
    pub line: Line,
    /// The memory of all pools.
    pub pools: Memory,
    pub world: World,
    tags: Tags,
}

pub fn bench() -> Bench {
    bench_of(ABILITIES, 256)
}

/// A driver of a device with these abilities and a queue of at most so many descriptors.
pub fn bench_of(abilities: Abilities, limit: u16) -> Bench {
    let memory = Memory::new(DMA_SIZE, DMA_PHYSICAL);
    let pools = Memory::new(4 * POOL_BLOCKS as usize * BLOCK_SIZE, POOL_PHYSICAL);
    let queue = Queue::new(memory.dma(), limit).unwrap();
    let device = FakeDevice::new(&memory, queue.size(), queue.addresses(), abilities.sectors);
    let line = Line {
        keep: vec![memory],
        ..Line::default()
    };
    let disk = Disk::new(line.clone(), queue, abilities);
    let mut driver = DiskService::new(&plan(), 0, disk, EXTENTS.map(Some));
    let mut world = World::default();
    driver.handle(Event::Start, &mut world);
    Bench {
        driver,
        device,
        line,
        pools,
        world,
        tags: Tags::default(),
    }
}

impl Bench {
    pub fn event(&mut self, event: Event<'_>) {
        self.driver.handle(event, &mut self.world);
    }

    /// Makes calls of a client, together; their tags.
    pub fn calls(&mut self, client: usize, calls: &[Syscall]) -> Vec<u64> {
        let tagged = self.tags.give(calls);
        assert!(self.driver.room(client, 256) >= calls.len());
        self.event(Event::Calls {
            ring: client,
            calls: &tagged,
        });
        tagged.iter().map(|call| call.tag).collect()
    }

    /// Makes a call of a client; its tag.
    pub fn call(&mut self, client: usize, call: Syscall) -> u64 {
        self.calls(client, &[call])[0]
    }

    /// The next answer of a client.
    pub fn answer(&mut self, client: usize) -> Option<(u64, Status, u64, u32)> {
        let answer = self.world.answers[client].pop_front()?;
        let status = tags::status(&answer);
        Some((answer.tag, status, answer.result[0], answer.block))
    }

    /// Makes a call that is answered without the device.
    pub fn ask(&mut self, client: usize, call: Syscall) -> Status {
        let tag = self.call(client, call);
        let (answered, status, ..) = self.answer(client).expect("it is answered at once");
        assert_eq!(answered, tag);
        status
    }

    /// The device does all that it has; how many requests.
    pub fn serve(&mut self) -> usize {
        let served = self.device.serve_all(&mut self.pools);
        self.event(Event::Device);
        served
    }

    /// Makes a call that the device serves; how it ends.
    pub fn done(&mut self, client: usize, call: Syscall) -> (Status, u64) {
        let tag = self.call(client, call);
        while self.serve() > 0 {}
        let (answered, status, result, block) = self.answer(client).expect("it is answered");
        assert_eq!((answered, block), (tag, call.block));
        (status, result)
    }

    /// Fills a block of a pool with bytes.
    pub fn fill(&mut self, pool: u32, block: u32, byte: u8) {
        let dma = self.pools.dma();
        let start = (pool * POOL_BLOCKS + block) as usize * BLOCK_SIZE;
        for offset in (0..BLOCK_SIZE).step_by(8) {
            dma.store64(start + offset, u64::from_ne_bytes([byte; 8]));
        }
    }

    /// A word of a block.
    pub fn word(&self, pool: u32, block: u32, word: usize) -> u64 {
        let start = (pool * POOL_BLOCKS + block) as usize * BLOCK_SIZE;
        self.pools.dma().load64(start + 8 * word)
    }

    /// Nothing is under way, and no call has a block.
    pub fn is_at_rest(&self) -> bool {
        assert!(self.world.driver.is_empty(), "a driver makes no calls");
        let rest = (self.driver.under_way(), self.driver.blocks_taken()) == (0, 0);
        assert_eq!(self.driver.is_busy(), self.driver.under_way() > 0);
        rest
    }
}

/// A read of sectors into blocks of a pool.
pub fn read_into(pool: u32, blocks: &[u32], sector: u64, sectors: u32) -> Syscall {
    let read = request::ReadSectors {
        sector,
        sectors,
        pool,
    };
    BlockList::of(blocks).unwrap().into_call(read.encode())
}

/// A read of sectors of client 0 into blocks of an order of pool 0.
pub fn read_large(order: u32, blocks: &[u32], sector: u64, sectors: u32) -> Syscall {
    let list = BlockList::of_order(order, blocks).unwrap();
    list.into_call(read_into(0, &blocks[..1], sector, sectors))
}

/// A read of sectors of client 0 into a block of pool 0.
pub fn read(block: u32, sector: u64, sectors: u32) -> Syscall {
    read_into(0, &[block], sector, sectors)
}

/// A write of sectors from blocks of a pool.
pub fn write_from(pool: u32, blocks: &[u32], sector: u64, sectors: u32) -> Syscall {
    let write = request::WriteSectors {
        sector,
        sectors,
        pool,
    };
    BlockList::of(blocks).unwrap().into_call(write.encode())
}

/// A write of sectors of client 0 from a block of pool 0.
pub fn write(block: u32, sector: u64, sectors: u32) -> Syscall {
    write_from(0, &[block], sector, sectors)
}

pub fn flush() -> Syscall {
    request::FlushDisk {}.encode()
}

pub fn zero(sector: u64, sectors: u32) -> Syscall {
    request::ZeroSectors { sector, sectors }.encode()
}

pub fn discard(sector: u64, sectors: u32) -> Syscall {
    request::DiscardSectors { sector, sectors }.encode()
}
