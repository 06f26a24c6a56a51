//! What the stack keeps of a socket.

use alloc::collections::VecDeque;
use alloc::vec;

use atoll_abi::handle::Handle;
use atoll_abi::socket::SocketOption;
use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::socket::{AnySocket, dhcpv4, tcp, udp};
use smoltcp::time::Duration;

use super::demux::Peer;

/// Datagrams that a socket keeps in each direction.
const DATAGRAMS: usize = 16;
/// Bytes of datagrams that a socket keeps in each direction.
const DATAGRAM_BYTES: usize = 16 << 10;

/// A socket of smoltcp, alone in its set.
pub(super) struct Alone {
    pub(super) set: SocketSet<'static>,
    handle: SocketHandle,
}

impl Alone {
    pub(super) fn new(socket: impl AnySocket<'static>) -> Alone {
        let mut set = SocketSet::new(vec![]);
        let handle = set.add(socket);
        Alone { set, handle }
    }

    /// Of the kind that it was made of.
    pub(super) fn get_mut<T: AnySocket<'static>>(&mut self) -> &mut T {
        self.set.get_mut(self.handle)
    }
}

/// A socket.
pub(super) struct Socket {
    pub(super) role: Role,
    /// When it has to act, in nanoseconds, as the queue of times has it.
    pub(super) due: Option<u64>,
    /// It is in the list of those that have changed.
    pub(super) is_touched: bool,
    /// It is in the list of those for which frames have come in.
    pub(super) is_fed: bool,
    /// It is in the list of those that wait for room.
    pub(super) waits_for_room: bool,
    /// It is in the list of those that wait for the address of a neighbour.
    pub(super) waits_for_neighbour: bool,
    /// How often it has tried to send since it sent something, and did not know where to.
    pub(super) vain_tries: u32,
}

/// What a socket is for.
pub(super) enum Role {
    Listener(Listener),
    Connection(Connection),
    Datagrams(Alone, u16),
    /// Asks for the host's address.
    Configuration(Alone),
}

/// A socket at which connections come in.
pub(super) struct Listener {
    pub(super) port: u16,
    pub(super) backlog: usize,
    /// Connections of it that have begun and that nobody has accepted.
    pub(super) unaccepted: usize,
    /// Those of them that are established.
    pub(super) ready: VecDeque<Handle>,
    pub(super) options: Options,
}

/// A connection.
pub(super) struct Connection {
    pub(super) socket: Alone,
    pub(super) peer: Peer,
    pub(super) owner: Owner,
    pub(super) options: Options,
    /// The most that the peer has acknowledged in segments that do nothing else.
    pub(super) acknowledged: Option<i32>,
}

/// Whose a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// It comes in at a listening socket. Whether it is established, and so among the ready ones.
    Listener(Handle, bool),
    /// A client has it.
    Client,
    /// Nobody: it ends.
    Nobody,
}

/// Options of a connection, and of those that come in at a socket.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Options {
    no_delay: bool,
    /// Milliseconds, or 0.
    keep_alive: u64,
    peer_timeout: u64,
}

/// Milliseconds after which a connection ends that is being made, or that nobody has any more, and whose peer acknowledges nothing.
pub(super) const LONELY_TIMEOUT: u64 = 20_000;

/// Milliseconds of the longest time that an option may have: a year.
const LONGEST_TIME: u64 = 365 * 24 * 3600 * 1000;

impl Options {
    pub(super) fn set(&mut self, option: SocketOption, value: u64) {
        // Sums of times must not be too large.
        let value = value.min(LONGEST_TIME);
        match option {
            SocketOption::NoDelay => self.no_delay = value != 0,
            SocketOption::KeepAlive => self.keep_alive = value,
            SocketOption::PeerTimeout => self.peer_timeout = value,
        }
    }

    /// Gives a socket these options. One that is `lonely` ends when its peer does not answer.
    pub(super) fn apply(&self, socket: &mut tcp::Socket<'static>, lonely: bool) {
        let time =
            |milliseconds: u64| (milliseconds != 0).then(|| Duration::from_millis(milliseconds));
        socket.set_nagle_enabled(!self.no_delay);
        socket.set_keep_alive(time(self.keep_alive));
        socket.set_timeout(match lonely {
            true => time(LONELY_TIMEOUT),
            false => time(self.peer_timeout),
        });
    }
}

impl Socket {
    pub(super) fn new(role: Role) -> Socket {
        Socket {
            role,
            due: None,
            is_touched: false,
            is_fed: false,
            waits_for_room: false,
            waits_for_neighbour: false,
            vain_tries: 0,
        }
    }

    /// The socket of smoltcp, where it has one.
    pub(super) fn alone(&mut self) -> Option<&mut Alone> {
        match &mut self.role {
            Role::Listener(_) => None,
            Role::Connection(connection) => Some(&mut connection.socket),
            Role::Datagrams(alone, _) | Role::Configuration(alone) => Some(alone),
        }
    }

    pub(super) fn connection(&mut self) -> Option<&mut Connection> {
        match &mut self.role {
            Role::Connection(connection) => Some(connection),
            _ => None,
        }
    }

    pub(super) fn listener(&mut self) -> Option<&mut Listener> {
        match &mut self.role {
            Role::Listener(listener) => Some(listener),
            _ => None,
        }
    }
}

impl Connection {
    /// Whether a segment acknowledges nothing that was not acknowledged before, where all that the peer has not acknowledged is the end of
    /// the stream. It says nothing then, and smoltcp 0.14 takes the third one of a kind as a wish for what was lost, looks for data, finds
    /// none, and never sends the end of the stream again.
    pub(super) fn is_vain(&mut self, acknowledges: i32) -> bool {
        let before = self.acknowledged;
        // Numbers go round.
        let is_new = before.is_none_or(|before| acknowledges.wrapping_sub(before) > 0);
        if is_new {
            self.acknowledged = Some(acknowledges);
        }
        let socket = self.tcp();
        let ends = matches!(
            socket.state(),
            tcp::State::FinWait1 | tcp::State::Closing | tcp::State::LastAck
        );
        ends && socket.send_queue() == 0 && !is_new && !cfg!(feature = "planted-forgotten-end")
    }

    pub(super) fn tcp(&mut self) -> &mut tcp::Socket<'static> {
        self.socket.get_mut()
    }
}

/// A socket of TCP with so many bytes of buffer in each direction.
pub(super) fn tcp_socket(buffer: usize) -> tcp::Socket<'static> {
    let buffer = || tcp::SocketBuffer::new(vec![0; buffer]);
    tcp::Socket::new(buffer(), buffer())
}

pub(super) fn udp_socket() -> udp::Socket<'static> {
    let buffer = || {
        udp::PacketBuffer::new(
            vec![udp::PacketMetadata::EMPTY; DATAGRAMS],
            vec![0; DATAGRAM_BYTES],
        )
    };
    udp::Socket::new(buffer(), buffer())
}

pub(super) fn dhcp_socket() -> dhcpv4::Socket<'static> {
    dhcpv4::Socket::new()
}
