//! Connections between a client and another host.

mod common;

use atoll_abi::block::{BLOCK_SIZE, BlockList};
use atoll_abi::handle::Handle;
use atoll_abi::interface::{Request as _, request};
use atoll_abi::net::{Checksum, Properties};
use atoll_abi::plan::Network;
use atoll_abi::socket::{HostAddress, Ready, SocketAddress, SocketOption};
use atoll_abi::syscall::Status;
use atoll_call::{Event, Service as _};
use common::{
    Fate, HEAP, Host, MILLISECOND, OTHER, OWN_ADDRESS, PEER_ADDRESS, PROPERTIES, World, dhcp,
    random,
};
use smoltcp::socket::tcp::State;
use smoltcp::wire::{Ipv4Packet, TcpPacket};
use zerocopy::FromBytes as _;

const NONE: SocketAddress = SocketAddress::NONE;

#[test]
fn a_host_knows_where_the_plan_has_it() {
    let mut world = World::new();
    let raw = world.host.ask(0, request::DescribeHost {}.encode());
    let expected = HostAddress {
        address: OWN_ADDRESS,
        prefix: 24,
        gateway: [10, 0, 0, 254],
    };
    assert_eq!(HostAddress::from_raw(raw.unwrap()), Ok(expected));
    assert_eq!(world.host.posted(), 32, "the device may receive");
}

#[test]
fn a_host_that_is_not_told_its_address_asks_for_it() {
    let mut host = Host::new(PROPERTIES, Network::default(), HEAP);
    let waits = host.call(0, request::DescribeHost {}.encode());
    for _ in 0..100 {
        let Some(frame) = host.sent.pop_front() else {
            host.now = host.service.due().unwrap_or(host.now);
            host.event(Event::Time);
            host.serve();
            continue;
        };
        assert_eq!(host.take(0, waits), None, "it does not know yet");
        if let Some(answer) = dhcp::answer(&frame, OWN_ADDRESS, 1000) {
            host.receive(&answer, Checksum::Unknown);
        }
        if host.service.under_way() == 0 {
            break;
        }
    }
    let answer = host.take(0, waits).expect("it was told");
    let expected = HostAddress {
        address: OWN_ADDRESS,
        prefix: 16,
        gateway: [10, 0, 0, 254],
    };
    let raw = common::result(&answer).unwrap();
    assert_eq!(HostAddress::from_raw(raw), Ok(expected));
    // What it was told holds for a time, and is used.
    let mut world = World::of(host, || Fate::Arrives);
    let (_, stream) = world.connected(0, 80);
    assert_eq!(world.peer.tcp(stream).state(), State::Established);
    // When that has passed, and nobody has told it again, it has no address.
    let end = world.host.now + 1100 * 1000 * MILLISECOND;
    while world.host.now < end {
        world.wait(60_000 * MILLISECOND);
    }
    let waits = world.host.call(0, request::DescribeHost {}.encode());
    assert_eq!(world.host.take(0, waits), None);
}

#[test]
fn a_client_talks_with_a_peer_that_connects() {
    let mut world = World::new();
    let (socket, stream) = world.connected(0, 80);
    let waits = world.host.receive_into(0, socket, 3, 100);
    world.settle();
    assert_eq!(world.host.take(0, waits), None, "nothing has come");
    assert_eq!(world.peer.send(stream, b"hello"), 5);
    assert_eq!(world.answer(0, waits), Ok([5; 2]));
    assert_eq!(&world.host.block(0, 3)[..5], b"hello");
    let sends = world.host.send_from(1, socket, 4, b"good day", NONE);
    assert_eq!(world.answer(1, sends), Ok([8; 2]));
    world.settle();
    assert_eq!(world.peer.take(stream), b"good day");
    // The peer ends, then the client.
    world.peer.tcp(stream).close();
    let end = world.host.receive_into(0, socket, 3, 100);
    assert_eq!(world.answer(0, end), Ok([0, 0]), "the stream has ended");
    let closed = world.host.ask(0, request::CloseSocket { socket }.encode());
    assert_eq!(closed, Ok([0, 0]));
    world.until(|world| (world.peer.tcp(stream).state() == State::TimeWait).then_some(()));
    let stale = world.host.ask(0, request::CloseSocket { socket }.encode());
    assert_eq!(stale, Err(Status::BadHandle), "a stale handle");
    assert_eq!(world.host.service.blocks_in_use(), 0);
}

