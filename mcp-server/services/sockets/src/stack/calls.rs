//! What clients ask of sockets.

use alloc::collections::VecDeque;

use atoll_abi::handle::Handle;
use atoll_abi::socket::{SocketAddress, SocketOption};
use atoll_abi::syscall::Status;
use smoltcp::socket::{tcp, udp};
use smoltcp::wire::{IpAddress, IpEndpoint};

use super::demux::Peer;
use super::socket::{Alone, Listener, Options, Owner, Role, Socket, tcp_socket, udp_socket};
use super::wire::Wire;
use super::{CONFIGURATION_PORT, FIRST_EPHEMERAL_PORT, Stack};

/// What there is to be received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// So many bytes of a stream.
    Bytes(usize),
    /// So many bytes of a datagram from there.
    Datagram(usize, SocketAddress),
    /// The stream has ended.
    End,
    /// Nothing yet.
    Later,
}

/// How a connection is that is being made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Made {
    /// It is there; this is its own end.
    Done(SocketAddress),
    /// Not yet.
    Later,
}

impl Stack {
    /// Opens a socket at which connections come in.
    ///
    /// # Errors
    /// [`Status::InvalidArgument`], [`Status::AddressInUse`], or [`Status::Busy`] where there are too many sockets.
    pub(crate) fn listen(&mut self, port: u16, backlog: u32) -> Result<Handle, Status> {
        if port == 0 || backlog == 0 {
            return Err(Status::InvalidArgument);
        }
        if self.listeners.contains_key(&port) {
            return Err(Status::AddressInUse);
        }
        self.make_room();
        let listener = Listener {
            port,
            backlog: (backlog as usize).min(self.limits.sockets),
            unaccepted: 0,
            ready: VecDeque::new(),
            options: Options::default(),
        };
        let socket = Socket::new(Role::Listener(listener));
        let handle = self.sockets.insert(socket).ok_or(Status::Busy)?;
        self.listeners.insert(port, handle);
        Ok(handle)
    }

    /// Takes the next connection that has come in at a socket; `None` where there is none.
    ///
    /// # Errors
    /// [`Status::InvalidArgument`] where the socket does not listen.
    pub(crate) fn accept(
        &mut self,
        listener: Handle,
    ) -> Result<Option<(Handle, SocketAddress)>, Status> {
        let own = self.sockets.get_mut(listener).and_then(Socket::listener);
        let own = own.ok_or(Status::InvalidArgument)?;
        let Some(handle) = own.ready.pop_front() else {
            return Ok(None);
        };
        own.unaccepted -= 1;
        let connection = self.connection(handle).ok_or(Status::Malformed)?;
        connection.owner = Owner::Client;
        let options = connection.options;
        options.apply(connection.tcp(), false);
        let Peer { address, port, .. } = connection.peer;
        // It waits for the peer without end from now on.
        self.settle(handle);
        Ok(Some((handle, SocketAddress { address, port })))
    }

    /// Begins a connection to a peer.
    ///
    /// # Errors
    /// [`Status::InvalidArgument`], [`Status::Unreachable`], or [`Status::Busy`] where there are too many sockets, or no port is free.
    pub(crate) fn connect(&mut self, to: SocketAddress) -> Result<Handle, Status> {
        if to.port == 0 || to.address == [0; 4] {
            return Err(Status::InvalidArgument);
        }
        let address = IpAddress::Ipv4(to.address.into());
        if self.interface.get_source_address(&address).is_none() {
            return Err(Status::Unreachable);
        }
        let peer = self.free_peer(to).ok_or(Status::Busy)?;
        self.make_room();
        let mut socket = tcp_socket(self.limits.buffer);
        let options = Options::default();
        options.apply(&mut socket, true);
        socket
            .connect(
                self.interface.context(),
                (address, to.port),
                peer.local_port,
            )
            .map_err(|_| Status::Unreachable)?;
        let owner = Owner::Client;
        let made = self.add_connection(socket, peer, owner, options);
        made.ok_or(Status::Busy)
    }

    /// A port from which no connection to a peer is.
    fn free_peer(&mut self, to: SocketAddress) -> Option<Peer> {
        for _ in FIRST_EPHEMERAL_PORT..=u16::MAX {
            let local_port = self.next_port.max(FIRST_EPHEMERAL_PORT);
            self.next_port = local_port.checked_add(1).unwrap_or(FIRST_EPHEMERAL_PORT);
            let peer = Peer {
                address: to.address,
                port: to.port,
                local_port,
            };
            if !self.peers.contains_key(&peer) && !self.listeners.contains_key(&local_port) {
                return Some(peer);
            }
        }
        None
    }

