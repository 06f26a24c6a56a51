//! A fake world: queues instead of rings, and everything that was done to it in one list.

#![allow(dead_code, reason = "not every test uses all of it")]

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use atoll_abi::block::{BLOCK_SIZE, BlockReply, BlockRequest, BlockStatus};
use atoll_abi::layout::{MAX_VCORES, RING_SLOTS};
use atoll_abi::message::Message;
use atoll_abi::name::Name;
use atoll_abi::plan::{Channel, Cluster, MAX_CORES, MAX_PROCESSES, NONE, Plan, Pool, Process};
use atoll_abi::syscall::{Call, Completion, NO_BLOCK, Status, Syscall};
use atoll_abi::volume::{VOLUME_FILES, VOLUME_MAGIC, VOLUME_VERSION, VolumeFile, VolumeHeader};
use atoll_core::{Environment, FIRST_GENERATION, PeerFault, Personality, Progress, SendRefused};
use zerocopy::IntoBytes;

/// Sectors of the fake disk.
pub const CAPACITY: u64 = 16 * 8;
/// Length of the file `input`: one block and a bit.
pub const LENGTH: u64 = BLOCK_SIZE as u64 + 513;

/// What a personality did to the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    Start(usize, usize),
    Stop(usize, usize),
    Granted(usize, u64),
    Line(usize, String),
    Ended(usize, u64, u32),
}

type Wire = Rc<RefCell<VecDeque<Message>>>;

/// The world of one cluster.
pub struct Fake {
    pub syscalls: Vec<Vec<VecDeque<Syscall>>>,
    pub completions: Vec<Vec<VecDeque<Completion>>>,
    pub outgoing: Wire,
    pub incoming: Wire,
    pub requests: VecDeque<BlockRequest>,
    pub replies: VecDeque<BlockReply>,
    pub events: Vec<Event>,
    pub header: [u8; BLOCK_SIZE],
    pub capacity_of_rings: usize,
    pub broken_ring: Option<(usize, usize)>,
    pub broken_channel: bool,
    pub broken_driver: bool,
    pub now: u64,
}

impl Fake {
    pub fn new() -> Fake {
        let mut files = [VolumeFile::EMPTY; VOLUME_FILES];
        files[0] = file("input", 1, LENGTH);
        files[1] = file("empty", 3, 0);
        let header = VolumeHeader {
            magic: VOLUME_MAGIC,
            version: VOLUME_VERSION,
            count: 2,
            blocks: 16,
            reserved: [0; 5],
            files,
        };
        let mut block = [0; BLOCK_SIZE];
        block[..size_of::<VolumeHeader>()].copy_from_slice(header.as_bytes());
        Fake {
            syscalls: vec![vec![VecDeque::new(); MAX_VCORES]; MAX_PROCESSES],
            completions: vec![vec![VecDeque::new(); MAX_VCORES]; MAX_PROCESSES],
            outgoing: Wire::default(),
            incoming: Wire::default(),
            requests: VecDeque::new(),
            replies: VecDeque::new(),
            events: Vec::new(),
            header: block,
            capacity_of_rings: RING_SLOTS,
            broken_ring: None,
            broken_channel: false,
            broken_driver: false,
            now: 0,
        }
    }

    /// Two worlds at the two ends of one channel.
    pub fn pair() -> (Fake, Fake) {
        let (first, mut second) = (Fake::new(), Fake::new());
        second.outgoing = first.incoming.clone();
        second.incoming = first.outgoing.clone();
        (first, second)
    }

    /// The driver answers everything that was asked.
    pub fn drive(&mut self) -> usize {
        let count = self.requests.len();
        for request in self.requests.drain(..) {
            self.replies.push_back(BlockReply {
                tag: request.tag,
                status: BlockStatus::Done as u32,
                padding: 0,
                capacity: CAPACITY,
                reserved: [0; 4],
            });
        }
        count
    }

    pub fn submit(&mut self, process: usize, vcore: usize, syscall: Syscall) {
        self.syscalls[process][vcore].push_back(syscall);
    }

    pub fn take(&mut self, process: usize, vcore: usize) -> Option<Completion> {
        self.completions[process][vcore].pop_front()
    }
}

