//! Frames that come in: each goes to its socket, which acts when all have that came with it.

use atoll_abi::handle::Handle;

use super::demux::{self, Checked, Recipient};
use super::wire::{Port, Wire};
use super::{CONFIGURATION_PORT, Stack, fin, instant};

impl Stack {
    /// A frame came in. Only where the wire has room, because it may be answered. The socket that it is for acts with
    /// [`Stack::act_all`]: once for all frames that have come by then, so that one segment acknowledges all of them.
    pub(crate) fn frame(&mut self, frame: &[u8], checked: Checked, wire: &mut impl Wire) {
        let Some(recipient) = demux::recipient(frame, checked) else {
            self.corrupt += 1;
            return;
        };
        if let Recipient::Connection {
            begins: true, peer, ..
        } = recipient
            && let Some(handle) = self.peers.get(&peer).copied()
        {
            // The one before it from the same port may have ended by a frame that came just now.
            self.act_on_frame(handle, wire);
        }
        let handle = match recipient {
            Recipient::Connection {
                peer,
                begins,
                acknowledges,
            } => match self.peers.get(&peer).copied() {
                Some(handle) => {
                    if let (Some(connection), Some(number)) =
                        (self.connection(handle), acknowledges)
                        && connection.is_vain(number)
                    {
                        return;
                    }
                    Some(handle)
                }
                None if begins && self.listeners.contains_key(&peer.local_port) => {
                    let Some(handle) = self.begin(peer) else {
                        // The backlog is full: the peer tries again.
                        return;
                    };
                    Some(handle)
                }
                None => None,
            },
            Recipient::Datagrams(CONFIGURATION_PORT) if self.configuration.is_some() => {
                if !demux::has_source(frame) {
                    // smoltcp would answer to where it comes from.
                    return;
                }
                self.configuration
            }
            Recipient::Datagrams(port) => self.datagrams.get(&port).copied(),
            Recipient::Neighbours | Recipient::Host => None,
        };
        let set = match handle.and_then(|handle| self.sockets.get_mut(handle)?.alone()) {
            Some(alone) => &mut alone.set,
            None => &mut self.nobody,
        };
        let now = instant(self.now);
        let mut poll = |frame: &[u8]| {
            let mut port = Port::new(self.abilities, Some(frame), wire);
            self.interface.poll_ingress_single(now, &mut port, set);
        };
        match handle.and_then(|_| fin::split(frame)) {
            Some(frames) => frames.iter().for_each(|frame| poll(frame)),
            None => poll(frame),
        }
        match handle {
            Some(handle) => self.feed(handle),
            None if recipient == Recipient::Neighbours => {
                for handle in core::mem::take(&mut self.unresolved) {
                    if let Some(socket) = self.sockets.get_mut(handle) {
                        socket.waits_for_neighbour = false;
                        self.feed(handle);
                    }
                }
            }
            None => {}
        }
    }

    /// Has the sockets act for which frames have come in.
    pub(super) fn act_on_frames(&mut self, wire: &mut impl Wire) {
        while let Some(handle) = self.fed.pop() {
            self.act_on_frame(handle, wire);
        }
    }

    /// Has a socket act, if frames have come in for it.
    fn act_on_frame(&mut self, handle: Handle, wire: &mut impl Wire) {
        if let Some(socket) = self.sockets.get_mut(handle)
            && core::mem::replace(&mut socket.is_fed, false)
        {
            self.act(handle, wire);
        }
    }

    fn feed(&mut self, handle: Handle) {
        if let Some(socket) = self.sockets.get_mut(handle)
            && !core::mem::replace(&mut socket.is_fed, true)
        {
            self.fed.push(handle);
        }
    }
}
