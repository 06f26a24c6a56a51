//! `echo`: sends back what it receives, at port 7 of TCP (RFC 862) and of UDP. One uthread waits for all connections with one call,
//! however many there are; a connection has a call of its own only while there is something on it.
//!
//! When the service of its network dies, it waits for the next one, and begins anew: connections end with the service. The datagram
//! `end` ends the program. In a process of the name `operator` it stops parts of the network instead, for a test.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

extern crate alloc;

mod operator;

use alloc::collections::{BTreeMap, VecDeque};
use core::time::Duration;

use atoll_runtime::{
    Block, Datagrams, Event, EventQueue, Listener, Network, SocketId, Status, Stream, connect,
    exit, println, process_name, sleep, spawn,
};

atoll_runtime::entry!(main);

/// Exit status where there is no network.
const NO_NETWORK: u64 = 1;

/// The port of the echo protocol.
const PORT: u16 = 7;

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 64;

/// Connections that have a call at a time. Each has a block, and this uthread must not wait for one: those that are out come back by what
/// it does.
const CALLS: usize = 24;

/// A datagram that ends the program.
const END: &[u8] = b"end";

/// For what a call was made: the token of its event.
#[derive(Clone, Copy)]
enum For {
    /// To learn at which sockets there is something.
    Ready,
    /// To accept a connection.
    Accept,
    /// To receive on a connection.
    Receive(SocketId),
    /// To send on a connection.
    Send(SocketId),
    /// To close a connection.
    Close,
}

/// A connection.
struct Peer {
    stream: Stream,
    /// It has a call that receives or sends, or waits for its turn to have one.
    is_busy: bool,
    /// There is something on it that came while it was busy.
    is_ready: bool,
}

/// All connections.
struct Echo {
    network: Network,
    listener: Listener,
    peers: BTreeMap<SocketId, Peer>,
    /// Connections that wait for their turn.
    waiting: VecDeque<SocketId>,
    /// Connections that have a call.
    busy: usize,
    queue: EventQueue,
    /// By token.
    calls: BTreeMap<u64, For>,
    next_token: u64,
    connections: u64,
    bytes: u64,
}

fn main() {
    if process_name().as_str() == "operator" {
        return operator::operate();
    }
    let network = match connect("net").wait() {
        Ok(service) => service.network(),
        Err(status) => {
            println!("cannot use the service `net`: {status:?}; the plan must give it");
            exit(NO_NETWORK)
        }
    };
    loop {
        let ended = begin(network).and_then(|mut echo| echo.run());
        if let Err(status) = ended {
            println!("the network is lost: {status:?}; waiting for it");
            let _ = sleep(Duration::from_millis(20)).wait();
        }
    }
}

/// Opens the sockets.
fn begin(network: Network) -> Result<Echo, Status> {
    let address = network.address().wait()?;
    let [a, b, c, d] = address.address;
    let listener = network.listen(PORT, BACKLOG).wait()?;
    let datagrams = network.datagrams(PORT).wait()?;
    spawn(move || answer_datagrams(datagrams));
    println!(
        "listening at {a}.{b}.{c}.{d}/{} port {PORT}",
        address.prefix
    );
    Ok(Echo {
        network,
        listener,
        peers: BTreeMap::new(),
        waiting: VecDeque::new(),
        busy: 0,
        queue: EventQueue::new(),
        calls: BTreeMap::new(),
        next_token: 0,
        connections: 0,
        bytes: 0,
    })
}

fn answer_datagrams(datagrams: Datagrams) {
    let mut count = 0;
    loop {
        let Ok((block, from)) = datagrams.receive(Block::acquire()).wait() else {
            return;
        };
        count += 1;
        if block.bytes() == END {
            println!(r#"result {{"datagrams":{count}}}"#);
            exit(0)
        }
        let length = block.bytes().len();
        if datagrams.send(from, length, block.alone()).wait().is_err() {
            return;
        }
    }
}

impl Echo {
    /// Serves until the network is lost.
    fn run(&mut self) -> Result<(), Status> {
        self.wait_for_ready(Block::acquire());
        while let Some(event) = self.queue.wait() {
            let Some(call) = self.calls.remove(&event.token) else {
                continue;
            };
            if event.status == Status::PeerLost {
                return Err(Status::PeerLost);
            }
            self.answer(call, event)?;
        }
        Ok(())
    }

    fn answer(&mut self, call: For, event: Event) -> Result<(), Status> {
        match call {
            For::Ready => {
                let block = event.block.ok_or(event.status)?;
                for id in SocketId::all_in(&block) {
                    self.is_ready(id);
                }
                self.wait_for_ready(block);
            }
            For::Accept => {
                let stream = event.stream()?;
                self.connections += 1;
                let peer = Peer {
                    stream,
                    is_busy: false,
                    is_ready: false,
                };
                self.peers.insert(stream.id(), peer);
                if self.connections.is_power_of_two() {
                    println!("{} connections, {} bytes", self.connections, self.bytes);
                }
            }
            For::Receive(id) => self.received(id, event),
            For::Send(id) => match event.status {
                Status::Done => self.is_idle(id),
                _ => self.close(id),
            },
            For::Close => {}
        }
        Ok(())
    }

    fn token(&mut self, call: For) -> u64 {
        self.next_token += 1;
        self.calls.insert(self.next_token, call);
        self.next_token
    }

    fn wait_for_ready(&mut self, block: Block) {
        let token = self.token(For::Ready);
        self.queue.add(token, self.network.ready(block));
    }

    /// There is something at a socket.
    fn is_ready(&mut self, id: SocketId) {
        if id == self.listener.id() {
            let token = self.token(For::Accept);
            self.queue.add(token, self.listener.accept());
            return;
        }
        let Some(peer) = self.peers.get_mut(&id) else {
            return;
        };
        if peer.is_busy {
            peer.is_ready = true;
            return;
        }
        peer.is_busy = true;
        self.waiting.push_back(id);
        self.begin_calls();
    }

    /// Begins calls for the connections that wait, as many as may have one.
    fn begin_calls(&mut self) {
        while self.busy < CALLS
            && let Some(id) = self.waiting.pop_front()
        {
            let Some(peer) = self.peers.get(&id) else {
                continue;
            };
            let stream = peer.stream;
            self.busy += 1;
            let token = self.token(For::Receive(id));
            self.queue.add(token, stream.receive(Block::acquire()));
        }
    }

    fn received(&mut self, id: SocketId, event: Event) {
        let Some(peer) = self.peers.get(&id) else {
            return;
        };
        let stream = peer.stream;
        match event.block {
            Some(block) if event.status == Status::Done && !block.bytes().is_empty() => {
                let length = block.bytes().len();
                self.bytes += length as u64;
                let token = self.token(For::Send(id));
                self.queue.add(token, stream.send(length, block.alone()));
            }
            _ => self.close(id),
        }
    }

    /// A connection has no call any more.
    fn is_idle(&mut self, id: SocketId) {
        let Some(peer) = self.peers.get_mut(&id) else {
            return;
        };
        peer.is_busy = false;
        let is_ready = core::mem::take(&mut peer.is_ready);
        self.busy -= 1;
        if is_ready {
            self.is_ready(id);
        }
        self.begin_calls();
    }

    fn close(&mut self, id: SocketId) {
        if let Some(peer) = self.peers.remove(&id) {
            self.busy -= 1;
            let token = self.token(For::Close);
            self.queue.add(token, peer.stream.close());
            self.begin_calls();
        }
    }
}