impl Environment for Fake {
    fn now(&mut self) -> u64 {
        self.now
    }

    fn receive_syscalls(
        &mut self,
        process: usize,
        vcore: usize,
        into: &mut [Syscall],
    ) -> Result<usize, PeerFault> {
        if self.broken_ring == Some((process, vcore)) {
            return Err(PeerFault);
        }
        Ok(receive(&mut self.syscalls[process][vcore], into))
    }

    fn complete(
        &mut self,
        process: usize,
        vcore: usize,
        completions: &[Completion],
    ) -> Result<usize, SendRefused> {
        let ring = &mut self.completions[process][vcore];
        send(ring, completions, self.capacity_of_rings)
    }

    fn unread(&mut self, process: usize, vcore: usize) -> usize {
        self.completions[process][vcore].len()
    }

    fn receive_channel(
        &mut self,
        _channel: usize,
        into: &mut [Message],
    ) -> Result<usize, PeerFault> {
        if self.broken_channel {
            return Err(PeerFault);
        }
        Ok(receive(&mut self.incoming.borrow_mut(), into))
    }

    fn send_channel(
        &mut self,
        _channel: usize,
        messages: &[Message],
    ) -> Result<usize, SendRefused> {
        if self.broken_channel {
            return Err(SendRefused::Closed);
        }
        let mut ring = self.outgoing.borrow_mut();
        send(&mut ring, messages, self.capacity_of_rings)
    }

    fn receive_replies(&mut self, into: &mut [BlockReply]) -> Result<usize, PeerFault> {
        if self.broken_driver {
            return Err(PeerFault);
        }
        Ok(receive(&mut self.replies, into))
    }

    fn send_requests(&mut self, requests: &[BlockRequest]) -> Result<usize, SendRefused> {
        if self.broken_driver {
            return Err(SendRefused::Closed);
        }
        send(&mut self.requests, requests, self.capacity_of_rings)
    }

    fn start_vcore(&mut self, process: usize, vcore: usize) {
        self.events.push(Event::Start(process, vcore));
    }

    fn stop_vcore(&mut self, process: usize, vcore: usize) {
        self.events.push(Event::Stop(process, vcore));
    }

    fn publish_granted(&mut self, process: usize, granted: u64) {
        self.events.push(Event::Granted(process, granted));
    }

    fn print_line(&mut self, process: usize, line: &str) {
        assert!(line.len() <= atoll_core::print::LINE_SIZE && !line.chars().any(char::is_control));
        self.events.push(Event::Line(process, line.to_string()));
    }

    fn process_ended(&mut self, process: usize, status: u64, max_granted: u32) {
        self.events.push(Event::Ended(process, status, max_granted));
    }

    fn server_block(&mut self, index: usize, into: &mut [u8; BLOCK_SIZE]) {
        assert_eq!(index, 0);
        *into = self.header;
    }
}

/// Moves what there is, and fits, out of a ring.
fn receive<T>(ring: &mut VecDeque<T>, into: &mut [T]) -> usize {
    let mut count = 0;
    for place in into {
        let Some(message) = ring.pop_front() else {
            break;
        };
        *place = message;
        count += 1;
    }
    count
}

/// Copies what there is room for into a ring.
fn send<T: Copy>(
    ring: &mut VecDeque<T>,
    messages: &[T],
    capacity: usize,
) -> Result<usize, SendRefused> {
    assert!(!messages.is_empty(), "nothing is no batch");
    let room = capacity.saturating_sub(ring.len()).min(messages.len());
    if room == 0 {
        return Err(SendRefused::Full);
    }
    ring.extend(&messages[..room]);
    Ok(room)
}

fn file(name: &str, first_block: u64, length: u64) -> VolumeFile {
    VolumeFile {
        name: Name::new(name).unwrap(),
        first_block,
        length,
    }
}

