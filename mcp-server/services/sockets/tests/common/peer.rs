//! The other host of the network: smoltcp, as it is.

use std::collections::VecDeque;

use atoll_abi::net::ChecksumPlace;
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::{tcp, udp};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, HardwareAddress, IpAddress, IpCidr, IpEndpoint};

const BUFFER: usize = 32 << 10;

/// A connection.
pub type Stream = SocketHandle;

#[derive(Default)]
struct Card {
    incoming: VecDeque<Vec<u8>>,
    outgoing: VecDeque<Vec<u8>>,
}

struct Incoming(Vec<u8>);

struct Outgoing<'a>(&'a mut VecDeque<Vec<u8>>);

impl RxToken for Incoming {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(&self.0)
    }
}

impl TxToken for Outgoing<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, write: F) -> R {
        let mut frame = vec![0; length];
        let written = write(&mut frame);
        self.0.push_back(frame);
        written
    }
}

impl Device for Card {
    type RxToken<'a> = Incoming;
    type TxToken<'a> = Outgoing<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Incoming, Outgoing<'_>)> {
        let frame = self.incoming.pop_front()?;
        Some((Incoming(frame), Outgoing(&mut self.outgoing)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Outgoing<'_>> {
        Some(Outgoing(&mut self.outgoing))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = 1514;
        capabilities
    }
}

/// The other host.
pub struct Peer {
    interface: Interface,
    card: Card,
    sockets: SocketSet<'static>,
    next_port: u16,
}

fn instant(now: u64) -> Instant {
    Instant::from_micros((now / 1000) as i64)
}

impl Peer {
    pub fn new(address: [u8; 4]) -> Peer {
        let mut card = Card::default();
        let own = EthernetAddress([2, 0, 0, 0, 0, 2]);
        let mut config = Config::new(HardwareAddress::Ethernet(own));
        config.random_seed = 42;
        let mut interface = Interface::new(config, &mut card, instant(0));
        interface.update_ip_addrs(|addresses| {
            let address = IpCidr::new(IpAddress::Ipv4(address.into()), 24);
            addresses.push(address).unwrap();
        });
        Peer {
            interface,
            card,
            sockets: SocketSet::new(vec![]),
            next_port: 40_000,
        }
    }

    pub fn receive(&mut self, frame: &[u8]) {
        self.card.incoming.push_back(frame.to_vec());
    }

    pub fn sent(&mut self) -> Option<Vec<u8>> {
        self.card.outgoing.pop_front()
    }

    pub fn act(&mut self, now: u64) {
        self.interface
            .poll(instant(now), &mut self.card, &mut self.sockets);
    }

    pub fn due(&mut self, now: u64) -> Option<u64> {
        let due = self.interface.poll_at(instant(now), &self.sockets)?;
        Some(due.total_micros() as u64 * 1000)
    }

    fn socket() -> tcp::Socket<'static> {
        let buffer = || tcp::SocketBuffer::new(vec![0; BUFFER]);
        tcp::Socket::new(buffer(), buffer())
    }

    pub fn connect(&mut self, to: [u8; 4], port: u16) -> Stream {
        self.next_port += 1;
        self.connect_again(to, port)
    }

    /// Connects from the port of the connection before.
    pub fn connect_again(&mut self, to: [u8; 4], port: u16) -> Stream {
        let mut socket = Peer::socket();
        let to = (IpAddress::Ipv4(to.into()), port);
        let context = self.interface.context();
        socket.connect(context, to, self.next_port).unwrap();
        self.sockets.add(socket)
    }

    pub fn listen(&mut self, port: u16) -> Stream {
        let mut socket = Peer::socket();
        socket.listen(port).unwrap();
        self.sockets.add(socket)
    }

    pub fn tcp(&mut self, stream: Stream) -> &mut tcp::Socket<'static> {
        self.sockets.get_mut(stream)
    }

    /// Closes connections that the other side has closed.
    pub fn close_all_that_are_half_closed(&mut self) {
        for (_, socket) in self.sockets.iter_mut() {
            if let smoltcp::socket::Socket::Tcp(socket) = socket
                && socket.state() == tcp::State::CloseWait
            {
                socket.close();
            }
        }
    }

    pub fn udp(&mut self, port: u16) -> SocketHandle {
        let buffer =
            || udp::PacketBuffer::new(vec![udp::PacketMetadata::EMPTY; 8], vec![0; 16 << 10]);
        let mut socket = udp::Socket::new(buffer(), buffer());
        socket.bind(port).unwrap();
        self.sockets.add(socket)
    }

    pub fn send_datagram(&mut self, socket: SocketHandle, to: [u8; 4], port: u16, bytes: &[u8]) {
        let to = IpEndpoint::new(IpAddress::Ipv4(to.into()), port);
        let socket = self.sockets.get_mut::<udp::Socket<'_>>(socket);
        socket.send_slice(bytes, to).unwrap();
    }

    pub fn datagram(&mut self, socket: SocketHandle) -> Option<(Vec<u8>, u16)> {
        let socket = self.sockets.get_mut::<udp::Socket<'_>>(socket);
        let (bytes, from) = socket.recv().ok()?;
        Some((bytes.to_vec(), from.endpoint.port))
    }

    /// Sends as much of some bytes as there is room for; how much.
    pub fn send(&mut self, stream: Stream, bytes: &[u8]) -> usize {
        self.tcp(stream).send_slice(bytes).unwrap_or(0)
    }

    /// What has come.
    pub fn take(&mut self, stream: Stream) -> Vec<u8> {
        let mut bytes = vec![0; BUFFER];
        let count = self.tcp(stream).recv_slice(&mut bytes).unwrap_or(0);
        bytes.truncate(count);
        bytes
    }
}

/// Makes the checksum that a device makes.
pub fn finish_checksum(frame: &mut [u8], place: ChecksumPlace) {
    let start = usize::from(place.start);
    let mut sum: u32 = 0;
    for word in frame[start..].chunks(2) {
        let word = [word[0], word.get(1).copied().unwrap_or(0)];
        sum += u32::from(u16::from_be_bytes(word));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    let at = start + usize::from(place.offset);
    frame[at..at + 2].copy_from_slice(&(!(sum as u16)).to_be_bytes());
}
