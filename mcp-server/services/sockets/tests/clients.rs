//! Clients that are wrong, hostile or gone, and a driver that is.

mod common;

use atoll_abi::block::{BLOCK_SIZE, BlockList};
use atoll_abi::handle::Handle;
use atoll_abi::interface::{Call, Request as _, request};
use atoll_abi::net::Checksum;
use atoll_abi::socket::{SocketAddress, SocketOption};
use atoll_abi::syscall::{NO_BLOCK, Status, Syscall};
use atoll_call::{Event, Service as _};
use common::{BLOCKS, Fate, MILLISECOND, OTHER, OWN_ADDRESS, PROPERTIES, World, result};
use smoltcp::socket::tcp::State;

const NONE: SocketAddress = SocketAddress::NONE;

/// Every call about a socket, with the blocks that it needs.
fn calls_about(socket: Handle) -> Vec<Syscall> {
    let length = 8;
    let block = BlockList::one(20);
    let receive = request::ReceiveBytes { socket, length }.encode();
    let send = request::SendBytes {
        socket,
        length,
        to: NONE,
    };
    let option = request::SetSocketOption {
        socket,
        option: SocketOption::NoDelay,
        value: 1,
    };
    vec![
        request::Accept { socket }.encode(),
        block.into_call(receive),
        block.into_call(send.encode()),
        request::ShutDown { socket }.encode(),
        request::CloseSocket { socket }.encode(),
        option.encode(),
    ]
}

#[test]
fn a_socket_is_the_clients_that_was_given_it() {
    let mut world = World::new();
    let (socket, stream) = world.connected(0, 80);
    for call in calls_about(socket) {
        let answer = world.host.ask(OTHER, call);
        assert_eq!(answer, Err(Status::BadHandle), "a foreign handle");
    }
    let forged = Handle {
        index: socket.index,
        generation: socket.generation.wrapping_add(1).max(1),
    };
    for call in calls_about(forged) {
        assert_eq!(world.host.ask(0, call), Err(Status::BadHandle));
    }
    assert_eq!(world.peer.tcp(stream).state(), State::Established);
    assert_eq!(world.host.service.blocks_in_use(), 0);
}

#[test]
fn a_block_is_in_one_call() {
    let mut world = World::new();
    let (socket, _) = world.connected(0, 80);
    world.host.receive_into(0, socket, 5, 64);
    let request = request::ReceiveBytes { socket, length: 64 }.encode();
    let again = BlockList::one(5).into_call(request);
    let tag = world.host.call(1, again);
    let answer = world.host.take(1, tag).unwrap();
    assert_eq!(result(&answer), Err(Status::BadBlock), "a duplicate block");
    assert_eq!(answer.block, NO_BLOCK);
    for (block, length, expected) in [
        (BLOCKS, 64, Status::BadBlock),
        (6, BLOCK_SIZE as u32 + 1, Status::InvalidArgument),
        (6, 0, Status::InvalidArgument),
        (NO_BLOCK, 64, Status::BadBlock),
    ] {
        let request = request::ReceiveBytes { socket, length }.encode();
        let call = Syscall { block, ..request };
        assert_eq!(world.host.ask(0, call), Err(expected), "{block} {length}");
    }
    assert_eq!(world.host.service.blocks_in_use(), 1);
}

#[test]
fn calls_that_do_not_fit_a_socket_are_refused() {
    let mut world = World::new();
    let (connection, _) = world.connected(0, 80);
    let datagrams = request::OpenDatagrams { port: 53 }.encode();
    let [datagrams, port] = world.host.ask(0, datagrams).unwrap();
    assert_eq!(port, 53);
    let datagrams = Handle::from_raw(datagrams as u32).unwrap();
    let listener = world.host.listen(0, 81, 1);
    for socket in [connection, datagrams] {
        let accept = world.host.ask(0, request::Accept { socket }.encode());
        assert_eq!(accept, Err(Status::InvalidArgument));
    }
    for socket in [listener, datagrams] {
        let shut = world.host.ask(0, request::ShutDown { socket }.encode());
        assert_eq!(shut, Err(Status::InvalidArgument));
    }
    let tag = world.host.receive_into(0, listener, 0, 8);
    assert_eq!(world.answer(0, tag), Err(Status::InvalidArgument));
    let tag = world.host.send_from(0, listener, 0, b"x", NONE);
    assert_eq!(world.answer(0, tag), Err(Status::InvalidArgument));
    let tag = world.host.send_from(0, datagrams, 0, b"x", NONE);
    assert_eq!(
        world.answer(0, tag),
        Err(Status::InvalidArgument),
        "to nobody"
    );
    for (port, backlog, expected) in [
        (80, 1, Status::AddressInUse),
        (0, 1, Status::InvalidArgument),
        (82, 0, Status::InvalidArgument),
    ] {
        let listen = request::Listen { port, backlog }.encode();
        assert_eq!(world.host.ask(OTHER, listen), Err(expected));
    }
    let again = world
        .host
        .ask(OTHER, request::OpenDatagrams { port: 53 }.encode());
    assert_eq!(again, Err(Status::AddressInUse));
    for call in [
        Call::Open,
        Call::Print,
        Call::ReadSectors,
        Call::TransmitFrame,
    ] {
        let call = Syscall {
            call: call as u16,
            ..Syscall::EMPTY
        };
        assert_eq!(world.host.ask(0, call), Err(Status::NotAllowed));
    }
}