    /// Whether a connection that was begun is there.
    ///
    /// # Errors
    /// [`Status::ConnectionRefused`] where the peer did not want it, or did not answer.
    pub(crate) fn made(&mut self, handle: Handle) -> Result<Made, Status> {
        let connection = self.connection(handle).ok_or(Status::BadHandle)?;
        let options = connection.options;
        let socket = connection.tcp();
        match socket.state() {
            tcp::State::SynSent | tcp::State::SynReceived => return Ok(Made::Later),
            tcp::State::Closed => return Err(Status::ConnectionRefused),
            _ => {}
        }
        options.apply(socket, false);
        let own = socket.local_endpoint().ok_or(Status::ConnectionRefused)?;
        self.settle(handle);
        Ok(Made::Done(address_of(own)))
    }

    /// Opens a socket for datagrams; a port of 0 stands for one that is free. The socket and its port.
    ///
    /// # Errors
    /// [`Status::AddressInUse`], or [`Status::Busy`] where there are too many sockets.
    pub(crate) fn open_datagrams(&mut self, port: u16) -> Result<(Handle, u16), Status> {
        let taken = |port: u16| {
            self.datagrams.contains_key(&port)
                || port == CONFIGURATION_PORT && self.configuration.is_some()
        };
        let port = match port {
            0 => {
                let mut ports = FIRST_EPHEMERAL_PORT..=u16::MAX;
                ports.find(|port| !taken(*port)).ok_or(Status::Busy)?
            }
            port if taken(port) => return Err(Status::AddressInUse),
            port => port,
        };
        self.make_room();
        let mut socket = udp_socket();
        socket.bind(port).map_err(|_| Status::InvalidArgument)?;
        let socket = Socket::new(Role::Datagrams(Alone::new(socket), port));
        let handle = self.sockets.insert(socket).ok_or(Status::Busy)?;
        self.datagrams.insert(port, handle);
        Ok((handle, port))
    }

