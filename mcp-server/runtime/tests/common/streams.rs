//! Connections that a service of a test has: what their peers send, and what they take.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use atoll_abi::block::BlockList;
use atoll_abi::syscall::{Call, Status, Syscall};
use atoll_runtime::{Network, SocketAddress, Stream};

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
}

/// Connections, by the port of the peer.
#[derive(Clone, Default)]
pub struct Streams(Arc<Mutex<Vec<Peer>>>);

const FIRST: u32 = 1 << 16;

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
        matches!(call, Call::ReceiveBytes | Call::SendBytes)
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
        let peer = Streams::peer_of(&mut peers, syscall);
        let length = syscall.arguments[0] as usize;
        match call {
            Call::ReceiveBytes => {
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
