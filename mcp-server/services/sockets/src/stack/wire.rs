//! Frames that go out, and the one that is coming in, as smoltcp takes them.

use atoll_abi::net::ChecksumPlace;
use smoltcp::phy::{
    Checksum, ChecksumCapabilities, Device, DeviceCapabilities, Medium, RxToken, TxToken,
};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetFrame, EthernetProtocol, IpProtocol, Ipv4Packet};

use super::checksum::Sum;

/// Where frames go.
pub(crate) trait Wire {
    /// Whether another frame can be taken now.
    fn has_room(&self) -> bool;

    /// Has a frame of so many bytes written, and sends it. Only where there is room. `write` also says which checksum the device has to
    /// make.
    fn transmit<R>(
        &mut self,
        length: usize,
        write: impl FnOnce(&mut [u8]) -> (R, Option<ChecksumPlace>),
    ) -> R;
}

/// Has no room.
pub(super) struct Nowhere;

impl Wire for Nowhere {
    fn has_room(&self) -> bool {
        false
    }

    fn transmit<R>(
        &mut self,
        length: usize,
        write: impl FnOnce(&mut [u8]) -> (R, Option<ChecksumPlace>),
    ) -> R {
        write(&mut alloc::vec![0; length]).0
    }
}

/// What a device can do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Abilities {
    /// Bytes of its largest frame, with the Ethernet header.
    pub(super) largest_frame: usize,
    pub(super) makes_checksums: bool,
}

impl Abilities {
    /// Bytes of the largest datagram, which is one frame.
    pub(super) fn largest_datagram(&self) -> usize {
        const HEADERS: usize = ETHERNET + 20 + 8;
        self.largest_frame.saturating_sub(HEADERS)
    }
}

/// The device of one step of smoltcp: at most one frame comes in.
pub(super) struct Port<'a, W> {
    pub(super) abilities: Abilities,
    pub(super) frame: Option<&'a [u8]>,
    pub(super) wire: &'a mut W,
    /// A frame was to be sent, and there was no room.
    pub(super) is_starved: bool,
    /// Something was to be sent.
    pub(super) has_begun: bool,
    /// Packets of IP that were sent. Where something was to be sent, and none was, the address of the neighbour is not known.
    pub(super) packets: usize,
}

impl<'a, W> Port<'a, W> {
    pub(super) fn new(abilities: Abilities, frame: Option<&'a [u8]>, wire: &'a mut W) -> Self {
        Port {
            abilities,
            frame,
            wire,
            is_starved: false,
            has_begun: false,
            packets: 0,
        }
    }
}

impl<W: Wire> Port<'_, W> {
    fn outgoing(&mut self) -> Outgoing<'_, W> {
        Outgoing {
            wire: self.wire.has_room().then_some(&mut *self.wire),
            packets: &mut self.packets,
            makes_checksums: self.abilities.makes_checksums,
        }
    }
}

/// The frame that comes in.
pub(super) struct Incoming<'a>(&'a [u8]);

impl RxToken for Incoming<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(self.0)
    }
}

/// A frame that goes out.
pub(super) struct Outgoing<'p, W> {
    /// `None` where there is no room: it is lost.
    wire: Option<&'p mut W>,
    packets: &'p mut usize,
    makes_checksums: bool,
}

impl<W: Wire> TxToken for Outgoing<'_, W> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, write: F) -> R {
        let fill = |frame: &mut [u8]| {
            let written = write(frame);
            let is_packet = is_ipv4(frame);
            *self.packets += usize::from(is_packet);
            let place = match is_packet {
                true => begin_checksum(frame),
                false => None,
            };
            let Some(place) = place.filter(|_| !self.makes_checksums) else {
                return (written, place);
            };
            end_checksum(frame, place);
            (written, None)
        };
        match self.wire {
            Some(wire) => wire.transmit(length, fill),
            None => Nowhere.transmit(length, fill),
        }
    }
}

impl<W: Wire> Device for Port<'_, W> {
    type RxToken<'t>
        = Incoming<'t>
    where
        Self: 't;
    type TxToken<'t>
        = Outgoing<'t, W>
    where
        Self: 't;

    fn receive(&mut self, _: Instant) -> Option<(Incoming<'_>, Outgoing<'_, W>)> {
        let frame = self.frame.take()?;
        self.has_begun = true;
        // There was room for an answer when the frame was taken. Where that is used up since, the answer is lost, and not the frame.
        Some((Incoming(frame), self.outgoing()))
    }

    fn transmit(&mut self, _: Instant) -> Option<Outgoing<'_, W>> {
        self.has_begun = true;
        if !self.wire.has_room() {
            self.is_starved = true;
            return None;
        }
        Some(self.outgoing())
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut checksum = ChecksumCapabilities::default();
        // Those of received frames are checked before, see `demux`; those of others are made in the frame that is written.
        (checksum.tcp, checksum.udp) = (Checksum::None, Checksum::None);
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = self.abilities.largest_frame;
        capabilities.checksum = checksum;
        capabilities
    }
}

fn is_ipv4(frame: &[u8]) -> bool {
    let ethernet = EthernetFrame::new_checked(frame);
    ethernet.is_ok_and(|it| it.ethertype() == EthernetProtocol::Ipv4)
}

/// Bytes before the packet of IP.
pub(super) const ETHERNET: usize = 14;

/// Puts the sum of the pseudo header in the place of the checksum of TCP or UDP; where the rest of it is to be made.
fn begin_checksum(frame: &mut [u8]) -> Option<ChecksumPlace> {
    let packet = Ipv4Packet::new_checked(frame.get(ETHERNET..)?).ok()?;
    let protocol = packet.next_header();
    let offset = match protocol {
        IpProtocol::Tcp => 16,
        IpProtocol::Udp => 6,
        _ => return None,
    };
    let start = ETHERNET + usize::from(packet.header_len());
    let length = packet.payload().len();
    let (source, destination) = (packet.src_addr().octets(), packet.dst_addr().octets());
    let sum = Sum::default().add_pseudo_header(source, destination, protocol.into(), length);
    put_checksum(frame, start + offset, sum.folded())?;
    Some(ChecksumPlace {
        start: start as u16,
        offset: offset as u16,
    })
}

/// Makes a checksum that was begun, as a device does it.
fn end_checksum(frame: &mut [u8], place: ChecksumPlace) {
    let start = usize::from(place.start);
    let segment = frame.get(start..).unwrap_or_default();
    let checksum = match !Sum::default().add(segment).folded() {
        // Of UDP it would say that there is none; to TCP it is the same.
        0 => 0xffff,
        checksum => checksum,
    };
    put_checksum(frame, start + usize::from(place.offset), checksum);
}

fn put_checksum(frame: &mut [u8], at: usize, checksum: u16) -> Option<()> {
    let place = frame.get_mut(at..at + 2)?;
    place.copy_from_slice(&checksum.to_be_bytes());
    Some(())
}
