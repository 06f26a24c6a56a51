//! A sockets service between its clients and a network on which another host is.
#![allow(dead_code, reason = "each test program uses a part of it")]

pub mod dhcp;
pub mod peer;
pub mod world;

use std::collections::VecDeque;

use atoll_abi::block::{BLOCK_SIZE, BlockList};
use atoll_abi::handle::Handle;
use atoll_abi::interface::{NetCall, Request, request};
use atoll_abi::net::{Checksum, ChecksumToMake, Properties, Received};
use atoll_abi::plan::{
    Cluster, Device, DeviceKind, EncodedPlan, Instance, NONE, Network, Pool, Process,
    Service as PlanService, ServiceKind, Tables, empty_rows,
};
use atoll_abi::socket::SocketAddress;
use atoll_abi::syscall::{Completion, Status, Syscall};
use atoll_call::{Event, Loss, Service};
use atoll_sockets::SocketService;
use atoll_test_support::actions::Recorded;

#[allow(unused_imports, reason = "each test program uses a part of it")]
pub use world::{Fate, World};

/// Rings of the first client: its vcores.
pub const RINGS: usize = 2;
/// The ring of the second client.
pub const OTHER: usize = 2;
/// Blocks of a client's pool.
pub const BLOCKS: u32 = 64;
/// The pool of the service.
const OWN_POOL: u32 = 2;
/// Where a frame begins in the block that the driver received it into.
const OFFSET: usize = 12;

pub const OWN_ADDRESS: [u8; 4] = [10, 0, 0, 1];
pub const PEER_ADDRESS: [u8; 4] = [10, 0, 0, 2];

/// Nanoseconds of a millisecond.
pub const MILLISECOND: u64 = 1_000_000;

fn plan(network: Network, heap: u64) -> EncodedPlan {
    let mut tables = Tables {
        instances: empty_rows::<Instance>(1),
        clusters: empty_rows::<Cluster>(1),
        devices: empty_rows::<Device>(1),
        services: empty_rows::<PlanService>(1),
        processes: empty_rows::<Process>(2),
        pools: empty_rows::<Pool>(3),
        ..Tables::default()
    };
    tables.devices[0].kind = DeviceKind::VirtioNet as u32;
    let service = &mut tables.services[0];
    (service.kind, service.pool) = (ServiceKind::Sockets as u32, OWN_POOL);
    (service.network, service.heap_size) = (network, heap);
    for (index, process) in tables.processes.iter_mut().enumerate() {
        (process.pool, process.services) = (index as u32, 1);
        process.vcores = if index == 0 { RINGS as u32 } else { 1 };
    }
    for (index, pool) in tables.pools.iter_mut().enumerate() {
        let index = index as u32;
        *pool = match index {
            OWN_POOL => Pool {
                base: 0,
                blocks: ServiceKind::Sockets.own_blocks() as u32,
                process: NONE,
                service: 0,
                cluster: 0,
            },
            _ => Pool {
                base: 0,
                blocks: BLOCKS,
                process: index,
                service: NONE,
                cluster: 0,
            },
        };
    }
    tables.encode()
}

/// The service, its driver and its clients.
pub struct Host {
    pub service: SocketService,
    pub actions: Recorded<3>,
    pub now: u64,
    pub properties: Properties,
    next_tag: u64,
    /// Blocks that the driver has to receive into, with the tags of their calls.
    posted: VecDeque<Syscall>,
    link: Option<Syscall>,
    /// Generations of the clients.
    pub generations: [u32; 2],
    /// The device has been stopped.
    pub has_failed: bool,
    /// Calls that the driver has answered.
    pub answered: usize,
    /// Frames that it sent.
    pub sent: VecDeque<Vec<u8>>,
}

pub const PROPERTIES: Properties = Properties {
    address: Some([2, 0, 0, 0, 0, 1]),
    mtu: 1500,
    makes_checksums: false,
    tells_checksums: false,
    link_is_up: true,
};

pub const HEAP: u64 = 8 << 20;

