//! For which socket a frame is.

use smoltcp::wire::{
    EthernetFrame, EthernetProtocol, IpProtocol, Ipv4Address, Ipv4Packet, TcpPacket, UdpPacket,
};

use super::checksum::{RIGHT, Sum};

/// The peer of a connection, and the port at which it has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Peer {
    pub(super) address: [u8; 4],
    pub(super) port: u16,
    pub(super) local_port: u16,
}

/// For whom a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recipient {
    /// A connection, which the frame may begin.
    Connection {
        peer: Peer,
        begins: bool,
        /// What it acknowledges, where it does nothing else.
        acknowledges: Option<i32>,
    },
    /// The socket for datagrams of a port.
    Datagrams(u16),
    /// Whoever waits to learn the address of a neighbour.
    Neighbours,
    /// The host itself: an echo, or nothing that it knows.
    Host,
}

/// How far the checksums of a frame have been checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Checked {
    /// Not at all.
    No,
    /// That of TCP or UDP: by the device, or there is none because the frame comes from the same machine.
    Transport,
}

/// Whether a frame of IPv4 says where it comes from.
pub(super) fn has_source(frame: &[u8]) -> bool {
    let ethernet = EthernetFrame::new_checked(frame).ok();
    let packet = ethernet.and_then(|it| Ipv4Packet::new_checked(it.payload()).ok());
    packet.is_some_and(|packet| is_one_host(packet.src_addr()))
}

/// Whether an address can be that of one host.
pub(super) fn is_one_host(address: Ipv4Address) -> bool {
    !(address.is_unspecified() || address.is_broadcast() || address.is_multicast())
}

/// For whom a frame is; `None` where it is to be dropped because its checksum is wrong.
pub(super) fn recipient(frame: &[u8], checked: Checked) -> Option<Recipient> {
    let Ok(ethernet) = EthernetFrame::new_checked(frame) else {
        return Some(Recipient::Host);
    };
    let packet = match ethernet.ethertype() {
        EthernetProtocol::Arp => return Some(Recipient::Neighbours),
        EthernetProtocol::Ipv4 => Ipv4Packet::new_checked(ethernet.payload()),
        _ => return Some(Recipient::Host),
    };
    let Some(packet) = packet.ok().filter(|it| it.version() == 4) else {
        return Some(Recipient::Host);
    };
    if packet.more_frags() || packet.frag_offset() != 0 {
        // Only the first fragment has ports; no fragments are put together here.
        return Some(Recipient::Host);
    }
    let source = packet.src_addr();
    match packet.next_header() {
        IpProtocol::Tcp => {
            let Ok(tcp) = TcpPacket::new_checked(packet.payload()) else {
                return Some(Recipient::Host);
            };
            if checked == Checked::No && !is_right(&packet, packet.payload()) {
                return None;
            }
            let others = tcp.syn() || tcp.fin() || tcp.rst();
            let is_plain = tcp.ack() && !others && tcp.payload().is_empty();
            Some(Recipient::Connection {
                peer: Peer {
                    address: source.octets(),
                    port: tcp.src_port(),
                    local_port: tcp.dst_port(),
                },
                begins: tcp.syn() && !tcp.ack() && !tcp.rst() && !tcp.fin(),
                acknowledges: is_plain.then(|| tcp.ack_number().0),
            })
        }
        IpProtocol::Udp => {
            let Ok(udp) = UdpPacket::new_checked(packet.payload()) else {
                return Some(Recipient::Host);
            };
            // One without a checksum has a zero there.
            let has = udp.checksum() != 0;
            let datagram = packet.payload().get(..usize::from(udp.len()));
            let is_right = || datagram.is_some_and(|datagram| is_right(&packet, datagram));
            if has && checked == Checked::No && !is_right() {
                return None;
            }
            Some(Recipient::Datagrams(udp.dst_port()))
        }
        _ => Some(Recipient::Host),
    }
}

/// Whether the checksum of a segment of TCP or UDP is right.
fn is_right(packet: &Ipv4Packet<&[u8]>, segment: &[u8]) -> bool {
    let (source, destination) = (packet.src_addr().octets(), packet.dst_addr().octets());
    let protocol = packet.next_header().into();
    let sum = Sum::default().add_pseudo_header(source, destination, protocol, segment.len());
    sum.add(segment).folded() == RIGHT
}
