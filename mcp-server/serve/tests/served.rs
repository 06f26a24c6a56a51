//! Connections that are served, in a process on host threads, over the real rings.

#[path = "../../runtime/tests/common/mod.rs"]
mod common;

use std::sync::{Arc, Mutex};
use std::thread;

use atoll_abi::block::BLOCK_SIZE;
use atoll_runtime::{Network, Status};
use atoll_serve::{BLOCKS, MORE_BLOCKS, Protocol, Server, Step};
use common::spliced::bytes;
use common::streams::{Piece, Streams};
use common::{Command, Manners, Setup, run_with};

/// The port of the service that has the connections.
const SOCKETS: usize = 1;

/// Answers with what was sent, and notes how much of it came at a time.
#[derive(Clone, Default)]
struct Echo(Arc<Mutex<Vec<usize>>>);

impl Protocol for Echo {
    type Peer = Vec<u8>;

    fn begin(&mut self) -> Vec<u8> {
        Vec::new()
    }

    fn received(&mut self, peer: &mut Vec<u8>, bytes: &[u8]) {
        self.0.lock().unwrap().push(bytes.len());
        peer.extend_from_slice(bytes);
    }

    fn step(&mut self, peer: &mut Vec<u8>, answer: &mut Vec<u8>) -> Step {
        if peer.is_empty() {
            return Step::Needs;
        }
        answer.append(peer);
        Step::More
    }
}

/// Peers that each send pieces and then end, and a process with so many blocks. What came at a time.
fn served(blocks: usize, peers: usize, pieces: &[&[u8]]) -> Vec<usize> {
    let streams = Streams::new(peers);
    for peer in streams.peers().iter_mut() {
        let pieces = pieces.iter().map(|bytes| Piece::Bytes(bytes.to_vec()));
        peer.sends = pieces.chain([Piece::End]).collect();
    }
    let setup = Setup {
        streams: Some(streams.clone()),
        ..Setup::new(1, blocks as u32, vec![9; 5], Manners::Honest)
    };
    let echo = Echo::default();
    let (mut protocol, watched) = (echo.clone(), streams.clone());
    run_with(setup, move |control| {
        let mut server = Server::new(Network::first(), 80, 8, &mut protocol).unwrap();
        // When all have been served to their end, the network ends.
        let end = thread::spawn(move || {
            while !watched.peers().iter().all(|peer| peer.closed) {
                thread::yield_now();
            }
            control.order(Command::Kill(SOCKETS));
        });
        assert_eq!(server.run(), Err(Status::PeerLost));
        end.join().unwrap();
    });
    let expected = pieces.concat();
    for peer in streams.peers().iter() {
        assert!(peer.taken == expected, "the answers are whole");
    }
    let lengths = echo.0.lock().unwrap();
    lengths.clone()
}

#[test]
fn who_sends_much_is_received_from_once() {
    let much = bytes(17_000);
    let blocks = BLOCKS + MORE_BLOCKS;
    // The first block that is full says so; the rest, and what comes later, is received whole.
    let lengths = served(blocks, 1, &[&much, &much, b"little", &much]);
    let first = [BLOCK_SIZE, 17_000 - BLOCK_SIZE, 17_000, 6];
    assert_eq!(lengths[..4], first);
    // After little it is a block again.
    assert_eq!(lengths[4..], first[..2]);
}

#[test]
fn without_large_blocks_it_is_received_in_blocks() {
    let much = bytes(17_000);
    for blocks in [BLOCKS, BLOCKS + MORE_BLOCKS - 1] {
        let lengths = served(blocks, 1, &[&much, &much]);
        assert!(lengths.iter().all(|length| *length <= BLOCK_SIZE));
    }
}

#[test]
fn many_who_send_much_do_not_wait_for_each_others_blocks() {
    let much = bytes(40_000);
    for blocks in [BLOCKS, BLOCKS + MORE_BLOCKS] {
        let lengths = served(blocks, 40, &[&much, &much]);
        assert_eq!(lengths.iter().sum::<usize>(), 40 * 80_000);
    }
}
