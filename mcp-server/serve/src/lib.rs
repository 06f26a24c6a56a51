//! A loop that serves connections of TCP, any number with one call that waits for all of them.
//!
//! A connection has a call of its own only while there is something on it. What a peer sends goes to the [`Protocol`], a piece at a time;
//! what that answers is sent before more is taken from the same peer. So a peer that does not take its answers stops itself, and what the
//! program keeps for one is bounded by the protocol.
//!
//! Several loops may serve the connections of one port, each its own ones: see [`Acceptor`].

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod acceptor;
mod inbox;

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::time::Duration;

use atoll_runtime::{
    BLOCK_SIZE, Block, Blocks, Event, EventQueue, Listener, MAX_CALL_BLOCKS, Network, Pool,
    SocketId, SocketOption, Status, Stream, batch, with_timeout,
};

pub use acceptor::Acceptor;
pub use inbox::Inbox;

/// Connections that have a call at a time. Each has blocks, and the loop must not wait for one: those that are out come back by what it
/// does. So a process that serves has at least [`BLOCKS`] blocks in its common pool.
const CALLS: usize = 12;

/// Blocks that the loop may have at once.
pub const BLOCKS: usize = 1 + CALLS * SEND_BLOCKS;

/// Blocks of one call that sends.
const SEND_BLOCKS: usize = 4;

const _: () = assert!(SEND_BLOCKS <= MAX_CALL_BLOCKS);

/// Blocks beyond [`BLOCKS`] that are worth having: from a peer that sends much at once the loop receives into a large one, so that it is asked
/// and answered once for all of it. Where the process has fewer, it receives a block after the other.
pub const MORE_BLOCKS: usize = LARGE << LARGE_ORDER;

/// Large blocks at once: each connection that has a call may have one.
const LARGE: usize = CALLS;

/// The order of a large block: as much as a connection of the service holds.
const LARGE_ORDER: u32 = 3;

/// Connections that may be known to have something before they are known.
const MOST_EARLY: usize = 1024;

/// Events after which answers are settled and sent, whatever else has arrived.
const MOST_EVENTS: usize = 4 * CALLS;

/// How long a peer may take for a part of an answer. One that takes nothing for longer is ended: those that have calls are few.
const PATIENCE: Duration = Duration::from_secs(10);

/// Bytes of answers after which no further request is looked at until they are sent.
const ENOUGH: usize = SEND_BLOCKS * BLOCK_SIZE;

/// What becomes of a connection after a look at what its peer has sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A request was answered; there may be another one.
    More,
    /// There is no whole request.
    Needs,
    /// The connection ends when the answers have been sent.
    Close,
}

/// What is spoken on the connections.
pub trait Protocol {
    /// What it keeps of a connection.
    type Peer;

    /// There is a connection.
    fn begin(&mut self) -> Self::Peer;

    /// The peer of a connection has sent bytes.
    fn received(&mut self, peer: &mut Self::Peer, bytes: &[u8]);

    /// Looks at what the peer has sent and was not looked at, and answers one request.
    fn step(&mut self, peer: &mut Self::Peer, answer: &mut Vec<u8>) -> Step;

    /// Makes lasting what the answers tell that were given since the last time, before any of them is sent: once for all connections that
    /// have asked something meanwhile.
    ///
    /// # Errors
    /// That cannot be. No answer of these is sent, all connections end, and [`Server::run`] tells it.
    fn settle(&mut self) -> Result<(), Status> {
        Ok(())
    }

    /// A connection has ended.
    fn end(&mut self, peer: Self::Peer) {
        drop(peer);
    }
}

/// For what a call was made.
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
struct Connection<P> {
    stream: Stream,
    peer: P,
    answer: Vec<u8>,
    /// Bytes of the answer that were sent.
    sent: usize,
    /// It has a call, or waits for its turn to have one.
    is_busy: bool,
    /// There is something on it that came while it was busy.
    is_ready: bool,
    /// It ends when the answer has been sent.
    ends: bool,
    /// Its peer has sent as much at once as fills a block.
    sends_much: bool,
}

/// Where connections come from, and who says at which of them there is something.
enum Door {
    /// A socket at which they come in; the service says it of all sockets.
    Own(Listener),
    /// One who accepts them, and is told by the service, for several loops.
    Shared(Inbox),
}

/// Connections, and where they come from.
pub struct Server<'p, P: Protocol> {
    door: Door,
    /// Connections that have a call at a time.
    most_calls: usize,
    protocol: &'p mut P,
    connections: BTreeMap<SocketId, Connection<P::Peer>>,
    /// Connections that wait for their turn.
    waiting: VecDeque<SocketId>,
    /// Connections at which there is something, of which is not known yet that they are there: answers to calls of two vcores come in any
    /// order.
    early: BTreeSet<SocketId>,
    /// Connections that have a call.
    busy: usize,
    /// Connections whose answers are sent when what they tell is settled.
    unsettled: Vec<SocketId>,
    queue: EventQueue,
    /// Where large blocks come from, if the process has as many.
    large: Option<Pool>,
    /// By token.
    calls: BTreeMap<u64, For>,
    next_token: u64,
}

