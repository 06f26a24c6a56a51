//! Connections: how they begin, are handed on, and end.

use atoll_abi::handle::Handle;
use smoltcp::socket::tcp::{self, State};

use super::Stack;
use super::demux::Peer;
use super::socket::{Alone, Connection, Options, Owner, Role, Socket, tcp_socket};

impl Stack {
    /// `quiet` where the connection has nothing to send any more.
    pub(super) fn settle_connection(
        &mut self,
        handle: Handle,
        owner: Owner,
        state: State,
        quiet: bool,
    ) {
        let is_closed = matches!(state, State::Closed | State::Listen) && quiet;
        match owner {
            Owner::Nobody if is_closed => self.remove(handle),
            Owner::Nobody => {}
            Owner::Client => {
                if is_closed {
                    self.forget_peer(handle);
                }
                self.touch(handle);
            }
            Owner::Listener(..) if is_closed => self.remove(handle),
            Owner::Listener(_, true) => {}
            Owner::Listener(listener, false) => {
                if matches!(state, State::Established | State::CloseWait)
                    && let Some(connection) = self.connection(handle)
                {
                    connection.owner = Owner::Listener(listener, true);
                    if let Some(own) = self.sockets.get_mut(listener).and_then(Socket::listener) {
                        own.ready.push_back(handle);
                    }
                    self.touch(listener);
                }
            }
        }
    }

    /// The peer of a connection may begin another one from the same port.
    fn forget_peer(&mut self, handle: Handle) {
        if let Some(peer) = self.connection(handle).map(|it| it.peer)
            && self.peers.get(&peer) == Some(&handle)
        {
            self.peers.remove(&peer);
        }
    }

    pub(super) fn connection(&mut self, handle: Handle) -> Option<&mut Connection> {
        self.sockets.get_mut(handle)?.connection()
    }

    /// Makes a connection that a peer begins, at a socket that listens; `None` where there is no room for it.
    pub(super) fn begin(&mut self, peer: Peer) -> Option<Handle> {
        let listener = *self.listeners.get(&peer.local_port)?;
        let own = self.sockets.get_mut(listener)?.listener()?;
        if own.unaccepted >= own.backlog {
            return None;
        }
        let options = own.options;
        self.make_room();
        if !self.sockets.has_room() {
            return None;
        }
        let mut socket = tcp_socket(self.limits.buffer);
        options.apply(&mut socket, true);
        socket.listen(peer.local_port).ok()?;
        let owner = Owner::Listener(listener, false);
        let handle = self.add_connection(socket, peer, owner, options)?;
        let own = self.sockets.get_mut(listener)?.listener()?;
        own.unaccepted += 1;
        Some(handle)
    }

    pub(super) fn add_connection(
        &mut self,
        socket: tcp::Socket<'static>,
        peer: Peer,
        owner: Owner,
        options: Options,
    ) -> Option<Handle> {
        let socket = Alone::new(socket);
        let handle = self
            .sockets
            .insert(Socket::new(Role::Connection(Connection {
                socket,
                peer,
                owner,
                options,
                acknowledged: None,
            })))?;
        self.peers.insert(peer, handle);
        Some(handle)
    }

    /// Where all places are taken, forgets the oldest connection that nobody has any more and that waits for nothing but late segments.
    pub(super) fn make_room(&mut self) {
        if self.sockets.has_room() {
            return;
        }
        let waits = |stack: &mut Stack, handle: Handle| {
            let connection = stack.connection(handle);
            connection.is_some_and(|it| it.tcp().state() == State::TimeWait)
        };
        for _ in 0..self.lingering.len() {
            let Some(handle) = self.lingering.pop_front() else {
                return;
            };
            if waits(self, handle) {
                self.remove(handle);
                return;
            }
            if self.sockets.get(handle).is_some() {
                self.lingering.push_back(handle);
            }
        }
    }

    /// Forgets a socket.
    pub(super) fn remove(&mut self, handle: Handle) {
        self.forget_peer(handle);
        let Some(socket) = self.sockets.remove(handle) else {
            return;
        };
        if let Some(due) = socket.due {
            self.times.remove(&(due, handle.index, handle.generation));
        }
        if socket.waits_for_room {
            self.starved.retain(|it| *it != handle);
        }
        if socket.waits_for_neighbour {
            self.unresolved.retain(|it| *it != handle);
        }
        match socket.role {
            Role::Listener(listener) => {
                self.listeners.remove(&listener.port);
            }
            Role::Datagrams(_, port) => {
                self.datagrams.remove(&port);
            }
            Role::Connection(connection) => {
                if let Owner::Listener(listener, _) = connection.owner
                    && let Some(own) = self.sockets.get_mut(listener).and_then(Socket::listener)
                {
                    own.unaccepted -= 1;
                    own.ready.retain(|ready| *ready != handle);
                }
            }
            Role::Configuration(_) => {}
        }
    }
}
