//! A personality between neighbours that lie: two processes, the peer of a channel, and a block driver. Everything that
//! it does to them is checked here, and nothing that it does for one of them may hang on another.

use std::collections::{BTreeMap, VecDeque};

use atoll_abi::block::{BLOCK_SIZE, BlockReply, BlockRequest, BlockStatus, SECTORS_PER_BLOCK};
use atoll_abi::layout::{MAX_VCORES, RING_SLOTS};
use atoll_abi::message::{Message, Payload};
use atoll_abi::syscall::{ANSWER, Completion, Syscall};
use atoll_abi::volume::{VOLUME_FILES, VOLUME_MAGIC, VOLUME_VERSION, VolumeFile, VolumeHeader};
use atoll_core::{CHANNEL_CREDITS, Environment, FIRST_CHANNEL_GENERATION, PeerFault, SendRefused};
use zerocopy::IntoBytes;

use crate::plan::{BLOCKS, SERVER_POOL, name_of};

/// Sectors of the disk.
pub const CAPACITY: u64 = 16 * SECTORS_PER_BLOCK;

/// Bytes of the file `input`.
pub const LENGTH: u64 = BLOCK_SIZE as u64 + 513;

/// Requests that an honest peer has unanswered at most.
pub const MOST_ASKED: usize = CHANNEL_CREDITS;

/// The rings of one vcore.
#[derive(Default)]
pub struct Ring {
    /// Syscalls that are on their way.
    pub syscalls: VecDeque<Syscall>,
    /// Completions that the process has not taken.
    pub completions: VecDeque<Completion>,
    /// Syscalls without a completion, by tag.
    open: BTreeMap<u64, usize>,
}

/// The world of one personality.
pub struct World {
    cluster: u32,
    /// Nanoseconds.
    pub now: u64,
    /// The channel's generation.
    pub generation: u32,
    /// The process that is checked to be untouched by the others.
    pub honest: usize,
    /// Rings, by process and vcore.
    pub rings: BTreeMap<(usize, usize), Ring>,
    /// From the peer.
    pub incoming: VecDeque<Message>,
    /// To the peer: answers.
    pub answers: Vec<Completion>,
    /// To the peer: requests that it has not answered, or has answered so that nobody understood.
    pub asked: Vec<Syscall>,
    /// Requests of the peer that are not answered, by tag.
    serving: BTreeMap<u64, usize>,
    /// From the driver.
    pub replies: VecDeque<BlockReply>,
    /// To the driver, not answered.
    pub requests: Vec<BlockRequest>,
    /// Lines that processes printed.
    pub lines: Vec<(usize, String)>,
    /// Processes that ended.
    pub ended: Vec<usize>,
    /// The process whose next syscall breaks the protocol of its ring.
    pub broken_process: Option<usize>,
    /// The peer breaks the protocol of the channel.
    pub broken_channel: bool,
    /// The driver breaks the protocol of its ring.
    pub broken_driver: bool,
}

impl World {
    /// The world of one of the clusters of [`crate::plan::plan`].
    pub fn new(cluster: u32) -> World {
        let processes = [2 * cluster as usize, 2 * cluster as usize + 1];
        let rings = processes.map(|process| (0..MAX_VCORES).map(move |vcore| (process, vcore)));
        World {
            cluster,
            now: 0,
            generation: FIRST_CHANNEL_GENERATION,
            honest: processes[1],
            rings: rings
                .into_iter()
                .flatten()
                .map(|ring| (ring, Ring::default()))
                .collect(),
            incoming: VecDeque::new(),
            answers: Vec::new(),
            asked: Vec::new(),
            serving: BTreeMap::new(),
            replies: VecDeque::new(),
            requests: Vec::new(),
            lines: Vec::new(),
            ended: Vec::new(),
            broken_process: None,
            broken_channel: false,
            broken_driver: false,
        }
    }

    fn ring(&mut self, process: usize, vcore: usize) -> &mut Ring {
        self.rings
            .get_mut(&(process, vcore))
            .unwrap_or_else(|| panic!("process {process} has no vcore {vcore} here"))
    }