#[test]
fn a_client_has_its_share_of_sockets_and_leaves_the_others() {
    // Of six sockets, three for each client.
    let mut world = World::with(PROPERTIES, (1 << 20) + 6 * (66 << 10), || Fate::Arrives);
    let listener = world.host.listen(OTHER, 80, 8);
    world.accepted(OTHER, listener, 80);
    let (second, _) = world.accepted(OTHER, listener, 80);
    let listen = request::Listen {
        port: 81,
        backlog: 1,
    };
    assert_eq!(world.host.ask(OTHER, listen.encode()), Err(Status::Busy));
    let socket = listener;
    let accept = world.host.call(OTHER, request::Accept { socket }.encode());
    world.peer.connect(OWN_ADDRESS, 80);
    world.wait(100 * MILLISECOND);
    assert_eq!(world.host.take(OTHER, accept), None, "it has its share");
    let own = world.host.listen(0, 82, 1);
    world.accepted(0, own, 82);
    // With one less there is place for the one that waits.
    let socket = second;
    let close = request::CloseSocket { socket }.encode();
    assert_eq!(world.host.ask(OTHER, close), Ok([0, 0]));
    assert!(world.answer(OTHER, accept).is_ok());
    assert_eq!(world.host.service.sockets(), 5);
}

#[test]
fn what_a_dead_client_had_is_reset() {
    let mut world = World::new();
    let (socket, stream) = world.connected(0, 80);
    world.host.receive_into(0, socket, 0, 64);
    let other = world.host.listen(OTHER, 81, 1);
    world.host.event(Event::ClientLost { ring: 0 });
    world.settle();
    assert_eq!(
        world.peer.tcp(stream).state(),
        State::Established,
        "the client has another ring"
    );
    world.host.event(Event::ClientLost { ring: 1 });
    world.settle();
    assert_eq!(world.peer.tcp(stream).state(), State::Closed, "it is reset");
    assert!(world.host.service.is_quiet(0) && world.host.service.is_quiet(1));
    let (blocks, sockets) = (
        world.host.service.blocks_in_use(),
        world.host.service.sockets(),
    );
    assert_eq!((blocks, sockets), (0, 1), "the other client's is left");
    // Its next life.
    for ring in [0, 1] {
        let generation = 1;
        world
            .host
            .event(Event::ClientConnected { ring, generation });
    }
    world.host.generations[0] = 2;
    let stale = world.host.ask(0, request::CloseSocket { socket }.encode());
    assert_eq!(stale, Err(Status::BadHandle), "a stale handle");
    let (_, stream) = world.connected(0, 80);
    assert_eq!(world.peer.tcp(stream).state(), State::Established);
    let accept = request::Accept { socket: other }.encode();
    world.host.call(OTHER, accept);
}

#[test]
fn calls_of_the_next_life_end_what_the_last_one_had() {
    let mut world = World::new();
    let (_, stream) = world.connected(0, 80);
    world.host.generations[0] = 2;
    world.host.listen(0, 80, 1);
    world.settle();
    assert_eq!(world.peer.tcp(stream).state(), State::Closed);
    world.host.generations[0] = 1;
    let late = world.host.ask(0, request::DescribeHost {}.encode());
    assert_eq!(late, Err(Status::NotAllowed));
}

#[test]
fn a_connection_outlives_the_driver() {
    let mut world = World::new();
    let (socket, stream) = world.connected(0, 80);
    let receive = world.host.receive_into(0, socket, 0, 64);
    // While it is gone, what the peer sends is lost, and what the client sends waits.
    world
        .host
        .event(Event::UpstreamLost(atoll_call::Loss::Death));
    let sends = world
        .host
        .send_from(0, socket, 1, b"while it is gone", NONE);
    assert_eq!(world.answer(0, sends), Ok([16; 2]));
    world.host.replace_driver();
    assert_eq!(world.host.posted(), 32, "it may receive");
    world.peer.send(stream, b"back");
    assert_eq!(world.answer(0, receive), Ok([4; 2]));
    let mut received = Vec::new();
    world.until(|world| {
        received.extend(world.peer.take(stream));
        (received == b"while it is gone").then_some(())
    });
}

