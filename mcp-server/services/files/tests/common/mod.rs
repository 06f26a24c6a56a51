//! A file service with two clients, a fake driver, and a record of what was answered.

#![allow(dead_code, reason = "each test program uses a part of it")]

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::handle::Handle;
use atoll_abi::interface::{DiskCall, Request, request};
use atoll_abi::name::Name;
use atoll_abi::plan::{EncodedPlan, NONE, Pool, Process, Service as PlanService, Tables};
use atoll_abi::syscall::{Completion, Status, Syscall};
use atoll_call::{Event, Service};
use atoll_files::FileService;
use atoll_test_support::actions::Recorded;
use atoll_test_support::disk::description;
use atoll_test_support::volume::header_block;
use zerocopy::FromZeros;

/// Sectors of the fake device.
pub const CAPACITY: u64 = 16 * 8;
/// Length of the file `input`: one block and a bit.
pub const LENGTH: u64 = BLOCK_SIZE as u64 + 513;
/// Blocks of each client's pool.
pub const BLOCKS: u32 = 70;
/// The service's own pool.
pub const OWN_POOL: u32 = 3;
/// Rings of client 0: 0 and 1; the ring of client 1.
pub const OTHER: usize = 2;

/// What the service did.
pub type World = Recorded<3>;

/// A service and its world.
pub struct Bench {
    pub service: FileService,
    pub world: World,
    next_tag: u64,
}

/// The header of a volume with the files `input` and `empty`.
pub fn header() -> [u8; BLOCK_SIZE] {
    header_block(16, &[("input", 1, LENGTH), ("empty", 3, 0)])
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
            blocks: if process { BLOCKS } else { 4 },
            process: if process { index } else { NONE },
            service: if process { NONE } else { index - 2 },
            cluster: 0,
        }
    };
    let service = |pool| PlanService {
        pool,
        ..PlanService::new_zeroed()
    };
    let tables = Tables {
        processes: [0, 1].map(process).into(),
        pools: [0, 1, 2, 3].map(pool).into(),
        services: [2, 3].map(service).into(),
        ..Tables::default()
    };
    tables.encode()
}

impl Bench {
    /// A service that waits to learn what its partition is.
    pub fn loading() -> Bench {
        let mut bench = Bench {
            service: FileService::new(&plan(), 1),
            world: World {
                blocks: [((OWN_POOL, 0), header())].into(),
                ..World::default()
            },
            next_tag: 0,
        };
        bench.event(Event::Start);
        bench
    }

    /// A service that has its volume.
    pub fn ready() -> Bench {
        let mut bench = Bench::loading();
        bench.drive();
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

    pub fn opened(&mut self, ring: usize) -> Handle {
        let (status, result) = self.ask(ring, open("input"));
        assert_eq!((status, result[1]), (Status::Done, LENGTH));
        Handle::from_raw(result[0] as u32).unwrap()
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
            .map(|call| {
                let result = match DiskCall::decode(call).unwrap() {
                    DiskCall::ReadSectors(read) => [u64::from(read.sectors), 0],
                    DiskCall::DescribeDisk(_) => description(CAPACITY),
                    other => panic!("{other:?}: not asked by a file service"),
                };
                Completion::of(call, status, result)
            })
            .collect();
        self.event(Event::Completions(&completions));
        calls.len()
    }

    /// Nothing is under way and nothing is held.
    pub fn is_at_rest(&self) -> bool {
        let service = &self.service;
        (
            service.parked(),
            service.device_calls(),
            service.blocks_in_use(),
        ) == (0, 0, 0)
    }
}

pub fn open(name: &str) -> Syscall {
    let name = Name::new(name).unwrap();
    request::Open { name }.encode()
}

pub fn stat(file: Handle) -> Syscall {
    request::Stat { file }.encode()
}

pub fn close(file: Handle) -> Syscall {
    request::Close { file }.encode()
}

pub fn read(file: Handle, offset: u64, length: u64, block: u32) -> Syscall {
    let read = request::Read {
        file,
        offset,
        length,
    };
    Syscall {
        block,
        ..read.encode()
    }
}