    /// A process submits a syscall, unless its ring is full.
    pub fn submit(&mut self, process: usize, vcore: usize, syscall: Syscall) {
        let ring = self.ring(process, vcore);
        if ring.syscalls.len() < RING_SLOTS {
            ring.syscalls.push_back(syscall);
        }
    }

    /// A process takes its next completion.
    pub fn take(&mut self, process: usize, vcore: usize) -> Option<Completion> {
        self.ring(process, vcore).completions.pop_front()
    }

    /// Syscalls that were taken from the rings of a process and have no completion.
    pub fn open_calls(&self, process: usize) -> usize {
        let rings = self.rings.iter().filter(|((of, _), _)| *of == process);
        rings
            .map(|(_, ring)| ring.open.values().sum::<usize>())
            .sum()
    }

    /// Requests of the peer that were taken and are not answered.
    pub fn open_requests(&self) -> usize {
        self.serving.values().sum()
    }

    /// The peer says something, unless the ring is full. Tells whether it did.
    pub fn say(&mut self, message: Message) -> bool {
        let room = self.incoming.len() < RING_SLOTS;
        if room {
            self.incoming.push_back(message);
        }
        room
    }

    /// The personality has lost the channel: what the peer asked is forgotten, and what it was asked has ended.
    pub fn forget_channel(&mut self) {
        self.serving.clear();
        self.asked.clear();
    }

    /// The driver answers the oldest request as it should. Tells whether there was one.
    pub fn drive(&mut self) -> bool {
        if self.requests.is_empty() {
            return false;
        }
        let request = self.requests.remove(0);
        self.replies.push_back(reply(&request));
        true
    }
}

impl World {
    /// A request to the driver names sectors that the disk has and a block that may be written.
    fn check_request(&self, request: &BlockRequest) {
        assert_eq!(self.cluster, 0, "only cluster 0 has a device");
        let sectors = u64::from(request.sectors);
        assert!((1..=SECTORS_PER_BLOCK).contains(&sectors));
        let end = request.sector.checked_add(sectors);
        assert!(end.is_some_and(|end| end <= CAPACITY), "{request:?}");
        if request.pool == SERVER_POOL {
            assert_eq!((request.block, request.sector), (0, 0));
        } else {
            // The honest process of this cluster asks for no block; the peer may do so for its own processes only.
            assert!(request.pool < SERVER_POOL && request.pool != self.honest as u32);
            assert!(request.block < BLOCKS, "{request:?}");
        }
        let block = |request: &BlockRequest| (request.pool, request.block);
        assert!(
            !self
                .requests
                .iter()
                .any(|other| block(other) == block(request)),
            "two requests write one block: {request:?}"
        );
    }
}

/// Moves what there is, and fits, out of a ring.
fn receive<T>(ring: &mut VecDeque<T>, into: &mut [T]) -> usize {
    let count = ring.len().min(into.len());
    for (place, message) in into.iter_mut().zip(ring.drain(..count)) {
        *place = message;
    }
    count
}

/// How many messages of a batch a ring has room for.
fn room(used: usize, wanted: usize) -> Result<usize, SendRefused> {
    assert!(wanted > 0, "nothing is no batch");
    match RING_SLOTS.saturating_sub(used).min(wanted) {
        0 => Err(SendRefused::Full),
        count => Ok(count),
    }
}

/// What an honest driver answers.
pub fn reply(request: &BlockRequest) -> BlockReply {
    BlockReply {
        tag: request.tag,
        status: BlockStatus::Done as u32,
        padding: 0,
        capacity: CAPACITY,
        reserved: [0; 4],
    }
}

/// One more of something.
fn add(counts: &mut BTreeMap<u64, usize>, tag: u64) {
    *counts.entry(tag).or_default() += 1;
}

/// One less of something, of which there has to be one.
fn remove(counts: &mut BTreeMap<u64, usize>, tag: u64, what: &str) {
    match counts.get_mut(&tag) {
        Some(count) if *count > 1 => *count -= 1,
        Some(_) => drop(counts.remove(&tag)),
        None => panic!("{what} {tag:#x} was ended, which nobody made or which had ended"),
    }
}

impl Environment for World {
    fn now(&mut self) -> u64 {
        self.now
    }

