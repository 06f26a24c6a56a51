//! A server of DHCP, as small as one can be.

use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    DhcpMessageType, DhcpPacket, DhcpRepr, EthernetAddress, EthernetFrame, EthernetProtocol,
    EthernetRepr, IpAddress, IpProtocol, Ipv4Address, Ipv4Packet, Ipv4Repr, UdpPacket, UdpRepr,
};

const SERVER: Ipv4Address = Ipv4Address::new(10, 0, 0, 254);

/// The frame that answers one of a host that asks for its address; `None` where it does not ask.
pub fn answer(frame: &[u8], address: [u8; 4], seconds: u32) -> Option<Vec<u8>> {
    answer_as(frame, address, seconds, SERVER, SERVER)
}

/// As [`answer`], from an address, with a router.
pub fn answer_as(
    frame: &[u8],
    address: [u8; 4],
    seconds: u32,
    source: Ipv4Address,
    router: Ipv4Address,
) -> Option<Vec<u8>> {
    let checksums = ChecksumCapabilities::default();
    let ethernet = EthernetFrame::new_checked(frame).ok()?;
    if ethernet.ethertype() != EthernetProtocol::Ipv4 {
        return None;
    }
    let packet = Ipv4Packet::new_checked(ethernet.payload()).ok()?;
    if packet.next_header() != IpProtocol::Udp {
        return None;
    }
    let udp = UdpPacket::new_checked(packet.payload()).ok()?;
    if udp.dst_port() != 67 {
        return None;
    }
    let asked = DhcpPacket::new_checked(udp.payload()).ok()?;
    let asked = DhcpRepr::parse(&asked).ok()?;
    let message_type = match asked.message_type {
        DhcpMessageType::Discover => DhcpMessageType::Offer,
        DhcpMessageType::Request => DhcpMessageType::Ack,
        _ => return None,
    };
    let dhcp = DhcpRepr {
        message_type,
        your_ip: address.into(),
        server_ip: SERVER,
        server_identifier: Some(SERVER),
        subnet_mask: Some(Ipv4Address::new(255, 255, 0, 0)),
        router: Some(router),
        lease_duration: Some(seconds),
        client_identifier: None,
        parameter_request_list: None,
        max_size: None,
        requested_ip: None,
        ..asked
    };
    let udp = UdpRepr {
        src_port: 67,
        dst_port: 68,
    };
    let ip = Ipv4Repr {
        src_addr: source,
        dst_addr: Ipv4Address::BROADCAST,
        next_header: IpProtocol::Udp,
        payload_len: udp.header_len() + dhcp.buffer_len(),
        hop_limit: 64,
    };
    let ethernet = EthernetRepr {
        src_addr: EthernetAddress([2, 0, 0, 0, 0, 9]),
        dst_addr: EthernetAddress::BROADCAST,
        ethertype: EthernetProtocol::Ipv4,
    };
    let length = ethernet.buffer_len() + ip.buffer_len() + ip.payload_len;
    let mut frame = vec![0; length];
    let mut out = EthernetFrame::new_unchecked(&mut frame);
    ethernet.emit(&mut out);
    let mut out = Ipv4Packet::new_unchecked(out.payload_mut());
    ip.emit(&mut out, &checksums);
    let mut out = UdpPacket::new_unchecked(out.payload_mut());
    let (from, to) = (
        IpAddress::Ipv4(source),
        IpAddress::Ipv4(Ipv4Address::BROADCAST),
    );
    let emit = |bytes: &mut [u8]| {
        dhcp.emit(&mut DhcpPacket::new_unchecked(bytes))
            .expect("there is room");
    };
    udp.emit(&mut out, &from, &to, dhcp.buffer_len(), emit, &checksums);
    Some(frame)
}
