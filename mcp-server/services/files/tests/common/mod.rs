//! A file service with two clients, a disk with an ext4 volume, and a record of what was answered.

#![allow(dead_code, reason = "each test program uses a part of it")]

pub mod calls;

use std::sync::LazyLock;

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::handle::Handle;
use atoll_abi::interface::DiskCall;
use atoll_abi::plan::{
    EncodedPlan, NONE, Pool, Process, Service as PlanService, ServiceKind, Tables,
};
use atoll_abi::syscall::{Completion, Status, Syscall};
use atoll_call::{Event, Service};
use atoll_files::FileService;
use atoll_test_support::actions::Recorded;
use atoll_test_support::disk::Disk;
use atoll_test_support::volume::{Mounted, volume};
use zerocopy::FromZeros;

pub use calls::*;

pub const BLOCK: u64 = BLOCK_SIZE as u64;
/// Length of the file `input`: one block and a bit.
pub const LENGTH: u64 = BLOCK + 513;
/// Blocks of each client's pool.
pub const BLOCKS: u32 = 70;
/// Rings of client 0: 0 and 1; the ring of client 1.
pub const OTHER: usize = 2;
/// The service's own pool.
const OWN_POOL: u32 = 3;

/// What the service did.
pub type World = Recorded<3>;

/// A service and its world.
pub struct Bench {
    pub service: FileService,
    pub world: World,
    pub disk: Disk,
    next_tag: u64,
    /// Calls that the driver was asked, by what they do.
    pub asked: Asked,
}

/// How often the driver was asked what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    pub own_reads: usize,
    pub own_writes: usize,
    pub reads: usize,
    pub writes: usize,
    pub flushes: usize,
}

/// What the file `input` holds.
pub fn input() -> Vec<u8> {
    (0..LENGTH)
        .map(|byte| (byte * 7 + byte / 256) as u8)
        .collect()
}

/// A volume with the files `input`, `empty` and `/folder/inside`.
pub fn image() -> Vec<u8> {
    static IMAGE: LazyLock<Vec<u8>> = LazyLock::new(|| {
        volume(
            10,
            &[
                ("input", &input()),
                ("empty", &[]),
                ("/folder/inside", b"inside"),
            ],
        )
    });
    IMAGE.clone()
}

/// Process 0 with two vcores, process 1 with one, a service that both may use, and one that has no client.
fn plan() -> EncodedPlan {
    let process = |pool: u32| Process {
        vcores: 2 - pool,
        services: 0b10,
        pool,
        ..Process::new_zeroed()
    };
    let pool = |index: u32| {
        let process = index < 2;
        Pool {
            base: 0,
            blocks: if process {
                BLOCKS
            } else {
                ServiceKind::Files.own_blocks() as u32
            },
            process: if process { index } else { NONE },
            service: if process { NONE } else { index - 2 },
            cluster: 0,
        }
    };
    let service = |pool| PlanService {
        pool,
        heap_size: 8 << 20,
        ..PlanService::new_zeroed()
    };
    let tables = Tables {
        processes: [0, 1].map(process).into(),
        pools: [0, 1, 2, 3].map(pool).into(),
        services: [2, OWN_POOL].map(service).into(),
        ..Tables::default()
    };
    tables.encode()
}

impl Bench {
    /// A service that waits to learn what its partition is.
    pub fn loading() -> Bench {
        Bench::loading_from(image())
    }

    pub fn loading_from(disk: Vec<u8>) -> Bench {
        let mut bench = Bench {
            service: FileService::new(&plan(), 1),
            world: World::default(),
            disk: Disk::new(disk),
            next_tag: 0,
            asked: Asked::default(),
        };
        bench.event(Event::Start);
        bench
    }

    /// A service that has its volume.
    pub fn ready() -> Bench {
        let mut bench = Bench::loading();
        bench.drive();
        bench.asked = Asked::default();
        bench
    }

    pub fn event(&mut self, event: Event<'_>) {
        self.service.handle(event, &mut self.world);
    }

    /// Makes a call on a ring, in generation 1 of its process; its tag.
    pub fn call(&mut self, ring: usize, call: Syscall) -> u64 {
        self.call_in(ring, 1, call)
    }

    pub fn call_in(&mut self, ring: usize, generation: u32, call: Syscall) -> u64 {
        self.next_tag += 1;
        let call = Syscall {
            tag: self.next_tag,
            generation,
            ..call
        };
        assert!(self.service.room(ring, 64) > 0);
        self.event(Event::Calls {
            ring,
            calls: &[call],
        });
        self.next_tag
    }

