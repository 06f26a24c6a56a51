//! Segments with which a peer says, behind data, that nothing follows.
//!
//! smoltcp cuts data off that is beyond the window which it has noted, and believes all the same that nothing follows: the bytes between
//! would be missing in the stream, and nobody would know. A peer may send them, because with a question whether the peer is there smoltcp
//! tells a window that it does not note. So such a segment is given to it as two: the data, and then that nothing follows, which it does
//! not believe before it has all data.

use alloc::vec::Vec;

use smoltcp::wire::{EthernetFrame, EthernetProtocol, IpProtocol, Ipv4Packet, TcpPacket};

use super::wire::ETHERNET;

/// The two frames of one; `None` where it does not say behind data that nothing follows. Checksums of TCP are not made: they were checked.
pub(super) fn split(frame: &[u8]) -> Option<[Vec<u8>; 2]> {
    let ethernet = EthernetFrame::new_checked(frame).ok()?;
    if ethernet.ethertype() != EthernetProtocol::Ipv4 {
        return None;
    }
    let packet = Ipv4Packet::new_checked(frame.get(ETHERNET..)?).ok()?;
    if packet.next_header() != IpProtocol::Tcp {
        return None;
    }
    let segment = TcpPacket::new_checked(packet.payload()).ok()?;
    let bytes = segment.payload().len();
    if !segment.fin() || segment.syn() || segment.rst() || bytes == 0 {
        return None;
    }
    let header = usize::from(packet.header_len());
    let length = usize::from(packet.total_len()).checked_sub(bytes)?;
    let mut data = frame.to_vec();
    let segment = data.get_mut(ETHERNET + header..)?;
    TcpPacket::new_checked(segment).ok()?.set_fin(false);
    let mut end = frame.get(..ETHERNET + length)?.to_vec();
    let mut packet = Ipv4Packet::new_unchecked(end.get_mut(ETHERNET..)?);
    packet.set_total_len(u16::try_from(length).ok()?);
    packet.fill_checksum();
    let mut segment = TcpPacket::new_checked(packet.payload_mut()).ok()?;
    let place = segment.seq_number() + bytes;
    segment.set_seq_number(place);
    Some([data, end])
}