    fn receive_syscalls(
        &mut self,
        process: usize,
        vcore: usize,
        into: &mut [Syscall],
    ) -> Result<usize, PeerFault> {
        if self.broken_process == Some(process) {
            self.broken_process = None;
            return Err(PeerFault);
        }
        let ring = self.ring(process, vcore);
        let count = receive(&mut ring.syscalls, into);
        for syscall in &into[..count] {
            add(&mut ring.open, syscall.tag);
        }
        Ok(count)
    }

    fn complete(
        &mut self,
        process: usize,
        vcore: usize,
        completions: &[Completion],
    ) -> Result<usize, SendRefused> {
        let ring = self.ring(process, vcore);
        let count = room(ring.completions.len(), completions.len())?;
        for completion in &completions[..count] {
            remove(&mut ring.open, completion.tag, "syscall");
            ring.completions.push_back(*completion);
        }
        Ok(count)
    }

    fn unread(&mut self, process: usize, vcore: usize) -> usize {
        self.ring(process, vcore).completions.len()
    }

    fn receive_channel(
        &mut self,
        channel: usize,
        into: &mut [Message],
    ) -> Result<usize, PeerFault> {
        assert_eq!(channel, 0);
        if self.broken_channel {
            return Err(PeerFault);
        }
        let count = receive(&mut self.incoming, into);
        for message in &into[..count] {
            let request = Syscall::from_message(message);
            if request.tag & ANSWER == 0 && request.generation == self.generation {
                add(&mut self.serving, request.tag);
            }
        }
        Ok(count)
    }

    fn send_channel(&mut self, channel: usize, messages: &[Message]) -> Result<usize, SendRefused> {
        assert_eq!(channel, 0);
        if self.broken_channel {
            return Err(SendRefused::Closed);
        }
        let count = room(self.answers.len(), messages.len())?;
        for message in &messages[..count] {
            if message[0] & ANSWER == 0 {
                let request = Syscall::from_message(message);
                assert_eq!(request.generation, self.generation);
                self.asked.push(request);
                assert!(self.asked.len() <= CHANNEL_CREDITS, "beyond its credits");
            } else {
                let answer = Completion::from_message(message);
                assert_eq!(answer.generation, self.generation);
                remove(&mut self.serving, answer.tag & !ANSWER, "request");
                self.answers.push(answer);
            }
        }
        Ok(count)
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
        let count = room(self.requests.len(), requests.len())?;
        for request in &requests[..count] {
            self.check_request(request);
            self.requests.push(*request);
        }
        Ok(count)
    }

    fn start_vcore(&mut self, _process: usize, _vcore: usize) {}

    fn stop_vcore(&mut self, process: usize, _vcore: usize) {
        assert_ne!(process, self.honest, "the honest process was stopped");
    }

    fn publish_granted(&mut self, _process: usize, _granted: u64) {}

    fn print_line(&mut self, process: usize, line: &str) {
        assert!(line.len() <= atoll_core::print::LINE_SIZE && !line.chars().any(char::is_control));
        self.lines.push((process, line.to_owned()));
    }

    fn process_ended(&mut self, process: usize, _status: u64, _max_granted: u32) {
        assert_ne!(process, self.honest, "the honest process was ended");
        assert!(!self.ended.contains(&process), "a process ended twice");
        self.ended.push(process);
    }

    fn server_block(&mut self, index: usize, into: &mut [u8; BLOCK_SIZE]) {
        assert_eq!(index, 0);
        let mut files = [VolumeFile::EMPTY; VOLUME_FILES];
        for (file, (name, first_block, length)) in files
            .iter_mut()
            .zip([("input", 1, LENGTH), ("empty", 3, 0)])
        {
            *file = VolumeFile {
                name: name_of(name),
                first_block,
                length,
            };
        }
        let header = VolumeHeader {
            magic: VOLUME_MAGIC,
            version: VOLUME_VERSION,
            count: 2,
            blocks: CAPACITY / SECTORS_PER_BLOCK,
            reserved: [0; 5],
            files,
        };
        into[..size_of::<VolumeHeader>()].copy_from_slice(header.as_bytes());
    }
}