    /// The next answer on a ring.
    pub fn answer(&mut self, ring: usize) -> Option<(u64, Status, [u64; 2], u32)> {
        let answer = self.world.answers[ring].pop_front()?;
        let status = Status::from_raw(answer.status);
        Some((answer.tag, status, answer.result, answer.block))
    }

    /// Makes a call that is answered at once.
    pub fn ask(&mut self, ring: usize, call: Syscall) -> (Status, [u64; 2]) {
        let tag = self.call(ring, call);
        let (answered, status, result, _) = self.answer(ring).expect("it is answered at once");
        assert_eq!(answered, tag);
        (status, result)
    }

    /// Makes a call, and has the driver do what it takes.
    pub fn perform(&mut self, ring: usize, call: Syscall) -> (Status, [u64; 2]) {
        let tag = self.call(ring, call);
        self.drive();
        let (answered, status, result, block) = self.answer(ring).expect("it is answered");
        assert_eq!(answered, tag);
        assert!(block == call.block || status == Status::BadBlock);
        (status, result)
    }

    /// Opens something; its handle, and its length.
    pub fn open(&mut self, ring: usize, path: &str) -> Result<(Handle, u64), Status> {
        match self.perform(ring, open(path)) {
            (Status::Done, [raw, length]) => Ok((Handle::from_raw(raw as u32).unwrap(), length)),
            (status, _) => Err(status),
        }
    }

    pub fn opened(&mut self, ring: usize) -> Handle {
        let (handle, length) = self.open(ring, "input").unwrap();
        assert_eq!(length, LENGTH);
        handle
    }

    pub fn created(&mut self, ring: usize, path: &str) -> Handle {
        let (status, [raw, length]) = self.perform(ring, create(path));
        assert_eq!((status, length), (Status::Done, 0));
        Handle::from_raw(raw as u32).unwrap()
    }

    /// Puts bytes into blocks of a client, from one on.
    pub fn fill(&mut self, pool: u32, first: u32, bytes: &[u8]) {
        for (index, bytes) in (first..).zip(bytes.chunks(BLOCK_SIZE)) {
            let mut block = [0xEE; BLOCK_SIZE];
            block[..bytes.len()].copy_from_slice(bytes);
            self.world.blocks.insert((pool, index), block);
        }
    }

    /// The bytes of blocks of a client, from one on.
    pub fn bytes(&self, pool: u32, first: u32, length: usize) -> Vec<u8> {
        let blocks = (first..).take(length.div_ceil(BLOCK_SIZE));
        let mut bytes: Vec<u8> = blocks
            .flat_map(|index| self.world.blocks[&(pool, index)])
            .collect();
        bytes.truncate(length);
        bytes
    }

    /// The driver answers everything that it has, and what it is asked then; how much.
    pub fn drive(&mut self) -> usize {
        let mut driven = 0;
        while !self.world.driver.is_empty() {
            driven += self.drive_with(Status::Done);
        }
        driven
    }

    pub fn drive_with(&mut self, status: Status) -> usize {
        let calls: Vec<Syscall> = self.world.driver.drain(..).collect();
        let completions: Vec<Completion> = calls
            .iter()
            .map(|call| match status {
                Status::Done => {
                    self.note(call);
                    self.disk.carry_out(call, &mut self.world)
                }
                status => Completion::of(call, status, [0; 2]),
            })
            .collect();
        self.event(Event::Completions(&completions));
        calls.len()
    }

    /// Notes what the driver is asked.
    fn note(&mut self, call: &Syscall) {
        let asked = &mut self.asked;
        match DiskCall::decode(call).unwrap() {
            DiskCall::DescribeDisk(_) => {}
            DiskCall::ReadSectors(read) if read.pool == OWN_POOL => asked.own_reads += 1,
            DiskCall::ReadSectors(_) => asked.reads += 1,
            DiskCall::WriteSectors(write) if write.pool == OWN_POOL => asked.own_writes += 1,
            DiskCall::WriteSectors(_) => asked.writes += 1,
            DiskCall::FlushDisk(_) => asked.flushes += 1,
            other => panic!("{other:?}: not asked by a file service"),
        }
    }

    /// Nothing is under way and nothing is held.
    pub fn is_at_rest(&self) -> bool {
        let service = &self.service;
        assert_eq!(service.is_busy(), service.parked() > 0);
        (
            service.parked(),
            service.device_calls(),
            service.blocks_in_use(),
        ) == (0, 0, 0)
    }

    /// What a file holds on the disk, which another system mounts.
    pub fn on_disk(&self, path: &str) -> Result<Vec<u8>, Status> {
        Mounted::new(self.disk.bytes()).read(path)
    }
}