impl Host {
    pub fn new(properties: Properties, network: Network, heap: u64) -> Host {
        let plan = plan(network, heap);
        let mut host = Host {
            service: SocketService::new(&plan, 0),
            actions: Recorded::default(),
            now: 1,
            properties,
            next_tag: 1,
            posted: VecDeque::new(),
            link: None,
            generations: [1; 2],
            has_failed: false,
            answered: 0,
            sent: VecDeque::new(),
        };
        host.event(Event::Start);
        host.serve();
        host
    }

    pub fn event(&mut self, event: Event<'_>) {
        self.service.set_time(self.now);
        self.service.handle(event, &mut self.actions);
    }

    /// Its driver answers.
    pub fn serve(&mut self) {
        while let Some(call) = self.actions.driver.pop_front() {
            self.answered += 1;
            if self.has_failed {
                let failed = Completion::of(&call, Status::DeviceError, [0; 2]);
                self.event(Event::Completions(&[failed]));
                continue;
            }
            match NetCall::decode(&call).unwrap() {
                NetCall::DescribeNet(_) => self.answer(&call, self.properties.to_raw()),
                NetCall::ReceiveFrame(it) => {
                    assert_eq!(it.pool, OWN_POOL);
                    self.posted.push_back(call);
                }
                NetCall::AwaitLink(_) => self.link = Some(call),
                NetCall::TransmitFrame(it) => {
                    assert_eq!(it.pool, OWN_POOL);
                    let length = it.length as usize;
                    self.transmit(&call, [length; 2], it.checksum);
                }
                NetCall::TransmitFrames(it) => {
                    assert_eq!(it.pool, OWN_POOL);
                    let lengths = [it.lengths.each, it.lengths.last].map(usize::from);
                    self.transmit(&call, lengths, it.checksum);
                }
            }
        }
    }

    /// The frames of a call are sent, each of a block of its own: all but the last are as long as the first length says.
    fn transmit(&mut self, call: &Syscall, lengths: [usize; 2], checksum: ChecksumToMake) {
        let blocks = BlockList::from_call(call).unwrap();
        assert_eq!(blocks.order(), 0);
        let count = blocks.as_slice().len();
        for (number, block) in blocks.as_slice().iter().enumerate() {
            let length = lengths[usize::from(number + 1 == count)];
            let block = &self.actions.blocks[&(OWN_POOL, *block)];
            let mut frame = block[..length].to_vec();
            if let Some(place) = checksum.0 {
                assert!(self.properties.makes_checksums);
                peer::finish_checksum(&mut frame, place);
            }
            self.sent.push_back(frame);
        }
        self.answer(call, [0; 2]);
    }

    fn answer(&mut self, call: &Syscall, result: [u64; 2]) {
        let completion = Completion::of(call, Status::Done, result);
        self.event(Event::Completions(&[completion]));
    }

    /// A frame comes in; `false` where the driver has no block for it, so that it is lost.
    pub fn receive(&mut self, frame: &[u8], checksum: Checksum) -> bool {
        let Some(completion) = self.received(frame, checksum) else {
            return false;
        };
        self.event(Event::Completions(&[completion]));
        self.serve();
        true
    }

    /// Frames come in of which the driver tells at once.
    pub fn receive_all(&mut self, frames: &[Vec<u8>]) {
        let received = |frame: &Vec<u8>| self.received(frame, Checksum::Unknown);
        let completions: Option<Vec<Completion>> = frames.iter().map(received).collect();
        self.event(Event::Completions(&completions.expect("there are blocks")));
        self.serve();
    }

    /// The driver's answer to a call that receives a frame; `None` where it has none.
    fn received(&mut self, frame: &[u8], checksum: Checksum) -> Option<Completion> {
        let call = self.posted.pop_front()?;
        let mut block = [0xEE; BLOCK_SIZE];
        block[OFFSET..OFFSET + frame.len()].copy_from_slice(frame);
        self.actions.blocks.insert((OWN_POOL, call.block), block);
        let received = Received {
            offset: OFFSET as u16,
            length: frame.len() as u16,
            more: false,
            checksum,
        };
        Some(Completion::of(&call, Status::Done, received.to_raw()))
    }

