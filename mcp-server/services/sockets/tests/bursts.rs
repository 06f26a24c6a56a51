//! Frames of which the driver tells at once.

mod common;

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::handle::Handle;
use atoll_abi::interface::{Request as _, request};
use common::{OWN_ADDRESS, World};
use smoltcp::socket::tcp::State;
use smoltcp::wire::{Ipv4Packet, TcpPacket, TcpSeqNumber};

/// What the peer sends now, as frames that have not arrived.
fn frames(world: &mut World) -> Vec<Vec<u8>> {
    world.peer.act(world.host.now);
    std::iter::from_fn(|| world.peer.sent()).collect()
}

/// Where the bytes of a segment end in the stream, and what it acknowledges.
fn numbers(frame: &[u8]) -> (TcpSeqNumber, TcpSeqNumber) {
    let packet = Ipv4Packet::new_checked(&frame[14..]).unwrap();
    let segment = TcpPacket::new_checked(packet.payload()).unwrap();
    let end = segment.seq_number() + segment.payload().len();
    (end, segment.ack_number())
}

#[test]
fn a_burst_is_acknowledged_once_and_received_whole() {
    let mut world = World::new();
    let (socket, stream) = world.connected(0, 80);
    let bytes: Vec<u8> = (0..17_000u32).map(|at| (at / 7) as u8).collect();
    assert_eq!(world.peer.send(stream, &bytes), bytes.len());
    let burst = frames(&mut world);
    assert!(burst.len() > 10, "it is sent as a burst");
    world.host.receive_all(&burst);
    let answers: Vec<Vec<u8>> = world.host.sent.drain(..).collect();
    let [answer] = &answers[..] else {
        panic!("{} segments acknowledge a burst", answers.len());
    };
    let (end, _) = numbers(burst.last().unwrap());
    assert_eq!(numbers(answer).1, end, "all of it is acknowledged");
    let receive = world.host.receive_into(0, socket, 0, BLOCK_SIZE as u32);
    let [count, _] = world.answer(0, receive).unwrap();
    assert_eq!(count as usize, BLOCK_SIZE);
    assert_eq!(world.host.block(0, 0)[..], bytes[..BLOCK_SIZE]);
}

#[test]
fn a_connection_may_begin_behind_the_end_of_the_one_before_it() {
    let mut world = World::new();
    let listener = world.host.listen(0, 80, 8);
    let (_, before) = world.accepted(0, listener, 80);
    world.settle();
    world.peer.tcp(before).abort();
    let mut burst = frames(&mut world);
    let stream = world.peer.connect_again(OWN_ADDRESS, 80);
    burst.extend(frames(&mut world));
    assert_eq!(burst.len(), 2, "a reset, and what begins a connection");
    world.host.receive_all(&burst);
    let accept = request::Accept { socket: listener };
    let accept = world.host.call(0, accept.encode());
    let [handle, _] = world.answer(0, accept).unwrap();
    assert!(Handle::from_raw(handle as u32).is_some());
    assert_eq!(world.peer.tcp(stream).state(), State::Established);
}

#[test]
fn connections_that_begin_at_once_are_all_answered() {
    let mut world = World::new();
    let listener = world.host.listen(0, 80, 64);
    // Both hosts know where the other one is.
    world.accepted(0, listener, 80);
    world.settle();
    // As many as the driver has blocks for; the answers to them are more than there is room for at once.
    let count = world.host.posted();
    let streams: Vec<_> = (0..count)
        .map(|_| world.peer.connect(OWN_ADDRESS, 80))
        .collect();
    let burst = frames(&mut world);
    assert_eq!(burst.len(), count);
    world.host.receive_all(&burst);
    // No time passes in which one could be tried again.
    world.settle();
    for (number, stream) in streams.into_iter().enumerate() {
        let state = world.peer.tcp(stream).state();
        assert_eq!(state, State::Established, "connection {number} of {count}");
    }
}