/// A plan of two clusters with a channel: cluster 0 has the device and processes 0 and 1, cluster 1 processes 2 and 3
/// and no device. Processes 0 and 2 have four vcores, 1 and 3 have one. The pool of process `p` is pool `p`, of 8
/// blocks; pool 4 is the server's of cluster 0.
pub fn plan() -> Plan {
    let mut plan = Plan::empty();
    plan.cluster_count = 2;
    plan.channel_count = 1;
    plan.process_count = 4;
    plan.device_count = 1;
    plan.pool_count = 5;
    plan.clusters[0] = cluster(0, 4);
    plan.clusters[1] = cluster(NONE, NONE);
    plan.channels[0] = Channel {
        clusters: [0, 1],
        window: 0,
        window_size: 0,
        doorbell: 0,
        padding: 0,
    };
    for (index, of) in [(0, 0), (1, 0), (2, 1), (3, 1)] {
        plan.processes[index as usize] = Process {
            name: Name::new("digest").unwrap(),
            image: Name::new("digest").unwrap(),
            cluster: of,
            vcores: if index % 2 == 0 { 4 } else { 1 },
            cores: [0; MAX_VCORES],
            pool: index,
            file_cluster: 0,
            file_channel: if of == 0 { NONE } else { 0 },
            calls: 0,
            heap_size: 0,
            operator: 0,
            uthreads: 0,
        };
        plan.pools[index as usize] = pool(8, index, of);
    }
    plan.pools[4] = pool(4, NONE, 0);
    plan
}

fn cluster(block_device: u32, server_pool: u32) -> Cluster {
    Cluster {
        name: Name::new("cluster").unwrap(),
        kind: 0,
        instance: 0,
        core_count: 1,
        first_core: 0,
        cores: [0; MAX_CORES],
        block_device,
        comparator: NONE,
        server_pool,
        quantum_ms: 1,
        masked: 0,
        padding: 0,
    }
}

fn pool(blocks: u32, process: u32, cluster: u32) -> Pool {
    Pool {
        base: 0,
        blocks,
        process,
        cluster,
        padding: 0,
    }
}

pub fn personality(cluster: u32) -> Box<Personality> {
    Box::new(Personality::new(&plan(), cluster))
}

/// A syscall with nothing but its call and tag.
pub fn call(call: Call, tag: u64) -> Syscall {
    Syscall {
        tag,
        call: call as u16,
        pool: 0,
        handle: 0,
        arguments: [0; 4],
        block: NO_BLOCK,
        generation: FIRST_GENERATION,
    }
}

pub fn open(name: &str) -> Syscall {
    Syscall {
        arguments: Name::new(name).unwrap().to_words(),
        ..call(Call::Open, 1)
    }
}

pub fn read(handle: u32, offset: u64, length: u64, block: u32) -> Syscall {
    Syscall {
        handle,
        arguments: [offset, length, 0, 0],
        block,
        ..call(Call::Read, 2)
    }
}

pub fn with_handle(which: Call, handle: u32) -> Syscall {
    Syscall {
        handle,
        ..call(which, 3)
    }
}

pub fn print(text: &str) -> Syscall {
    let mut arguments = [0u64; 4];
    arguments.as_mut_bytes()[..text.len()].copy_from_slice(text.as_bytes());
    Syscall {
        arguments,
        block: text.len() as u32,
        ..call(Call::Print, 4)
    }
}

pub fn status(completion: &Completion) -> Status {
    Status::from_raw(completion.status)
}

/// A started cluster 0 with its volume read.
pub fn started() -> (Box<Personality>, Fake) {
    let (mut personality, mut fake) = (personality(0), Fake::new());
    personality.start(&mut fake);
    settle(&mut personality, &mut fake);
    (personality, fake)
}

/// Steps until nothing more happens; the driver answers at once.
pub fn settle(personality: &mut Personality, fake: &mut Fake) {
    for _ in 0..10_000 {
        if personality.step(fake) != Progress::Worked && fake.drive() == 0 {
            return;
        }
    }
    panic!("the personality never comes to rest");
}

/// Makes one syscall and returns its completion.
pub fn ask(
    personality: &mut Personality,
    fake: &mut Fake,
    process: usize,
    syscall: Syscall,
) -> Completion {
    fake.submit(process, 0, syscall);
    settle(personality, fake);
    fake.take(process, 0).expect("no completion")
}
