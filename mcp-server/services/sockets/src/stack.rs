//! The sockets and their peers: smoltcp, one socket at a time.

mod calls;
mod checksum;
mod connections;
mod demux;
mod fin;
mod host;
mod incoming;
mod socket;
mod table;
mod wire;

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec;
use alloc::vec::Vec;

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::handle::Handle;
use atoll_abi::net::Properties;
use atoll_abi::plan::Network;
use atoll_abi::socket::HostAddress;
use smoltcp::iface::{Config, Interface, PollResult, SocketSet};
use smoltcp::socket::{dhcpv4, udp};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, HardwareAddress};

use demux::Peer;
use socket::{Alone, Role, Socket};
use table::Table;
use wire::{Abilities, Nowhere, Port};

pub(crate) use calls::{Made, Read};
pub(crate) use demux::Checked;
pub(crate) use wire::Wire;

const NANOSECONDS_PER_MICROSECOND: u64 = 1000;

/// Nanoseconds of a millisecond.
const MILLISECOND: u64 = 1_000_000;

/// The port of UDP at which a host is told its address.
const CONFIGURATION_PORT: u16 = 68;

/// The first port of a connection of which the client names none; the others follow up to the last one that there is.
const FIRST_EPHEMERAL_PORT: u16 = 49152;

/// Times that a datagram is tried to be sent to a neighbour that does not answer.
const MOST_VAIN_TRIES: u32 = 4;

/// How much the stack may have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Sockets.
    pub(crate) sockets: usize,
    /// Bytes of buffer of a connection, in each direction.
    pub(crate) buffer: usize,
}

/// What tells a stack from others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identity {
    /// Grows with each life of the service.
    pub(crate) life: u32,
    /// Random as far as that can be had: sequence numbers and ports begin with it.
    pub(crate) seed: u64,
}

/// All sockets.
pub(crate) struct Stack {
    interface: Interface,
    abilities: Abilities,
    limits: Limits,
    sockets: Table<Socket>,
    /// For frames that are for no socket.
    nobody: SocketSet<'static>,
    peers: BTreeMap<Peer, Handle>,
    listeners: BTreeMap<u16, Handle>,
    datagrams: BTreeMap<u16, Handle>,
    /// The socket that asks for the host's address.
    configuration: Option<Handle>,
    /// When which socket has to act: nanoseconds, index, generation.
    times: BTreeSet<(u64, u16, u16)>,
    /// Sockets that wait for the address of a neighbour.
    unresolved: Vec<Handle>,
    /// Sockets that have something to send, for which there was no room.
    starved: VecDeque<Handle>,
    /// Sockets for which frames have come in, and that have not acted since.
    fed: Vec<Handle>,
    /// Connections that nobody has any more, the oldest first.
    lingering: VecDeque<Handle>,
    /// Sockets that may have changed since they were taken from this list.
    touched: Vec<Handle>,
    next_port: u16,
    /// Nanoseconds.
    now: u64,
    /// Frames with a wrong checksum.
    corrupt: u64,
}

impl Stack {
    /// A stack without sockets, of a device.
    pub(crate) fn new(
        properties: &Properties,
        network: &Network,
        limits: Limits,
        identity: Identity,
        now: u64,
    ) -> Stack {
        let abilities = Abilities {
            // Each is written into one block.
            largest_frame: (usize::from(properties.mtu) + wire::ETHERNET).min(BLOCK_SIZE),
            makes_checksums: properties.makes_checksums,
        };
        // A device without an address gets one of those that are nobody's.
        let [a, b, c, ..] = identity.seed.to_le_bytes();
        let address = properties.address.unwrap_or([0x02, 0, 0, a, b, c]);
        let mut config = Config::new(HardwareAddress::Ethernet(EthernetAddress(address)));
        config.random_seed = identity.seed;
        let mut nowhere = Nowhere;
        let mut port = Port::new(abilities, None, &mut nowhere);
        let mut stack = Stack {
            interface: Interface::new(config, &mut port, instant(now)),
            abilities,
            limits,
            sockets: Table::new(limits.sockets, identity.life),
            nobody: SocketSet::new(vec![]),
            peers: BTreeMap::new(),
            listeners: BTreeMap::new(),
            datagrams: BTreeMap::new(),
            configuration: None,
            times: BTreeSet::new(),
            unresolved: Vec::new(),
            starved: VecDeque::new(),
            fed: Vec::new(),
            lingering: VecDeque::new(),
            touched: Vec::new(),
            next_port: FIRST_EPHEMERAL_PORT | identity.seed as u16,
            now,
            corrupt: 0,
        };
        match network.address {
            0 => {
                let asking = Role::Configuration(Alone::new(socket::dhcp_socket()));
                stack.configuration = stack.sockets.insert(Socket::new(asking));
                if let Some(handle) = stack.configuration {
                    stack.wait_for_room(handle);
                }
            }
            _ => host::place(&mut stack.interface, network),
        }
        stack
    }

    /// Where the host is; `None` while it does not know.
    pub(crate) fn host(&self) -> Option<HostAddress> {
        host::address(&self.interface)
    }

    /// The link was down, and is up again: it may be one of another network, so the host asks for its address anew where it asks at all.
    pub(crate) fn link_is_up_again(&mut self) {
        let Some(handle) = self.configuration else {
            return;
        };
        if let Some(alone) = self.sockets.get_mut(handle).and_then(Socket::alone) {
            alone.get_mut::<dhcpv4::Socket<'static>>().reset();
            self.wait_for_room(handle);
        }
    }

    /// Tells the time, in nanoseconds.
    pub(crate) fn set_time(&mut self, now: u64) {
        self.now = now;
    }