impl<'p, P: Protocol> Server<'p, P> {
    /// Listens at a port, at which so many connections may wait to be accepted.
    ///
    /// # Errors
    /// Where that cannot be.
    pub fn new(
        network: Network,
        port: u16,
        backlog: u32,
        protocol: &'p mut P,
    ) -> Result<Server<'p, P>, Status> {
        let listener = network.listen(port, backlog).wait()?;
        // Answers are sent whole, so none has to wait for the next one.
        listener.set(SocketOption::NoDelay, 1).wait()?;
        Ok(Server::through(Door::Own(listener), CALLS, protocol))
    }

    /// A loop for the connections that an [`Acceptor`] gives it.
    pub fn beside(inbox: Inbox, protocol: &'p mut P) -> Server<'p, P> {
        let most_calls = inbox.most_calls();
        let server = Server::through(Door::Shared(inbox), most_calls, protocol);
        if let Door::Shared(inbox) = &server.door {
            inbox.open(&server.queue);
        }
        server
    }

    fn through(door: Door, most_calls: usize, protocol: &'p mut P) -> Server<'p, P> {
        Server {
            door,
            most_calls,
            protocol,
            connections: BTreeMap::new(),
            waiting: VecDeque::new(),
            early: BTreeSet::new(),
            busy: 0,
            unsettled: Vec::new(),
            queue: EventQueue::new(),
            large: large_blocks(),
            calls: BTreeMap::new(),
            next_token: inbox::TOKEN,
        }
    }

    /// Serves until the network is lost, or answers cannot be settled.
    ///
    /// # Errors
    /// How it was lost; what [`Protocol::settle`] told.
    pub fn run(&mut self) -> Result<(), Status> {
        let ended = self.serve();
        // Where the network is lost, its sockets are gone already.
        let is_there = ended != Err(Status::PeerLost);
        for (_, connection) in core::mem::take(&mut self.connections) {
            if is_there {
                drop(connection.stream.close());
            }
            self.protocol.end(connection.peer);
        }
        if is_there {
            match &self.door {
                Door::Own(listener) => drop(listener.close().wait()),
                Door::Shared(inbox) => inbox.close(),
            }
            // Connections that were accepted and not taken.
            while let Some(event) = self.queue.poll() {
                if let Some(For::Accept) = self.calls.remove(&event.token)
                    && let Ok(stream) = event.stream()
                {
                    drop(stream.close());
                }
            }
        }
        ended
    }

    /// What one look at the queue leads to is submitted together: one publication, and at most one doorbell.
    fn serve(&mut self) -> Result<(), Status> {
        if let Door::Own(_) = self.door {
            self.wait_for_ready(Block::acquire());
        }
        while let Some(event) = self.queue.wait() {
            batch(|| self.take(event))?;
            self.settle()?;
        }
        Ok(())
    }

    /// Takes an event, and those that have arrived beside it.
    fn take(&mut self, first: Event) -> Result<(), Status> {
        let mut next = Some(first);
        let mut left = MOST_EVENTS;
        while let Some(event) = next {
            if event.token == inbox::TOKEN {
                self.take_mail()?;
            } else if let Some(call) = self.calls.remove(&event.token) {
                // Where the service has begun anew before a call was made, its sockets are gone as well.
                if matches!(event.status, Status::PeerLost | Status::BadHandle) {
                    return Err(Status::PeerLost);
                }
                self.answer(call, event)?;
            }
            left -= 1;
            next = match left {
                0 => None,
                _ => self.queue.poll(),
            };
        }
        Ok(())
    }

    /// Settles what was answered, and sends it.
    fn settle(&mut self) -> Result<(), Status> {
        if self.unsettled.is_empty() {
            return Ok(());
        }
        self.protocol.settle()?;
        let unsettled = core::mem::take(&mut self.unsettled);
        batch(|| unsettled.into_iter().for_each(|id| self.send(id)));
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
                // A connection may have ended before it was accepted.
                let Ok(stream) = event.stream() else {
                    return Ok(());
                };
                self.begin(stream);
            }
            For::Receive(id) => self.received(id, event),
            For::Send(id) => self.sent(id, &event),
            For::Close => {}
        }
        Ok(())
    }

    /// There is a connection.
    fn begin(&mut self, stream: Stream) {
        let connection = Connection {
            stream,
            peer: self.protocol.begin(),
            answer: Vec::new(),
            sent: 0,
            is_busy: false,
            is_ready: false,
            ends: false,
            sends_much: false,
        };
        self.connections.insert(stream.id(), connection);
        if self.early.remove(&stream.id()) {
            self.is_ready(stream.id());
        }
    }

    fn token(&mut self, call: For) -> u64 {
        self.next_token += 1;
        self.calls.insert(self.next_token, call);
        self.next_token
    }

    fn wait_for_ready(&mut self, block: Block) {
        if let Door::Own(listener) = self.door {
            let token = self.token(For::Ready);
            self.queue.add(token, listener.ready(block));
        }
    }

    /// There is something at a socket.
    fn is_ready(&mut self, id: SocketId) {
        if let Door::Own(listener) = self.door
            && id == listener.id()
        {
            let token = self.token(For::Accept);
            self.queue.add(token, listener.accept());
            return;
        }
        let Some(connection) = self.connections.get_mut(&id) else {
            if self.early.len() >= MOST_EARLY {
                // Most of them are of connections that have ended meanwhile.
                self.early.clear();
            }
            self.early.insert(id);
            return;
        };
        if connection.is_busy {
            connection.is_ready = true;
            return;
        }
        connection.is_busy = true;
        self.waiting.push_back(id);
        self.begin_calls();
    }

    /// Begins calls for the connections that wait, as many as may have one.
    fn begin_calls(&mut self) {
        while self.busy < self.most_calls
            && let Some(id) = self.waiting.pop_front()
        {
            let Some(connection) = self.connections.get(&id) else {
                continue;
            };
            let stream = connection.stream;
            let pool = self.large.as_ref().filter(|_| connection.sends_much);
            let large = pool.and_then(|pool| pool.try_acquire_large(LARGE_ORDER));
            self.busy += 1;
            let token = self.token(For::Receive(id));
            let into = large.unwrap_or_else(Block::acquire);
            self.queue.add(token, stream.receive(into));
        }
    }

    fn received(&mut self, id: SocketId, event: Event) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        match event.block {
            Some(block) if event.status == Status::Done && !block.bytes().is_empty() => {
                connection.sends_much = block.bytes().len() >= BLOCK_SIZE;
                self.protocol.received(&mut connection.peer, block.bytes());
                drop(block);
                self.go_on(id);
            }
            _ => self.close(id),
        }
    }

    /// Answers what the peer has asked, as far as there is room for answers, and sends them.
    fn go_on(&mut self, id: SocketId) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        while !connection.ends && connection.answer.len() < ENOUGH {
            match self
                .protocol
                .step(&mut connection.peer, &mut connection.answer)
            {
                Step::More => {}
                Step::Needs => break,
                Step::Close => connection.ends = true,
            }
        }
        match (connection.answer.is_empty(), connection.ends) {
            (false, _) => self.unsettled.push(id),
            (true, true) => self.close(id),
            (true, false) => self.is_idle(id),
        }
    }

    /// Sends the next part of an answer.
    fn send(&mut self, id: SocketId) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        let rest = connection.answer.get(connection.sent..).unwrap_or_default();
        let mut blocks = Blocks::new();
        let mut length = 0;
        for part in rest.chunks(BLOCK_SIZE).take(SEND_BLOCKS) {
            let mut block = Block::acquire();
            if let Some(bytes) = block.bytes_mut().get_mut(..part.len()) {
                bytes.copy_from_slice(part);
            }
            length += part.len();
            // No more than a call may have.
            let _ = blocks.push(block);
        }
        connection.sent += length;
        let stream = connection.stream;
        let token = self.token(For::Send(id));
        let sends = with_timeout(PATIENCE, || stream.send(length, blocks));
        self.queue.add(token, sends);
    }

    fn sent(&mut self, id: SocketId, event: &Event) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        if event.status != Status::Done {
            self.close(id);
        } else if connection.sent < connection.answer.len() {
            self.send(id);
        } else {
            connection.answer.clear();
            connection.sent = 0;
            self.go_on(id);
        }
    }

    /// A connection has no call any more.
    fn is_idle(&mut self, id: SocketId) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        connection.is_busy = false;
        // A connection on which nothing happens keeps no memory for answers.
        connection.answer = Vec::new();
        let is_ready = core::mem::take(&mut connection.is_ready);
        self.busy -= 1;
        if is_ready {
            self.is_ready(id);
        }
        self.begin_calls();
    }

    fn close(&mut self, id: SocketId) {
        if let Some(connection) = self.connections.remove(&id) {
            self.busy -= 1;
            if let Door::Shared(inbox) = &self.door {
                inbox.forget(id);
            }
            let token = self.token(For::Close);
            self.queue.add(token, connection.stream.close());
            self.protocol.end(connection.peer);
            self.begin_calls();
        }
    }
}

/// Blocks for those who send much, where the process has as many beside those that the loop must have.
fn large_blocks() -> Option<Pool> {
    // Looked for first, and given back.
    let _needed = Pool::new(BLOCKS).ok()?;
    Pool::new(MORE_BLOCKS).ok()
}
