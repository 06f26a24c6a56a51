//! Peers that never answer, and calls whose end nobody waits for: nothing stays behind of them.

mod common;

use atoll_abi::block::BlockList;
use atoll_abi::handle::Handle;
use atoll_abi::interface::{Request as _, request};
use atoll_abi::net::Checksum;
use atoll_abi::plan::Network;
use atoll_abi::socket::{SocketAddress, SocketOption};
use atoll_abi::syscall::Status;
use common::{Fate, HEAP, Host, MILLISECOND, OWN_ADDRESS, PEER_ADDRESS, PROPERTIES, World, dhcp};
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::socket::tcp::State;
use smoltcp::wire::{
    EthernetAddress, EthernetFrame, EthernetProtocol, EthernetRepr, IpProtocol, Ipv4Address,
    Ipv4Packet, Ipv4Repr, TcpControl, TcpPacket, TcpRepr, TcpSeqNumber,
};

/// An address at which nobody is.
const NOBODY: [u8; 4] = [10, 0, 0, 77];

/// So much time passes.
fn pass(world: &mut World, milliseconds: u64) {
    let end = world.host.now + milliseconds * MILLISECOND;
    while world.host.now < end {
        let left = end - world.host.now;
        world.wait(left);
    }
}

/// The frame that begins a connection.
fn beginning(from: [u8; 4], port: u16) -> Vec<u8> {
    let tcp = TcpRepr {
        src_port: port,
        dst_port: 80,
        control: TcpControl::Syn,
        seq_number: TcpSeqNumber(7),
        ack_number: None,
        window_len: 1000,
        window_scale: None,
        max_seg_size: Some(1460),
        sack_permitted: false,
        sack_ranges: [None; 3],
        timestamp: None,
        payload: &[],
    };
    let (from, to) = (Ipv4Address::from(from), Ipv4Address::from(OWN_ADDRESS));
    let ip = Ipv4Repr {
        src_addr: from,
        dst_addr: to,
        next_header: IpProtocol::Tcp,
        payload_len: tcp.buffer_len(),
        hop_limit: 64,
    };
    let ethernet = EthernetRepr {
        src_addr: EthernetAddress([2, 0, 0, 0, 0, 9]),
        dst_addr: EthernetAddress([2, 0, 0, 0, 0, 1]),
        ethertype: EthernetProtocol::Ipv4,
    };
    let checksums = ChecksumCapabilities::default();
    let mut frame = vec![0; ethernet.buffer_len() + ip.buffer_len() + ip.payload_len];
    let mut out = EthernetFrame::new_unchecked(&mut frame);
    ethernet.emit(&mut out);
    let mut out = Ipv4Packet::new_unchecked(out.payload_mut());
    ip.emit(&mut out, &checksums);
    let mut out = TcpPacket::new_unchecked(out.payload_mut());
    tcp.emit(&mut out, &from.into(), &to.into(), &checksums);
    frame
}

#[test]
fn connections_that_nobody_goes_on_with_leave_the_backlog() {
    let mut world = World::new();
    world.host.listen(0, 80, 4);
    for port in 1000..1004 {
        let frame = beginning(NOBODY, port);
        world.host.receive(&frame, Checksum::Unknown);
    }
    pass(&mut world, 60_000);
    let stream = world.peer.connect(OWN_ADDRESS, 80);
    pass(&mut world, 10_000);
    assert_eq!(world.peer.tcp(stream).state(), State::Established);
}

#[test]
fn a_datagram_to_nobody_keeps_no_other_one_back_for_long() {
    let mut world = World::new();
    let open = request::OpenDatagrams { port: 5000 }.encode();
    let [handle, _] = world.host.ask(0, open).unwrap();
    let socket = Handle::from_raw(handle as u32).unwrap();
    let peer = world.peer.udp(6000);
    let to = |address| SocketAddress {
        address,
        port: 6000,
    };
    world.host.send_from(0, socket, 0, b"to nobody", to(NOBODY));
    pass(&mut world, 10_000);
    world
        .host
        .send_from(0, socket, 1, b"hello", to(PEER_ADDRESS));
    let (bytes, _) = world.until(|world| world.peer.datagram(peer));
    assert_eq!(bytes, b"hello");
}

#[test]
fn a_socket_is_told_once_however_often_it_was_read() {
    let mut world = World::new();
    let (socket, stream) = world.connected(0, 80);
    for _ in 0..50 {
        world.peer.send(stream, b"ab");
        pass(&mut world, 300);
        for _ in 0..2 {
            let tag = world.host.receive_into(0, socket, 1, 1);
            assert_eq!(world.answer(0, tag), Ok([1; 2]));
        }
    }
    let call = request::AwaitSockets {}.encode();
    let tag = world.host.call(0, BlockList::one(5).into_call(call));
    let [bytes, _] = world.answer(0, tag).unwrap();
    assert!(
        bytes <= 16,
        "the listening socket and the connection, once each: {bytes}"
    );
}

#[test]
fn a_socket_that_was_closed_is_not_told() {
    let mut world = World::new();
    let (socket, stream) = world.connected(0, 80);
    world.peer.send(stream, b"there is something");
    world.settle();
    let close = request::CloseSocket { socket }.encode();
    world.host.ask(0, close).unwrap();
    let call = request::AwaitSockets {}.encode();
    let tag = world.host.call(0, BlockList::one(5).into_call(call));
    world.settle();
    assert_eq!(world.host.take(0, tag), None, "a closed socket is told");
}

