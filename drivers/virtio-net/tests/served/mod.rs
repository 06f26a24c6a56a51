//! A driver as a service, its client, and a fake device.

#![allow(dead_code, reason = "each test program uses a part")]

#[path = "../support/device.rs"]
mod device;

use atoll_abi::block::{BLOCK_SIZE, BlockList};
use atoll_abi::interface::{Request, request};
use atoll_abi::net::{Checksum, ChecksumPlace, ChecksumToMake, FrameLengths, Received};
use atoll_abi::plan::{
    EncodedPlan, NONE, Pool as PlanPool, Process, Service as PlanService, Tables, empty_rows,
};
use atoll_abi::syscall::{Status, Syscall};
use atoll_call::{Event, Service};
use atoll_driver::DeviceService;
use atoll_test_net::{FakeNetwork, FrameHeader, Line, Pool};
use atoll_test_support::actions::Recorded;
use atoll_test_support::tags::{self, Tags};
use atoll_test_virtio::{Memory, Numbers};
use atoll_virtio_net::{Abilities, HEADER_SIZE, NetService, Network};
use zerocopy::FromZeros;

pub use device::ABILITIES;
use device::{DMA_PHYSICAL, DMA_SIZE};

const POOL_PHYSICAL: u64 = 0x1_2000_0000;
/// Blocks of each pool.
pub const POOL_BLOCKS: u32 = 64;
/// The pool of the client's process, and the client's own one.
pub const LENT: u32 = 0;
pub const OWN: u32 = 2;
pub const PAGE: usize = BLOCK_SIZE;

fn pool_base(index: u32) -> u64 {
    POOL_PHYSICAL + u64::from(index * POOL_BLOCKS) * BLOCK_SIZE as u64
}