/// The client and its peer send each other so much at once.
fn exchange(world: &mut World, bytes: usize) {
    let mut next = random(7);
    let data: Vec<u8> = (0..bytes).map(|_| next() as u8).collect();
    let (socket, stream) = world.connected(0, 80);
    let (mut sent, mut received) = (0, Vec::<u8>::new());
    let (mut peer_sent, mut peer_received) = (0, Vec::<u8>::new());
    let mut receive = world.host.receive_into(0, socket, 0, BLOCK_SIZE as u32);
    let mut send = None;
    while received.len() < bytes || peer_received.len() < bytes {
        let part = peer_sent.min(bytes);
        peer_sent += world.peer.send(stream, &data[part..]);
        peer_received.extend(world.peer.take(stream));
        if send.is_none() && sent < bytes {
            let end = (sent + 5 * BLOCK_SIZE - 9).min(bytes);
            send = Some((
                world.host.send_from(1, socket, 8, &data[sent..end], NONE),
                end,
            ));
        }
        world.settle();
        if let Some((tag, end)) = send
            && let Some(answer) = world.host.take(1, tag)
        {
            // Each byte was copied once, out of the client's blocks.
            let expected = Ok([(end - sent) as u64; 2]);
            assert_eq!(common::result(&answer), expected);
            (sent, send) = (end, None);
        }
        if let Some(answer) = world.host.take(0, receive) {
            let [count, copied] = common::result(&answer).unwrap();
            assert!(count > 0, "the stream has not ended");
            assert_eq!(copied, count);
            received.extend(&world.host.block(0, 0)[..count as usize]);
            receive = world.host.receive_into(0, socket, 0, BLOCK_SIZE as u32);
        }
        world.wait(50 * MILLISECOND);
        assert!(world.host.now < 3_600_000 * MILLISECOND, "it goes on");
    }
    assert!(received == data, "what came is what was sent");
    assert!(peer_received == data, "what the peer got is what was sent");
}

#[test]
fn long_streams_arrive_whole() {
    exchange(&mut World::new(), 700_001);
}

#[test]
fn streams_arrive_whole_where_the_device_makes_checksums() {
    let properties = Properties {
        makes_checksums: true,
        ..PROPERTIES
    };
    exchange(
        &mut World::with(properties, HEAP, || Fate::Arrives),
        100_001,
    );
}

#[test]
fn streams_arrive_whole_over_a_network_that_loses_repeats_and_swaps() {
    for seed in 1..=12 {
        let mut next = random(seed * 77_777);
        let fate = move || match next() % 16 {
            0 => Fate::IsLost,
            1 => Fate::ArrivesTwice,
            2 => Fate::ArrivesLater,
            _ => Fate::Arrives,
        };
        exchange(&mut World::with(PROPERTIES, HEAP, fate), 60_000);
    }
}

#[test]
fn a_backlog_ends_at_what_it_may_hold() {
    let mut world = World::new();
    let listener = world.host.listen(0, 80, 2);
    let streams: Vec<_> = (0..4)
        .map(|_| world.peer.connect(OWN_ADDRESS, 80))
        .collect();
    world.settle();
    let established = |world: &mut World| {
        let streams = streams.iter();
        let is = |stream: &&_| world.peer.tcp(**stream).state() == State::Established;
        streams.filter(is).count()
    };
    assert_eq!(established(&mut world), 2);
    let mut accepted = Vec::new();
    for _ in 0..4 {
        let socket = listener;
        let accept = world.host.call(0, request::Accept { socket }.encode());
        let [handle, _] = world.answer(0, accept).unwrap();
        accepted.push(handle);
    }
    assert_eq!(established(&mut world), 4, "the others tried again");
    accepted.sort_unstable();
    accepted.dedup();
    assert_eq!(accepted.len(), 4);
}