#[test]
fn calls_that_are_refused_leave_nothing() {
    let mut world = World::new();
    let two = BlockList::of(&[1, 2]).unwrap();
    let refused = world
        .host
        .ask(0, two.into_call(request::AwaitSockets {}.encode()));
    assert_eq!(refused, Err(Status::InvalidArgument));
    // A client may guess the handle of a connection that is being made.
    let peer = SocketAddress {
        address: PEER_ADDRESS,
        port: 81,
    };
    let connects = world.host.call(0, request::ConnectSocket { peer }.encode());
    let mut waits = Vec::new();
    for generation in 1..=u16::MAX {
        let socket = Handle {
            index: 0,
            generation,
        };
        let tag = world.host.receive_into(0, socket, 3, 1);
        if world.host.take(0, tag).is_none() {
            waits.push(tag);
        }
    }
    assert_eq!(waits.len(), 1);
    assert_eq!(world.answer(0, connects), Err(Status::ConnectionRefused));
    assert!(
        world.answer(0, waits[0]).is_err(),
        "it ends with the connection"
    );
    assert_eq!(world.host.service.under_way(), 0);
    assert_eq!(world.host.service.blocks_in_use(), 0);
}

#[test]
fn a_silent_peer_is_asked_from_when_that_was_wished() {
    let mut world = World::new();
    let (socket, _) = world.connected(0, 80);
    pass(&mut world, 1000);
    let option = request::SetSocketOption {
        socket,
        option: SocketOption::KeepAlive,
        value: 1000,
    };
    world.host.ask(0, option.encode()).unwrap();
    let before = world.host.answered;
    pass(&mut world, 60_000);
    assert!(world.host.answered > before + 30, "nobody is asked");
}

/// Answers the frames in which a host asks for its address; without a lease, only counts them.
fn serve(host: &mut Host, lease: u32) -> usize {
    let mut asked = 0;
    while let Some(frame) = host.sent.pop_front() {
        if let Some(answer) = dhcp::answer(&frame, OWN_ADDRESS, lease) {
            asked += 1;
            if lease > 0 {
                host.receive(&answer, Checksum::Unknown);
            }
        }
    }
    asked
}

/// A host that was told its address, for so many seconds.
fn told(lease: u32) -> Host {
    let mut host = Host::new(PROPERTIES, Network::default(), HEAP);
    while serve(&mut host, lease) == 0 {
        host.now += 100 * MILLISECOND;
        host.event(atoll_call::Event::Time);
        host.serve();
    }
    serve(&mut host, lease);
    assert!(host.ask(0, request::DescribeHost {}.encode()).is_ok());
    host
}

#[test]
fn a_host_whose_link_was_down_asks_for_its_address_again() {
    let mut host = told(3600);
    host.link(false);
    assert_eq!(serve(&mut host, 0), 0, "not while it is down");
    host.link(true);
    assert_eq!(serve(&mut host, 3600), 2, "an offer, and the address");
    assert!(host.ask(0, request::DescribeHost {}.encode()).is_ok());
}

#[test]
fn a_host_whose_lease_has_ended_asks_again() {
    let host = told(100);
    // Nobody answers any more. It asks for longer than the lease lasts.
    let mut world = World::of(host, || Fate::Arrives);
    pass(&mut world, 200_000);
    let mut asked = 0;
    for _ in 0..600 {
        world.host.now += 1000 * MILLISECOND;
        world.host.event(atoll_call::Event::Time);
        world.host.serve();
        asked += serve(&mut world.host, 0);
    }
    assert!(asked > 3, "it asked {asked} times");
}

#[test]
fn a_server_of_addresses_that_lies_does_no_harm() {
    let none = Ipv4Address::UNSPECIFIED;
    let server = Ipv4Address::new(10, 0, 0, 254);
    for (source, router) in [
        (server, Ipv4Address::BROADCAST),
        (server, Ipv4Address::new(224, 0, 0, 1)),
        (server, none),
        (none, server),
    ] {
        let mut host = Host::new(PROPERTIES, Network::default(), HEAP);
        for _ in 0..100 {
            while let Some(frame) = host.sent.pop_front() {
                let answer = dhcp::answer_as(&frame, OWN_ADDRESS, 100, source, router);
                if let Some(answer) = answer {
                    host.receive(&answer, Checksum::Unknown);
                }
            }
            host.now += 2000 * MILLISECOND;
            host.event(atoll_call::Event::Time);
            host.serve();
        }
        // To somewhere beyond the router that it named, over the time of a lease and more.
        let open = request::OpenDatagrams { port: 5000 }.encode();
        let [handle, _] = host.ask(0, open).unwrap();
        let socket = Handle::from_raw(handle as u32).unwrap();
        let to = SocketAddress {
            address: [192, 0, 2, 1],
            port: 9,
        };
        host.send_from(0, socket, 0, b"x", to);
        for _ in 0..50 {
            host.now += 2000 * MILLISECOND;
            host.event(atoll_call::Event::Time);
            host.serve();
        }
    }
}
