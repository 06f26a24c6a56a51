//! A host, another one, and the network between them.

use std::collections::VecDeque;

use atoll_abi::handle::Handle;
use atoll_abi::interface::{Request, request};
use atoll_abi::net::{Checksum, Properties};
use atoll_abi::socket::SocketAddress;
use atoll_abi::syscall::Status;
use atoll_call::{Event, Service};

use super::peer::{Peer, Stream};
use super::{HEAP, Host, MILLISECOND, NETWORK, OWN_ADDRESS, PEER_ADDRESS, PROPERTIES, result};

/// A network between the service and its peer: what becomes of a frame.
pub enum Fate {
    Arrives,
    IsLost,
    ArrivesTwice,
    ArrivesLater,
}

/// The host, its peer, and what is between them.
pub struct World {
    pub host: Host,
    pub peer: Peer,
    fate: Box<dyn FnMut() -> Fate>,
    late: VecDeque<(bool, Vec<u8>)>,
}

impl World {
    pub fn new() -> World {
        World::with(PROPERTIES, HEAP, || Fate::Arrives)
    }

    pub fn with(properties: Properties, heap: u64, fate: impl FnMut() -> Fate + 'static) -> World {
        World::of(Host::new(properties, NETWORK, heap), fate)
    }

    /// That of a host.
    pub fn of(host: Host, fate: impl FnMut() -> Fate + 'static) -> World {
        World {
            host,
            peer: Peer::new(PEER_ADDRESS),
            fate: Box::new(fate),
            late: VecDeque::new(),
        }
    }

    fn carry(&mut self, to_peer: bool, frame: Vec<u8>) {
        let times = match (self.fate)() {
            Fate::Arrives => 1,
            Fate::IsLost => 0,
            Fate::ArrivesTwice => 2,
            Fate::ArrivesLater => {
                self.late.push_back((to_peer, frame));
                return;
            }
        };
        for _ in 0..times {
            self.arrive(to_peer, &frame);
        }
        if let Some((to_peer, frame)) = self.late.pop_front() {
            self.arrive(to_peer, &frame);
        }
    }

    fn arrive(&mut self, to_peer: bool, frame: &[u8]) {
        match to_peer {
            true => self.peer.receive(frame),
            false => {
                self.host.receive(frame, Checksum::Unknown);
            }
        }
    }

    /// Frames go back and forth until nobody has one. No time passes.
    pub fn settle(&mut self) {
        loop {
            let mut quiet = true;
            self.host.serve();
            while let Some(frame) = self.host.sent.pop_front() {
                quiet = false;
                self.carry(true, frame);
            }
            self.peer.act(self.host.now);
            while let Some(frame) = self.peer.sent() {
                quiet = false;
                self.carry(false, frame);
            }
            if quiet {
                break;
            }
        }
    }

    /// Time passes, at most so much in nanoseconds, until the next one has to act; `false` where nobody has to.
    pub fn wait(&mut self, most: u64) -> bool {
        let host = self.host.service.due();
        let next = host.into_iter().chain(self.peer.due(self.host.now)).min();
        let end = self.host.now + most;
        let acts = next.is_some_and(|next| next <= end);
        self.host.now = next.map_or(end, |next| next.clamp(self.host.now, end));
        if host.is_some_and(|due| due <= self.host.now) {
            self.host.event(Event::Time);
        }
        self.settle();
        acts
    }

    /// Runs until something is so.
    pub fn until<T>(&mut self, mut is: impl FnMut(&mut World) -> Option<T>) -> T {
        self.settle();
        for _ in 0..200_000 {
            if let Some(found) = is(self) {
                return found;
            }
            self.wait(1000 * MILLISECOND);
        }
        panic!("it never is");
    }

    /// Waits for the answer to a call.
    pub fn answer(&mut self, ring: usize, tag: u64) -> Result<[u64; 2], Status> {
        let answer = self.until(|world| world.host.take(ring, tag));
        result(&answer)
    }

    /// A connection that the peer makes to a port, accepted by the client of a ring.
    pub fn connected(&mut self, ring: usize, port: u16) -> (Handle, Stream) {
        let listener = self.host.listen(ring, port, 8);
        self.accepted(ring, listener, port)
    }

    pub fn accepted(&mut self, ring: usize, socket: Handle, port: u16) -> (Handle, Stream) {
        let accept = self.host.call(ring, request::Accept { socket }.encode());
        let stream = self.peer.connect(OWN_ADDRESS, port);
        let [handle, from] = self.answer(ring, accept).unwrap();
        let from = SocketAddress::from_raw(from).unwrap();
        assert_eq!(from.address, PEER_ADDRESS);
        (Handle::from_raw(handle as u32).unwrap(), stream)
    }
}
