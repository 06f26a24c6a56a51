//! Two nodes: a client of one sockets service talks with a client of another one, over a network that loses, repeats and swaps frames.

mod common;

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::handle::Handle;
use atoll_abi::interface::{Request as _, request};
use atoll_abi::net::Checksum;
use atoll_abi::plan::Network;
use atoll_abi::socket::SocketAddress;
use atoll_abi::syscall::Status;
use atoll_call::{Event, Service as _};
use common::{HEAP, Host, MILLISECOND, PROPERTIES, random};

/// Seeds that are tried.
const SEEDS: u64 = 200;

/// Bytes that each side sends at most.
const MOST: u64 = 60_000;

/// Blocks of one call to send.
const BLOCKS: usize = 3;

/// A frame on its way: when it arrives, and at which node.
struct Frame {
    arrives: u64,
    node: usize,
    bytes: Vec<u8>,
}

/// Two nodes and the frames between them.
struct Nodes {
    nodes: [Host; 2],
    frames: Vec<Frame>,
    next: Box<dyn FnMut() -> u64>,
    now: u64,
}

fn address(node: usize) -> [u8; 4] {
    [10, 0, 0, 1 + node as u8]
}

impl Nodes {
    fn new(seed: u64) -> Nodes {
        let node = |index: usize| {
            let mut properties = PROPERTIES;
            properties.address = Some([2, 0, 0, 0, 0, 1 + index as u8]);
            let network = Network {
                address: u32::from_be_bytes(address(index)),
                prefix: 24,
                gateway: 0,
                padding: 0,
            };
            Host::new(properties, network, HEAP)
        };
        Nodes {
            nodes: [node(0), node(1)],
            frames: Vec::new(),
            next: Box::new(random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15))),
            now: 1,
        }
    }

    /// Takes what a node has sent: a frame in sixteen is lost, one repeated, and each takes another time.
    fn carry(&mut self) {
        for node in 0..2 {
            self.nodes[node].serve();
            while let Some(bytes) = self.nodes[node].sent.pop_front() {
                let fate = (self.next)() % 16;
                let times = [0, 2].get(fate as usize).copied().unwrap_or(1);
                for _ in 0..times {
                    let arrives = self.now + (self.next)() % (5 * MILLISECOND);
                    self.frames.push(Frame {
                        arrives,
                        node: 1 - node,
                        bytes: bytes.clone(),
                    });
                }
            }
        }
    }

    /// Goes on to the next moment at which something happens.
    fn step(&mut self) {
        self.carry();
        let due = self.nodes.iter().filter_map(|node| node.service.due());
        let arrives = self.frames.iter().map(|frame| frame.arrives);
        let next = due.chain(arrives).min();
        let next = next.unwrap_or_else(|| panic!("nobody has anything to do at {}", self.now));
        self.now = self.now.max(next);
        for node in &mut self.nodes {
            node.now = self.now;
            if node.service.due().is_some_and(|due| due <= self.now) {
                node.event(Event::Time);
            }
        }
        let now = self.now;
        let arrived = self.frames.extract_if(.., |frame| frame.arrives <= now);
        let arrived: Vec<Frame> = arrived.collect();
        for frame in arrived {
            self.nodes[frame.node].receive(&frame.bytes, Checksum::Unknown);
        }
        self.carry();
    }

    fn answer(&mut self, node: usize, tag: u64) -> Result<[u64; 2], Status> {
        loop {
            if let Some(answer) = self.nodes[node].take(0, tag) {
                return common::result(&answer);
            }
            self.step();
        }
    }
}

/// What one side does with its connection.
struct Side {
    socket: Handle,
    data: Vec<u8>,
    sent: usize,
    sends: Option<(u64, usize)>,
    receives: Option<u64>,
    received: Vec<u8>,
    has_ended: bool,
}

impl Side {
    fn new(socket: Handle, data: Vec<u8>) -> Side {
        Side {
            socket,
            data,
            sent: 0,
            sends: None,
            receives: None,
            received: Vec::new(),
            has_ended: false,
        }
    }

    fn act(&mut self, host: &mut Host) {
        if let Some((tag, end)) = self.sends
            && let Some(answer) = host.take(0, tag)
        {
            let sent = (end - self.sent) as u64;
            assert_eq!(common::result(&answer), Ok([sent, sent]));
            (self.sent, self.sends) = (end, None);
            if end == self.data.len() {
                let socket = self.socket;
                let shut = host.ask(0, request::ShutDown { socket }.encode());
                assert_eq!(shut, Ok([0, 0]));
            }
        }
        if self.sends.is_none() && self.sent < self.data.len() {
            let end = (self.sent + BLOCKS * BLOCK_SIZE - 5).min(self.data.len());
            let bytes = &self.data[self.sent..end];
            let tag = host.send_from(0, self.socket, 8, bytes, SocketAddress::NONE);
            self.sends = Some((tag, end));
        }
        if let Some(tag) = self.receives
            && let Some(answer) = host.take(0, tag)
        {
            let [count, _] = common::result(&answer).unwrap();
            self.received.extend(&host.block(0, 1)[..count as usize]);
            (self.has_ended, self.receives) = (count == 0, None);
        }
        if self.receives.is_none() && !self.has_ended {
            self.receives = Some(host.receive_into(0, self.socket, 1, BLOCK_SIZE as u32));
        }
    }

    fn is_done(&self) -> bool {
        self.has_ended && self.sent == self.data.len()
    }
}

#[test]
fn streams_between_two_nodes_arrive_whole_and_end() {
    for seed in 1..=SEEDS {
        let mut nodes = Nodes::new(seed);
        let listener = nodes.nodes[1].listen(0, 80, 4);
        let socket = listener;
        let accepts = nodes.nodes[1].call(0, request::Accept { socket }.encode());
        let peer = SocketAddress {
            address: address(1),
            port: 80,
        };
        let connects = nodes.nodes[0].call(0, request::ConnectSocket { peer }.encode());
        let [own, _] = nodes.answer(0, connects).unwrap();
        let [other, _] = nodes.answer(1, accepts).unwrap();
        let mut data = random(seed);
        let mut sides = [own, other].map(|raw| {
            let length = 1 + data() % MOST;
            let bytes = (0..length).map(|_| data() as u8).collect();
            Side::new(Handle::from_raw(raw as u32).unwrap(), bytes)
        });
        loop {
            for (side, host) in sides.iter_mut().zip(&mut nodes.nodes) {
                side.act(host);
            }
            if sides.iter().all(Side::is_done) {
                break;
            }
            nodes.step();
            assert!(nodes.now < 3_600_000 * MILLISECOND, "seed {seed} goes on");
        }
        let [a, b] = &sides;
        let arrived = a.received == b.data && b.received == a.data;
        assert!(arrived, "seed {seed}: what came is not what was sent");
        for (side, host) in sides.iter().zip(&mut nodes.nodes) {
            let socket = side.socket;
            let closed = host.ask(0, request::CloseSocket { socket }.encode());
            assert_eq!(closed, Ok([0, 0]));
            assert_eq!(host.service.blocks_in_use(), 0);
        }
    }
}