    /// The device breaks: the driver answers all that it has, and all that comes.
    pub fn fail(&mut self) {
        self.has_failed = true;
        for call in core::mem::take(&mut self.posted) {
            let failed = Completion::of(&call, Status::DeviceError, [0; 2]);
            self.event(Event::Completions(&[failed]));
        }
        self.serve();
    }

    /// The link goes down, or comes up.
    pub fn link(&mut self, is_up: bool) {
        let call = self.link.take().expect("the service waits for the link");
        self.answer(&call, [is_up.into(), 0]);
        self.serve();
    }

    /// Blocks that the driver has.
    pub fn posted(&self) -> usize {
        self.posted.len()
    }

    /// The driver dies, and another one is there.
    pub fn replace_driver(&mut self) {
        self.has_failed = false;
        self.event(Event::UpstreamLost(Loss::Death));
        self.posted.clear();
        self.actions.driver.clear();
        self.link = None;
        self.event(Event::UpstreamConnected);
        self.serve();
    }

    /// Makes a call; its tag.
    pub fn call(&mut self, ring: usize, request: Syscall) -> u64 {
        let tag = self.next_tag;
        self.next_tag += 1;
        let client = usize::from(ring == OTHER);
        let call = Syscall {
            tag,
            generation: self.generations[client],
            ..request
        };
        assert!(self.service.room(ring, 64) > 0);
        self.event(Event::Calls {
            ring,
            calls: &[call],
        });
        self.serve();
        tag
    }

    /// The answer to a call, where there is one.
    pub fn take(&mut self, ring: usize, tag: u64) -> Option<Completion> {
        let answers = &mut self.actions.answers[ring];
        let place = answers.iter().position(|it| it.tag == tag)?;
        answers.remove(place)
    }

    /// Makes a call that is answered at once.
    pub fn ask(&mut self, ring: usize, request: Syscall) -> Result<[u64; 2], Status> {
        let tag = self.call(ring, request);
        let answer = self.take(ring, tag).expect("answered at once");
        result(&answer)
    }

    /// Asks to receive into a block.
    pub fn receive_into(&mut self, ring: usize, socket: Handle, block: u32, length: u32) -> u64 {
        let request = request::ReceiveBytes { socket, length }.encode();
        self.call(ring, BlockList::one(block).into_call(request))
    }

    /// Sends from blocks that it fills before, from a first one on.
    pub fn send_from(
        &mut self,
        ring: usize,
        socket: Handle,
        first: u32,
        bytes: &[u8],
        to: SocketAddress,
    ) -> u64 {
        let pool = u32::from(ring == OTHER);
        let count = bytes.len().div_ceil(BLOCK_SIZE).max(1) as u32;
        for (index, part) in (first..).zip(bytes.chunks(BLOCK_SIZE)) {
            let mut block = [0; BLOCK_SIZE];
            block[..part.len()].copy_from_slice(part);
            self.actions.blocks.insert((pool, index), block);
        }
        let blocks: Vec<u32> = (first..first + count).collect();
        let length = bytes.len() as u32;
        let request = request::SendBytes { socket, length, to }.encode();
        let call = BlockList::of(&blocks).unwrap().into_call(request);
        self.call(ring, call)
    }

    /// What a client's block holds.
    pub fn block(&self, ring: usize, block: u32) -> &[u8; BLOCK_SIZE] {
        &self.actions.blocks[&(u32::from(ring == OTHER), block)]
    }

    pub fn listen(&mut self, ring: usize, port: u16, backlog: u32) -> Handle {
        let [handle, _] = self
            .ask(ring, request::Listen { port, backlog }.encode())
            .unwrap();
        Handle::from_raw(handle as u32).unwrap()
    }
}

/// How a call ended.
pub fn result(answer: &Completion) -> Result<[u64; 2], Status> {
    match Status::from_raw(answer.status) {
        Status::Done => Ok(answer.result),
        status => Err(status),
    }
}

pub const NETWORK: Network = Network {
    address: u32::from_be_bytes(OWN_ADDRESS),
    prefix: 24,
    gateway: u32::from_be_bytes([10, 0, 0, 254]),
    padding: 0,
};

/// Numbers that look random, the same in each run.
pub fn random(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed | 1;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    }
}