/// Two services of one device, each with a process and a pool of its own: pools 0 and 1 are those of the processes, 2 and 3 those of
/// the services, one behind another in memory.
fn plan() -> EncodedPlan {
    let pool = |index: u32| PlanPool {
        base: pool_base(index),
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

/// An answer: its tag, status, results and block.
pub type Answer = (u64, Status, [u64; 2], u32);

pub struct Bench {
    pub driver: NetService<Line, Pool>,
    /// It reaches the pools of the client and its process, and no others.
    pub device: FakeNetwork,
    pub line: Line,
    pub own: Pool,
    pub lent: Pool,
    pub world: Recorded<2>,
    tags: Tags,
}

pub fn bench() -> Bench {
    bench_of(ABILITIES, [256, 256])
}

/// A driver of a device with these abilities and queues of at most so many descriptors.
pub fn bench_of(abilities: Abilities, limits: [u16; 2]) -> Bench {
    let memory = Memory::new(DMA_SIZE, DMA_PHYSICAL);
    let [own, lent] = [OWN, LENT].map(|it| Pool::new(POOL_BLOCKS as usize, pool_base(it)));
    let others = [&own, &lent].map(|it| it.memory.clone());
    let line = Line {
        keep: [&memory].into_iter().chain(&others).cloned().collect(),
        ..Line::default()
    };
    line.status.set(1);
    let network = Network::new(line.clone(), own.clone(), memory.dma(), limits, abilities);
    let network = network.unwrap();
    let device = FakeNetwork::new(&memory, network.queues(), &others);
    let mut driver = NetService::new(&plan(), 0, network);
    let mut world = Recorded::default();
    driver.handle(Event::Start, &mut world);
    Bench {
        driver,
        device,
        line,
        own,
        lent,
        world,
        tags: Tags::default(),
    }
}

impl Bench {
    pub fn event(&mut self, event: Event<'_>) {
        self.driver.handle(event, &mut self.world);
    }

    /// Makes calls of a client, together; their tags.
    pub fn calls_of(&mut self, client: usize, calls: &[Syscall]) -> Vec<u64> {
        let tagged = self.tags.give(calls);
        assert!(self.driver.room(client, 256) >= calls.len());
        self.event(Event::Calls {
            ring: client,
            calls: &tagged,
        });
        tagged.iter().map(|call| call.tag).collect()
    }

    pub fn calls(&mut self, calls: &[Syscall]) -> Vec<u64> {
        self.calls_of(0, calls)
    }

    pub fn call(&mut self, call: Syscall) -> u64 {
        self.calls(&[call])[0]
    }

    /// The next answer of a client.
    pub fn answer_of(&mut self, client: usize) -> Option<Answer> {
        let answer = self.world.answers[client].pop_front()?;
        let status = tags::status(&answer);
        Some((answer.tag, status, answer.result, answer.block))
    }

    pub fn answer(&mut self) -> Option<Answer> {
        self.answer_of(0)
    }

    /// All answers that there are.
    pub fn answers(&mut self) -> Vec<Answer> {
        std::iter::from_fn(|| self.answer()).collect()
    }

    /// Makes a call that is answered without the device.
    pub fn ask(&mut self, call: Syscall) -> Status {
        let tag = self.call(call);
        let (answered, status, ..) = self.answer().expect("it is answered at once");
        assert_eq!(answered, tag);
        status
    }

    /// The device receives a frame, whose buffers are filled.
    pub fn deliver(&mut self, header: FrameHeader, frame: &[u8]) {
        assert!(
            self.device.deliver(header, frame, |_| PAGE, true),
            "there are buffers"
        );
        self.event(Event::Device);
    }

    /// The answer to a call that has received.
    pub fn received(&mut self) -> Option<(u64, Received, u32)> {
        let (tag, status, result, block) = self.answer()?;
        assert_eq!(status, Status::Done);
        Some((tag, Received::from_raw(result).unwrap(), block))
    }

    /// The bytes of a part of a frame.
    pub fn bytes(&self, block: u32, received: Received) -> Vec<u8> {
        let start = self.own.segment(block, 0).address + u64::from(received.offset);
        self.own.memory.read_bytes(start, received.length.into())
    }

    /// Writes a frame into blocks of a pool.
    pub fn write(&self, pool: u32, blocks: &[u32], frame: &[u8]) {
        let pool = if pool == OWN { &self.own } else { &self.lent };
        for (block, bytes) in blocks.iter().zip(frame.chunks(PAGE)) {
            let address = pool.segment(*block, 0).address;
            pool.memory.write_bytes(address, bytes);
        }
    }

    /// The device sends all that it has, in order; the frames.
    pub fn send_all(&mut self) -> Vec<Vec<u8>> {
        let found = self.device.take_outgoing();
        for frame in &found {
            self.device.finish(frame);
        }
        self.event(Event::Device);
        found.into_iter().map(|frame| frame.bytes).collect()
    }

    /// What the loop of the driver does before it sleeps, and whether it then would.
    pub fn would_sleep(&mut self) -> bool {
        self.driver.set_interrupts(true);
        !self.driver.has_finished()
    }

    /// The device interrupts, and the driver turns as long as there is something.
    pub fn interrupt(&mut self) {
        self.driver.set_interrupts(false);
        self.driver.interrupted();
        for _ in 0..100 {
            if self.would_sleep() {
                return;
            }
            self.event(Event::Device);
        }
        panic!("the driver never sleeps");
    }

    /// The client dies; where the driver resets the device, that begins anew.
    pub fn lose(&mut self) {
        let before = self.line.restarted.get();
        self.event(Event::ClientLost { ring: 0 });
        if self.line.restarted.get() > before {
            self.device = self.device.begin_anew(self.driver.network().queues());
        }
    }

    /// The next life of the client comes.
    pub fn connect(&mut self) {
        self.event(Event::ClientConnected {
            ring: 0,
            generation: 2,
        });
    }

    /// Nothing is under way, and no call has a block.
    pub fn is_at_rest(&self) -> bool {
        assert!(self.world.driver.is_empty(), "a driver makes no calls");
        (self.driver.under_way(), self.driver.blocks_taken()) == (0, 0)
    }

    /// A frame is received and one is sent.
    pub fn works(&mut self) {
        let data = frame(99, 60);
        let tag = self.call(receive(5));
        self.deliver(FrameHeader::default(), &data);
        let (answered, part, block) = self.received().expect("a frame was received");
        assert_eq!((answered, block), (tag, 5));
        assert_eq!(self.bytes(block, part), data);
        self.write(OWN, &[6], &data);
        let tag = self.call(transmit(OWN, &[6], 60));
        assert_eq!(self.send_all(), [data]);
        assert_eq!(self.answer(), Some((tag, Status::Done, [0; 2], 6)));
    }
}

/// A call to receive into blocks of a pool.
pub fn receive_into(pool: u32, blocks: &[u32]) -> Syscall {
    let call = request::ReceiveFrame { pool }.encode();
    BlockList::of(blocks).unwrap().into_call(call)
}

/// A call to receive into a block of the client's own pool.
pub fn receive(block: u32) -> Syscall {
    receive_into(OWN, &[block])
}

/// A call to transmit a frame of blocks of a pool.
pub fn transmit_with(
    pool: u32,
    blocks: &[u32],
    length: u32,
    checksum: Option<ChecksumPlace>,
) -> Syscall {
    let call = request::TransmitFrame {
        pool,
        length,
        checksum: ChecksumToMake(checksum),
    };
    BlockList::of(blocks).unwrap().into_call(call.encode())
}

pub fn transmit(pool: u32, blocks: &[u32], length: u32) -> Syscall {
    transmit_with(pool, blocks, length, None)
}

/// A call to transmit a frame of each of these blocks.
pub fn transmit_several(
    pool: u32,
    blocks: &[u32],
    [each, last]: [u16; 2],
    checksum: Option<ChecksumPlace>,
) -> Syscall {
    let call = request::TransmitFrames {
        pool,
        lengths: FrameLengths { each, last },
        checksum: ChecksumToMake(checksum),
    };
    BlockList::of(blocks).unwrap().into_call(call.encode())
}

pub fn await_link(known: u64) -> Syscall {
    request::AwaitLink { known }.encode()
}

pub fn describe() -> Syscall {
    request::DescribeNet {}.encode()
}

/// The first or only part of a frame of which nothing is known.
pub fn first_part(length: usize, more: bool) -> Received {
    Received {
        offset: HEADER_SIZE as u16,
        length: length as u16,
        more,
        checksum: Checksum::Unknown,
    }
}

/// A frame of so many bytes that tells itself from others.
pub fn frame(number: u64, length: usize) -> Vec<u8> {
    let mut numbers = Numbers(number * 2 + 1);
    (0..length).map(|_| numbers.below(256) as u8).collect()
}