#[test]
fn a_client_connects_to_a_peer() {
    let mut world = World::new();
    let stream = world.peer.listen(7);
    let peer = SocketAddress {
        address: PEER_ADDRESS,
        port: 7,
    };
    let connect = world.host.call(0, request::ConnectSocket { peer }.encode());
    let [handle, own] = world.answer(0, connect).unwrap();
    let own = SocketAddress::from_raw(own).unwrap();
    assert_eq!(own.address, OWN_ADDRESS);
    let remote = world.peer.tcp(stream).remote_endpoint().unwrap();
    assert_eq!(remote.port, own.port);
    let socket = Handle::from_raw(handle as u32).unwrap();
    let sends = world.host.send_from(0, socket, 0, b"hi", NONE);
    assert_eq!(world.answer(0, sends), Ok([2; 2]));
    let shut = world.host.ask(0, request::ShutDown { socket }.encode());
    assert_eq!(shut, Ok([0, 0]));
    let more = world.host.send_from(0, socket, 0, b"more", NONE);
    assert_eq!(world.answer(0, more), Err(Status::NotConnected));
    world.until(|world| (world.peer.tcp(stream).state() == State::CloseWait).then_some(()));
    assert_eq!(world.peer.take(stream), b"hi");
    world.peer.send(stream, b"still here");
    let receive = world.host.receive_into(0, socket, 1, 64);
    assert_eq!(
        world.answer(0, receive),
        Ok([10; 2]),
        "the other half is open"
    );
}

#[test]
fn a_connection_that_nobody_wants_or_answers_is_refused() {
    let mut world = World::new();
    let connect = |world: &mut World, address, port| {
        let peer = SocketAddress { address, port };
        world.host.call(0, request::ConnectSocket { peer }.encode())
    };
    let refused = connect(&mut world, PEER_ADDRESS, 9);
    assert_eq!(world.answer(0, refused), Err(Status::ConnectionRefused));
    let silent = connect(&mut world, [10, 0, 0, 77], 9);
    assert_eq!(world.answer(0, silent), Err(Status::ConnectionRefused));
    let nowhere = connect(&mut world, [0; 4], 9);
    assert_eq!(world.answer(0, nowhere), Err(Status::InvalidArgument));
    assert_eq!(world.host.service.sockets(), 0);
}

#[test]
fn a_reset_connection_says_so() {
    let mut world = World::new();
    let (socket, stream) = world.connected(0, 80);
    let receive = world.host.receive_into(0, socket, 0, 64);
    world.peer.tcp(stream).abort();
    assert_eq!(world.answer(0, receive), Err(Status::ConnectionReset));
    let sends = world.host.send_from(0, socket, 1, b"x", NONE);
    assert_eq!(world.answer(0, sends), Err(Status::ConnectionReset));
    assert_eq!(world.host.service.blocks_in_use(), 0);
}

#[test]
fn what_is_sent_before_closing_arrives() {
    let mut world = World::new();
    let (socket, stream) = world.connected(0, 80);
    let bytes: Vec<u8> = (0..20_000).map(|at| at as u8).collect();
    let sends = world.host.send_from(0, socket, 0, &bytes, NONE);
    assert_eq!(world.answer(0, sends), Ok([20_000; 2]));
    world
        .host
        .ask(0, request::CloseSocket { socket }.encode())
        .unwrap();
    let mut received = Vec::new();
    world.until(|world| {
        received.extend(world.peer.take(stream));
        (world.peer.tcp(stream).state() == State::CloseWait && received.len() == 20_000)
            .then_some(())
    });
    assert!(received == bytes);
}

#[test]
fn closing_ends_the_calls_that_wait() {
    let mut world = World::new();
    let (socket, _) = world.connected(0, 80);
    let receive = world.host.receive_into(0, socket, 0, 64);
    world
        .host
        .ask(1, request::CloseSocket { socket }.encode())
        .unwrap();
    assert_eq!(world.answer(0, receive), Err(Status::Cancelled));
    assert_eq!(world.host.service.blocks_in_use(), 0);
}