    /// Receives at most so many bytes: `take` has them, with how many there were before.
    ///
    /// # Errors
    /// [`Status::ConnectionReset`], [`Status::InvalidArgument`] where nothing can be received at such a socket.
    pub(crate) fn read(
        &mut self,
        handle: Handle,
        most: usize,
        mut take: impl FnMut(usize, &[u8]),
    ) -> Result<Read, Status> {
        let socket = self.sockets.get_mut(handle).ok_or(Status::BadHandle)?;
        let socket = match &mut socket.role {
            Role::Connection(connection) => connection.tcp(),
            Role::Datagrams(alone, _) => {
                let Ok((datagram, from)) = alone.get_mut::<udp::Socket<'static>>().recv() else {
                    return Ok(Read::Later);
                };
                let datagram = datagram.get(..most).unwrap_or(datagram);
                take(0, datagram);
                return Ok(Read::Datagram(datagram.len(), address_of(from.endpoint)));
            }
            _ => return Err(Status::InvalidArgument),
        };
        let mut count = 0;
        while count < most {
            // What is in the buffer may go round its end.
            let part = socket.recv(|bytes| {
                let bytes = bytes.get(..most - count).unwrap_or(bytes);
                take(count, bytes);
                (bytes.len(), bytes.len())
            });
            match part {
                Ok(0) => break,
                Ok(part) => count += part,
                Err(_) if count > 0 => break,
                Err(tcp::RecvError::Finished) => return Ok(Read::End),
                Err(tcp::RecvError::InvalidState) => {
                    return match socket.state() {
                        tcp::State::SynSent | tcp::State::SynReceived => Ok(Read::Later),
                        _ => Err(Status::ConnectionReset),
                    };
                }
            }
        }
        match count {
            0 if most > 0 => Ok(Read::Later),
            count => Ok(Read::Bytes(count)),
        }
    }

    /// Sends at most so many bytes: `give` fills in those from a place on. How many were taken; of a datagram all, or none while
    /// there is no room.
    ///
    /// # Errors
    /// [`Status::NotConnected`], [`Status::ConnectionReset`], [`Status::TooLong`], [`Status::Unreachable`],
    /// [`Status::InvalidArgument`] where nothing can be sent from such a socket, or not there.
    pub(crate) fn write(
        &mut self,
        handle: Handle,
        length: usize,
        to: SocketAddress,
        mut give: impl FnMut(usize, &mut [u8]),
    ) -> Result<usize, Status> {
        let largest = self.abilities.largest_datagram();
        let socket = self.sockets.get_mut(handle).ok_or(Status::BadHandle)?;
        let socket = match &mut socket.role {
            Role::Connection(connection) => connection.tcp(),
            Role::Datagrams(alone, _) => {
                if to.port == 0 || to.address == [0; 4] {
                    return Err(Status::InvalidArgument);
                }
                if length > largest {
                    return Err(Status::TooLong);
                }
                let to = IpEndpoint::new(IpAddress::Ipv4(to.address.into()), to.port);
                let fill = |bytes: &mut [u8]| {
                    give(0, bytes);
                    length
                };
                let sent = alone
                    .get_mut::<udp::Socket<'static>>()
                    .send_with(length, to, fill);
                return match sent {
                    Ok(sent) => Ok(sent),
                    Err(udp::SendError::BufferFull) => Ok(0),
                    Err(udp::SendError::Unaddressable) => Err(Status::Unreachable),
                };
            }
            _ => return Err(Status::InvalidArgument),
        };
        let mut count = 0;
        while count < length {
            let part = socket.send(|room| {
                let most = room.len().min(length - count);
                let room = room.get_mut(..most).unwrap_or_default();
                give(count, room);
                (room.len(), room.len())
            });
            match part {
                Ok(0) => break,
                Ok(part) => count += part,
                Err(_) => {
                    return match socket.state() {
                        tcp::State::Closed => Err(Status::ConnectionReset),
                        tcp::State::SynSent | tcp::State::SynReceived => Ok(0),
                        _ => Err(Status::NotConnected),
                    };
                }
            }
        }
        Ok(count)
    }

    /// Whether something can be received or accepted at a socket, be it that nothing comes any more.
    pub(crate) fn is_ready(&mut self, handle: Handle) -> bool {
        let Some(socket) = self.sockets.get_mut(handle) else {
            return false;
        };
        match &mut socket.role {
            Role::Listener(listener) => !listener.ready.is_empty(),
            Role::Connection(connection) => {
                let socket = connection.tcp();
                let begins = matches!(
                    socket.state(),
                    tcp::State::SynSent | tcp::State::SynReceived
                );
                socket.can_recv() || !begins && !socket.may_recv()
            }
            Role::Datagrams(alone, _) => alone.get_mut::<udp::Socket<'static>>().can_recv(),
            Role::Configuration(_) => false,
        }
    }

    /// Whether a socket is a connection.
    pub(crate) fn is_connection(&mut self, handle: Handle) -> bool {
        self.connection(handle).is_some()
    }

    /// Says to the peer of a connection that nothing more is sent; whether that was not said before.
    pub(crate) fn shut_down(&mut self, handle: Handle) -> bool {
        let Some(connection) = self.connection(handle) else {
            return false;
        };
        let socket = connection.tcp();
        let before = socket.state();
        socket.close();
        socket.state() != before
    }

    /// Forgets a connection that has ended.
    pub(crate) fn forget(&mut self, handle: Handle) {
        self.remove(handle);
    }

    /// Sets an option.
    ///
    /// # Errors
    /// [`Status::InvalidArgument`] where the socket has none.
    pub(crate) fn set_option(
        &mut self,
        handle: Handle,
        option: SocketOption,
        value: u64,
    ) -> Result<(), Status> {
        let socket = self.sockets.get_mut(handle).ok_or(Status::BadHandle)?;
        match &mut socket.role {
            Role::Listener(listener) => listener.options.set(option, value),
            Role::Connection(connection) => {
                connection.options.set(option, value);
                let options = connection.options;
                options.apply(connection.tcp(), false);
            }
            _ => return Err(Status::InvalidArgument),
        }
        self.settle(handle);
        Ok(())
    }

    /// The client that had a socket has it no more. A connection first sends what it has to send; `abruptly`, its peer is told that it is
    /// reset instead.
    pub(crate) fn give_up(&mut self, handle: Handle, abruptly: bool, wire: &mut impl Wire) {
        let Some(socket) = self.sockets.get_mut(handle) else {
            return;
        };
        match &mut socket.role {
            Role::Listener(listener) => {
                let ready = core::mem::take(&mut listener.ready);
                // Those too that are not ready yet: their peers learn it at once.
                let begun = self.peers.values().copied();
                let begun: alloc::vec::Vec<Handle> = begun.collect();
                self.remove(handle);
                for other in begun.into_iter().chain(ready) {
                    let connection = self.connection(other);
                    let own = |owner| matches!(owner, Owner::Listener(of, _) if of == handle);
                    if connection.is_some_and(|it| own(it.owner)) {
                        self.orphan(other, true, wire);
                    }
                }
            }
            Role::Connection(_) => self.orphan(handle, abruptly, wire),
            Role::Datagrams(..) => {
                self.act(handle, wire);
                self.remove(handle);
            }
            Role::Configuration(_) => {}
        }
    }

    fn orphan(&mut self, handle: Handle, abruptly: bool, wire: &mut impl Wire) {
        if let Some(connection) = self.connection(handle) {
            connection.owner = Owner::Nobody;
            let options = connection.options;
            let socket = connection.tcp();
            options.apply(socket, true);
            match abruptly {
                true => socket.abort(),
                false => socket.close(),
            }
            if self.lingering.len() > 2 * self.limits.sockets {
                // Most of them have ended.
                let sockets = &self.sockets;
                self.lingering.retain(|it| sockets.get(*it).is_some());
            }
            self.lingering.push_back(handle);
            self.act(handle, wire);
        }
    }
}

fn address_of(endpoint: IpEndpoint) -> SocketAddress {
    let IpAddress::Ipv4(address) = endpoint.addr;
    SocketAddress {
        address: address.octets(),
        port: endpoint.port,
    }
}