#[test]
fn blocks_come_back_from_a_driver_that_broke_the_protocol_when_it_is_dead() {
    let mut world = World::new();
    let (socket, stream) = world.connected(0, 80);
    for _ in 0..10 {
        let fault = Event::UpstreamLost(atoll_call::Loss::Fault);
        world.host.event(fault);
        world.host.replace_driver();
        assert_eq!(world.host.posted(), 32, "the device has all that it may");
    }
    let receive = world.host.receive_into(0, socket, 0, 64);
    world.peer.send(stream, b"back");
    assert_eq!(world.answer(0, receive), Ok([4; 2]));
}

#[test]
fn nothing_is_asked_of_a_device_that_broke() {
    let mut world = World::new();
    let (socket, stream) = world.connected(0, 80);
    let before = world.host.answered;
    world.host.fail();
    let sends = world
        .host
        .send_from(0, socket, 1, b"while it is broken", NONE);
    assert_eq!(world.answer(0, sends), Ok([18; 2]));
    let asked = world.host.answered - before;
    assert!(asked <= 64, "{asked} calls to a device that broke");
    assert_eq!(world.host.service.due(), None, "and none later");
    world.host.replace_driver();
    let mut received = Vec::new();
    world.until(|world| {
        received.extend(world.peer.take(stream));
        (received == b"while it is broken").then_some(())
    });
}

#[test]
fn datagrams_come_and_go_whole() {
    let mut world = World::new();
    let open = world
        .host
        .ask(0, request::OpenDatagrams { port: 0 }.encode());
    let [handle, port] = open.unwrap();
    let socket = Handle::from_raw(handle as u32).unwrap();
    let peer = world.peer.udp(53);
    let to = SocketAddress {
        address: common::PEER_ADDRESS,
        port: 53,
    };
    let largest = vec![7; 1472];
    for bytes in [b"query".as_slice(), &largest, b""] {
        let sends = world.host.send_from(0, socket, 0, bytes, to);
        assert_eq!(world.answer(0, sends), Ok([bytes.len() as u64; 2]));
        let (got, from) = world.until(|world| world.peer.datagram(peer));
        assert!(got == bytes && u64::from(from) == port);
    }
    let too_long = world.host.send_from(0, socket, 0, &vec![0; 1473], to);
    assert_eq!(world.answer(0, too_long), Err(Status::TooLong));
    for answer in [b"first".as_slice(), b"second"] {
        world
            .peer
            .send_datagram(peer, OWN_ADDRESS, port as u16, answer);
    }
    for (length, expected) in [(64, b"first".as_slice()), (3, b"sec")] {
        let receive = world.host.receive_into(0, socket, 9, length);
        let [count, from] = world.answer(0, receive).unwrap();
        assert_eq!(&world.host.block(0, 9)[..count as usize], expected);
        assert_eq!(SocketAddress::from_raw(from), Ok(to));
    }
    let receive = world.host.receive_into(0, socket, 9, 8);
    world.wait(10 * MILLISECOND);
    assert_eq!(world.host.take(0, receive), None, "one call, one datagram");
}

#[test]
fn corrupt_frames_are_dropped() {
    let mut world = World::new();
    let (socket, stream) = world.connected(0, 80);
    let receive = world.host.receive_into(0, socket, 0, 64);
    world.peer.send(stream, b"abc");
    world.peer.act(world.host.now);
    let mut frame = world.peer.sent().unwrap();
    let last = frame.len() - 1;
    frame[last] ^= 1;
    assert!(world.host.receive(&frame, Checksum::Unknown));
    assert_eq!(world.host.service.dropped_frames(), 1);
    assert_eq!(world.host.take(0, receive), None, "nothing of it is told");
    // A device that has checked it is believed.
    assert!(world.host.receive(&frame, Checksum::Checked));
    assert_eq!(world.answer(0, receive), Ok([3; 2]));
    assert_eq!(&world.host.block(0, 0)[..3], b"abb");
}

#[test]
fn frames_of_nobody_do_no_harm() {
    let mut world = World::new();
    let (_, stream) = world.connected(0, 80);
    let mut next = common::random(3);
    for length in (0..200).chain([1514, 4000]) {
        let frame: Vec<u8> = (0..length).map(|_| next() as u8).collect();
        world.host.receive(&frame, Checksum::Unknown);
        let mut addressed = frame.clone();
        let head = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45];
        let count = head.len().min(length);
        addressed[..count].copy_from_slice(&head[..count]);
        world.host.receive(&addressed, Checksum::Checked);
        world.host.sent.clear();
    }
    assert_eq!(world.host.posted(), 32, "no block is lost");
    assert_eq!(world.peer.tcp(stream).state(), State::Established);
}