#[test]
fn options_are_of_connections_and_of_those_that_listen() {
    let mut world = World::new();
    let (socket, _) = world.connected(0, 80);
    for option in SocketOption::ALL {
        for value in [1, 0, u64::MAX] {
            let set = request::SetSocketOption {
                socket,
                option,
                value,
            };
            assert_eq!(world.host.ask(0, set.encode()), Ok([0, 0]));
        }
    }
    let sends = world.host.send_from(0, socket, 0, b"still there", NONE);
    assert_eq!(world.answer(0, sends), Ok([11, 11]));
}

#[test]
fn one_call_waits_for_all_sockets() {
    let mut world = World::new();
    let listener = world.host.listen(0, 80, 16);
    let wait = |world: &mut World| {
        let call = request::AwaitSockets {}.encode();
        world.host.call(1, BlockList::one(30).into_call(call))
    };
    let told = |world: &mut World, tag: u64| {
        let answer = world.until(|world| world.host.take(1, tag));
        let [bytes, _] = common::result(&answer).unwrap();
        let entries = &world.host.block(1, 30)[..bytes as usize];
        let entries = <[Ready]>::ref_from_bytes(entries).unwrap();
        let sockets = entries.iter().map(|it| it.socket().unwrap());
        sockets.collect::<Vec<Handle>>()
    };
    // A connection that comes in is told once.
    let tag = wait(&mut world);
    let stream = world.peer.connect(OWN_ADDRESS, 80);
    assert_eq!(told(&mut world, tag), [listener]);
    let tag = wait(&mut world);
    let other = world.peer.connect(OWN_ADDRESS, 80);
    world.wait(10 * MILLISECOND);
    assert_eq!(world.host.take(1, tag), None, "it was told");
    let mut sockets = Vec::new();
    for _ in 0..2 {
        let socket = listener;
        let accept = world.host.call(0, request::Accept { socket }.encode());
        let [handle, _] = world.answer(0, accept).unwrap();
        sockets.push(Handle::from_raw(handle as u32).unwrap());
    }
    // Between the two it was told again, because the second one was still there.
    assert_eq!(told(&mut world, tag), [listener]);
    // What has come is told once, and again when a part of it has been taken.
    world.peer.send(stream, b"abcd");
    world.peer.send(other, b"x");
    let tag = wait(&mut world);
    let mut all = told(&mut world, tag);
    while all.len() < 2 {
        let tag = wait(&mut world);
        all.extend(told(&mut world, tag));
    }
    all.sort_by_key(|it| it.to_raw());
    sockets.sort_by_key(|it| it.to_raw());
    assert_eq!(all, sockets);
    for socket in sockets {
        let receive = world.host.receive_into(0, socket, 1, 3);
        let [count, _] = world.answer(0, receive).unwrap();
        if count == 3 {
            let tag = wait(&mut world);
            assert_eq!(told(&mut world, tag), [socket], "there is more");
            let receive = world.host.receive_into(0, socket, 1, 3);
            assert_eq!(world.answer(0, receive), Ok([1; 2]));
        }
    }
    let tag = wait(&mut world);
    assert_eq!(world.host.take(1, tag), None, "there is nothing");
    world.peer.tcp(stream).close();
    assert_eq!(told(&mut world, tag).len(), 1, "an end is told");
}

#[test]
fn connections_on_which_nothing_happens_wait_for_nothing() {
    let mut world = World::with(PROPERTIES, 2 * HEAP, || Fate::Arrives);
    let listener = world.host.listen(0, 80, 8);
    for _ in 0..64 {
        world.accepted(0, listener, 80);
    }
    while world.wait(10_000 * MILLISECOND) {}
    assert_eq!(world.host.service.due(), None, "no connection has a time");
}

