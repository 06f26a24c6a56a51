//! Connections that a service of a test has: what their peers send, and what they take.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use atoll_abi::block::BlockList;
use atoll_abi::handle::Handle;
use atoll_abi::socket::Ready;
use atoll_abi::syscall::{Call, Status, Syscall};
use atoll_runtime::{Network, SocketAddress, Stream};
use zerocopy::IntoBytes;

use super::Memory;

/// What a peer does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// It sends bytes: what does not fit into a call is for the next one.
    Bytes(Vec<u8>),
    /// It says that nothing follows.
    End,
    /// A call that receives ends so.
    Fails(Status),
}

/// What a peer does, and what it has taken.
#[derive(Default)]
pub struct Peer {
    /// Where there is nothing, calls that receive wait.
    pub sends: VecDeque<Piece>,
    pub taken: Vec<u8>,
    /// It takes no more than these, in all: then calls that send wait, or fail so.
    pub most: Option<(usize, Option<Status>)>,
    pub closed: bool,
    /// It has connected to the process, and was accepted.
    pub accepted: bool,
    /// The process was told of what it sends, and has not received since.
    told: bool,
}

/// Connections, by the port of the peer.
#[derive(Clone, Default)]
pub struct Streams(Arc<Mutex<Vec<Peer>>>);

const FIRST: u32 = 1 << 16;

/// The handle of the socket at which peers connect, one after the other.
const LISTENER: u32 = 2 << 16;

impl Streams {
    /// So many peers, who have nothing to say.
    pub fn new(peers: usize) -> Streams {
        let peers = (0..peers).map(|_| Peer::default());
        Streams(Arc::new(Mutex::new(peers.collect())))
    }

    /// As [`Streams::new`], of one that sends bytes in pieces of so many, and that nothing follows.
    pub fn sending(bytes: &[u8], piece: usize) -> Streams {
        let streams = Streams::new(2);
        let pieces = bytes.chunks(piece).map(|it| Piece::Bytes(it.to_vec()));
        streams.peers()[0].sends = pieces.chain([Piece::End]).collect();
        streams
    }

    pub fn peers(&self) -> MutexGuard<'_, Vec<Peer>> {
        self.0.lock().unwrap()
    }

    /// The connection to a peer, in the process.
    pub fn connect(peer: u16) -> Stream {
        let address = SocketAddress {
            address: [10, 0, 2, 2],
            port: peer + 1,
        };
        Network::first().connect(address).wait().unwrap()
    }

    pub fn has_blocks(call: Call) -> bool {
        matches!(
            call,
            Call::ReceiveBytes | Call::SendBytes | Call::AwaitSockets
        )
    }

    /// The sockets at which there is something of which the process was not told; with `told`, it is told now.
    fn ready(peers: &mut [Peer], told: bool) -> Vec<Ready> {
        let mut ready = Vec::new();
        for (place, peer) in (FIRST..).zip(peers) {
            let is_new = !peer.accepted;
            if !peer.told && (is_new || !peer.sends.is_empty() && !peer.closed) {
                peer.told = told;
                ready.push(if is_new { LISTENER } else { place });
            }
            if is_new {
                // The next one is told when this one was accepted.
                break;
            }
        }
        let handles = ready.into_iter().filter_map(Handle::from_raw);
        handles.map(Ready::new).collect()
    }

    fn peer_of<'p>(peers: &'p mut [Peer], syscall: &Syscall) -> &'p mut Peer {
        &mut peers[(syscall.handle - FIRST) as usize]
    }

    /// Whether a call has to wait for its peer.
    pub fn waits(&self, syscall: &Syscall) -> bool {
        let mut peers = self.peers();
        match Call::from_raw(syscall.call) {
            Some(Call::ReceiveBytes) => Streams::peer_of(&mut peers, syscall).sends.is_empty(),
            Some(Call::SendBytes) => {
                let peer = Streams::peer_of(&mut peers, syscall);
                let length = syscall.arguments[0] as usize;
                matches!(peer.most, Some((most, None)) if peer.taken.len() + length > most)
            }
            Some(Call::AwaitSockets) => Streams::ready(&mut peers, false).is_empty(),
            _ => false,
        }
    }

    /// Serves a call with blocks of a pool. One that had to wait, and that there is still nothing for, is cancelled.
    pub fn serve(&self, pool: &Memory, call: Call, syscall: &Syscall) -> (Status, [u64; 2]) {
        let mut peers = self.peers();
        if call == Call::ConnectSocket {
            let peer = (syscall.arguments[0] >> 32) as u32 - 1;
            return (Status::Done, [u64::from(FIRST + peer), 0]);
        }
        match call {
            Call::Listen => return (Status::Done, [LISTENER.into(), 0]),
            Call::SetSocketOption => return (Status::Done, [0; 2]),
            Call::CloseSocket if syscall.handle == LISTENER => return (Status::Done, [0; 2]),
            Call::Accept => {
                let next = peers.iter_mut().position(|peer| !peer.accepted);
                let Some(next) = next else {
                    return (Status::Cancelled, [0; 2]);
                };
                (peers[next].accepted, peers[next].told) = (true, false);
                return (Status::Done, [u64::from(FIRST) + next as u64, 0]);
            }
            Call::AwaitSockets => {
                let ready = Streams::ready(&mut peers, true);
                let bytes = ready.as_bytes();
                pool.write(&BlockList::from_call(syscall).unwrap(), bytes);
                return (Status::Done, [bytes.len() as u64, 0]);
            }
            _ => {}
        }
        let peer = Streams::peer_of(&mut peers, syscall);
        let length = syscall.arguments[0] as usize;
        match call {
            Call::ReceiveBytes => {
                peer.told = false;
                let list = BlockList::from_call(syscall).unwrap();
                assert!(length <= list.bytes() && length > 0);
                match peer.sends.pop_front() {
                    None => (Status::Cancelled, [0; 2]),
                    Some(Piece::Bytes(mut bytes)) => {
                        let rest = bytes.split_off(length.min(bytes.len()));
                        if !rest.is_empty() {
                            peer.sends.push_front(Piece::Bytes(rest));
                        }
                        pool.write(&list, &bytes);
                        (Status::Done, [bytes.len() as u64; 2])
                    }
                    Some(Piece::End) => {
                        peer.sends.push_front(Piece::End);
                        (Status::Done, [0; 2])
                    }
                    Some(Piece::Fails(status)) => (status, [0; 2]),
                }
            }
            Call::SendBytes => {
                let bytes = pool.read(&BlockList::from_call(syscall).unwrap(), length);
                let (most, fails) = peer.most.unwrap_or((usize::MAX, None));
                let taken = bytes.len().min(most - peer.taken.len());
                peer.taken.extend_from_slice(&bytes[..taken]);
                let status = match taken < length {
                    true => fails.unwrap_or(Status::Cancelled),
                    false => Status::Done,
                };
                (status, [taken as u64; 2])
            }
            Call::ShutDown => (Status::Done, [0; 2]),
            Call::CloseSocket => {
                peer.closed = true;
                (Status::Done, [0; 2])
            }
            _ => (Status::NotAllowed, [0; 2]),
        }
    }
}