    /// When the next socket has to act, in nanoseconds. Those that wait for room are not meant.
    pub(crate) fn due(&self) -> Option<u64> {
        self.times.first().map(|(due, ..)| *due)
    }

    /// Frames that were dropped because a checksum was wrong.
    pub(crate) fn corrupt(&self) -> u64 {
        self.corrupt
    }

    /// A socket that may have changed since it was taken the last time.
    pub(crate) fn take_touched(&mut self) -> Option<Handle> {
        let handle = self.touched.pop()?;
        if let Some(socket) = self.sockets.get_mut(handle) {
            socket.is_touched = false;
        }
        Some(handle)
    }

    fn touch(&mut self, handle: Handle) {
        if let Some(socket) = self.sockets.get_mut(handle)
            && !core::mem::replace(&mut socket.is_touched, true)
        {
            self.touched.push(handle);
        }
    }

    /// Has the sockets act for which frames have come in, those whose time has come, and those that waited for room, as long as there is
    /// room.
    pub(crate) fn act_all(&mut self, wire: &mut impl Wire) {
        self.act_on_frames(wire);
        while let Some(&(due, index, generation)) = self.times.first()
            && due <= self.now
            && wire.has_room()
        {
            self.act(Handle { index, generation }, wire);
        }
        for _ in 0..self.starved.len() {
            if !wire.has_room() {
                break;
            }
            if let Some(handle) = self.starved.pop_front()
                && let Some(socket) = self.sockets.get_mut(handle)
            {
                socket.waits_for_room = false;
                self.act(handle, wire);
            }
        }
    }

    /// Has a socket send what it has to send, as far as there is room.
    pub(crate) fn act(&mut self, handle: Handle, wire: &mut impl Wire) {
        let now = instant(self.now);
        while let Some(alone) = self.sockets.get_mut(handle).and_then(Socket::alone) {
            let mut port = Port::new(self.abilities, None, wire);
            let sent = self.interface.poll_egress(now, &mut port, &mut alone.set);
            if port.is_starved {
                self.wait_for_room(handle);
                break;
            }
            let (begun, packets) = (port.has_begun, port.packets);
            if begun && packets == 0 {
                self.wait_for_neighbour(handle);
                self.give_up_datagrams(handle);
                break;
            }
            if packets > 0
                && let Some(socket) = self.sockets.get_mut(handle)
            {
                socket.vain_tries = 0;
            }
            if sent == PollResult::None {
                break;
            }
        }
        self.settle(handle);
    }

    /// A socket for datagrams whose next one goes where nobody answers forgets what it has after some tries, a second apart: smoltcp keeps
    /// their order, and would try for ever.
    fn give_up_datagrams(&mut self, handle: Handle) {
        let Some(socket) = self.sockets.get_mut(handle) else {
            return;
        };
        socket.vain_tries += 1;
        if let Role::Datagrams(alone, port) = &mut socket.role
            && socket.vain_tries >= MOST_VAIN_TRIES
        {
            socket.vain_tries = 0;
            let port = *port;
            let datagrams = alone.get_mut::<udp::Socket<'static>>();
            datagrams.close();
            // It was bound to the same port before.
            let _ = datagrams.bind(port);
        }
    }

    fn wait_for_room(&mut self, handle: Handle) {
        if let Some(socket) = self.sockets.get_mut(handle)
            && !core::mem::replace(&mut socket.waits_for_room, true)
        {
            self.starved.push_back(handle);
        }
    }

    fn wait_for_neighbour(&mut self, handle: Handle) {
        if let Some(socket) = self.sockets.get_mut(handle)
            && !core::mem::replace(&mut socket.waits_for_neighbour, true)
        {
            self.unresolved.push(handle);
        }
    }

    /// Takes in how a socket is after it has acted: when it has to act again, and whether anybody waits for what has become of it.
    fn settle(&mut self, handle: Handle) {
        let now = instant(self.now);
        let Some(socket) = self.sockets.get_mut(handle) else {
            return;
        };
        let is_unresolved = socket.waits_for_neighbour;
        let Some(alone) = socket.alone() else { return };
        let next = self.interface.poll_at(now, &alone.set);
        // What it could do now it has just done, or it waits for room. Some steps of smoltcp do one thing and want to be taken again for
        // the next one.
        let again = self.now + MILLISECOND;
        let due = next.map(|next| match nanoseconds(next) {
            due if due > self.now => due,
            _ => again,
        });
        let due = due.filter(|_| !socket.waits_for_room);
        if due != socket.due {
            let entry = |due| (due, handle.index, handle.generation);
            socket.due.map(|due| self.times.remove(&entry(due)));
            due.map(|due| self.times.insert(entry(due)));
            socket.due = due;
        }
        match &mut socket.role {
            Role::Configuration(alone) => {
                if host::ask(&mut self.interface, alone.get_mut()) {
                    self.touch(handle);
                }
            }
            Role::Connection(connection) => {
                let state = connection.tcp().state();
                let owner = connection.owner;
                // That it is reset cannot be said to a peer whose address nobody knows.
                let quiet = next.is_none() || is_unresolved;
                self.settle_connection(handle, owner, state, quiet);
            }
            Role::Datagrams(..) => self.touch(handle),
            Role::Listener(_) => {}
        }
    }
}

fn instant(nanoseconds: u64) -> Instant {
    Instant::from_micros((nanoseconds / NANOSECONDS_PER_MICROSECOND) as i64)
}

fn nanoseconds(instant: Instant) -> u64 {
    (instant.total_micros().max(0) as u64).saturating_mul(NANOSECONDS_PER_MICROSECOND)
}