#[test]
fn more_connections_than_there_is_memory_for_wait_outside() {
    // Of six sockets, three for each client: the service keeps one MiB for itself.
    let mut world = World::with(PROPERTIES, (1 << 20) + 6 * (66 << 10), || Fate::Arrives);
    let listener = world.host.listen(0, 80, 100);
    let sockets: Vec<Handle> = (0..2).map(|_| world.accepted(0, listener, 80).0).collect();
    let other = world.host.listen(OTHER, 81, 100);
    for _ in 0..2 {
        world.accepted(OTHER, other, 81);
    }
    let stream = world.peer.connect(OWN_ADDRESS, 80);
    world.settle();
    assert_eq!(world.peer.tcp(stream).state(), State::SynSent);
    world.peer.tcp(stream).abort();
    // Closed by this side first, a connection waits for late segments; it makes room all the same, at once.
    let socket = sockets[0];
    let close = request::CloseSocket { socket }.encode();
    world.host.ask(0, close).unwrap();
    world.settle();
    world.peer.close_all_that_are_half_closed();
    world.settle();
    let stream = world.peer.connect(OWN_ADDRESS, 80);
    world.settle();
    assert_eq!(world.peer.tcp(stream).state(), State::Established);
}

#[test]
fn connections_that_end_leave_nothing() {
    let mut world = World::with(PROPERTIES, (1 << 20) + 5 * (66 << 10), || Fate::Arrives);
    let listener = world.host.listen(0, 80, 100);
    for _ in 0..20 {
        let (socket, stream) = world.accepted(0, listener, 80);
        world.peer.tcp(stream).close();
        world.settle();
        let close = request::CloseSocket { socket }.encode();
        world.host.ask(0, close).unwrap();
        world.settle();
    }
    assert_eq!(world.host.service.sockets(), 1);
}

/// A question whether the peer is there, made an acknowledgment: some peers take the window of both.
fn as_acknowledgment(mut frame: Vec<u8>) -> Vec<u8> {
    let mut packet = Ipv4Packet::new_unchecked(&mut frame[14..]);
    let (from, to) = (packet.src_addr().into(), packet.dst_addr().into());
    let length = packet.total_len() - 1;
    packet.set_total_len(length);
    packet.fill_checksum();
    let mut segment = TcpPacket::new_unchecked(packet.payload_mut());
    assert!(segment.payload_mut().is_empty(), "it has one byte");
    segment.set_seq_number(segment.seq_number() + 1);
    segment.fill_checksum(&from, &to);
    frame.truncate(14 + usize::from(length));
    frame
}

/// The peer uses a window that it was told with a question whether it is there, and that the stack has not noted; with its last bytes it
/// says that nothing follows. That is believed only when all bytes before have been taken.
#[test]
fn the_last_bytes_arrive_where_the_window_has_grown_unnoticed() {
    for taken in [1, 100, 700] {
        let mut world = World::new();
        let (socket, stream) = world.connected(0, 80);
        let bytes: Vec<u8> = (0..40_000u32).map(|at| (at / 3) as u8).collect();
        assert_eq!(world.peer.send(stream, &bytes[..32_000]), 32_000);
        world.settle();
        while world.wait(50 * MILLISECOND) {}
        // The stack tells no peer of so little room, but by such a question.
        let receive = world.host.receive_into(0, socket, 0, taken);
        assert_eq!(world.answer(0, receive), Ok([taken.into(); 2]));
        let mut received = world.host.block(0, 0)[..taken as usize].to_vec();
        let ask = request::SetSocketOption {
            socket,
            option: SocketOption::KeepAlive,
            value: 1_000_000,
        };
        world.host.ask(0, ask.encode()).unwrap();
        world.host.serve();
        let question = world.host.sent.pop_front().expect("it asks at once");
        world.peer.receive(&as_acknowledgment(question));
        world.settle();
        let end = (32 << 10) + taken as usize;
        let last = end - 32_000;
        assert_eq!(world.peer.send(stream, &bytes[32_000..end]), last);
        world.peer.tcp(stream).close();
        // In one segment, before anything else is taken.
        world.settle();
        loop {
            let receive = world.host.receive_into(0, socket, 0, BLOCK_SIZE as u32);
            let [count, _] = world.answer(0, receive).unwrap();
            received.extend(&world.host.block(0, 0)[..count as usize]);
            if count == 0 {
                break;
            }
        }
        assert_eq!(received.len(), end, "{taken}");
        assert!(received == bytes[..end]);
    }
}
