//! What becomes of calls that wait.

use atoll_abi::block::Transferred;
use atoll_abi::handle::Handle;
use atoll_abi::socket::Ready;
use atoll_abi::syscall::Status;
use atoll_call::{Actions, CallId};
use atoll_driver_client::Clients;
use zerocopy::IntoBytes as _;

use super::copy::ClientBlocks;
use super::waiting::Own;
use super::{Life, Sending, SocketService, Wait};
use crate::frames::Out;
use crate::stack::{Made, Read, Stack};

/// What becomes of a call that waits when its socket is looked at.
enum Look {
    /// It waits on.
    Waits,
    /// It has ended.
    Ended,
}

impl SocketService {
    /// Has a socket send what it has to send.
    pub(super) fn send(&mut self, handle: Handle, actions: &mut impl Actions) {
        if let Some(stack) = &mut self.stack {
            stack.act(
                handle,
                &mut Out::new(&mut self.frames, &mut self.driver, actions),
            );
        }
    }

    /// A socket may have changed: answers the calls that wait for it, as far as that can be done.
    pub(super) fn settle(&mut self, handle: Handle, actions: &mut impl Actions) {
        while let Some(id) = self.first(handle, |own| own.connect) {
            match self.look_at_connect(handle, id) {
                Look::Waits => break,
                Look::Ended => self.pop(handle, |own| own.connect = None),
            }
        }
        while let Some(id) = self.first(handle, |own| own.accepts.front().copied()) {
            match self.look_at_accept(handle, id) {
                Look::Waits => break,
                Look::Ended => self.pop(handle, |own| {
                    own.accepts.pop_front();
                    own.is_armed = true;
                }),
            }
        }
        let mut moved = false;
        while let Some(id) = self.first(handle, |own| own.receives.front().copied()) {
            match self.look_at_receive(handle, id, actions) {
                Look::Waits => break,
                Look::Ended => self.pop(handle, |own| {
                    own.receives.pop_front();
                    own.is_armed = true;
                }),
            }
            moved = true;
        }
        while let Some(id) = self.first(handle, |own| own.sends.front().copied()) {
            match self.look_at_send(handle, id, &mut moved, actions) {
                Look::Waits => break,
                Look::Ended => self.pop(handle, |own| {
                    own.sends.pop_front();
                }),
            }
        }
        let own = self.waiting.get(handle);
        if own.is_some_and(|own| own.shuts_down && own.sends.is_empty())
            && let Some(stack) = &mut self.stack
        {
            moved |= stack.shut_down(handle);
        }
        if moved {
            self.send(handle, actions);
        }
        self.report(handle);
    }

    /// Where there is something at a socket for which no call waits, its client is to be told.
    fn report(&mut self, handle: Handle) {
        let own = self.waiting.get(handle);
        if own.is_some_and(|own| own.is_armed && !own.is_waited_for())
            && self.stack.as_mut().is_some_and(|it| it.is_ready(handle))
        {
            self.waiting.report(handle);
        }
    }

    /// Tells a client of sockets at which there is something, by a call of its that waits for that.
    pub(super) fn tell(&mut self, client: usize, id: CallId, actions: &mut impl Actions) {
        let Some(parked) = self.calls.parked(id).copied() else {
            return;
        };
        let Some(blocks) = &parked.blocks else { return };
        let pool = pool_of(&mut self.clients, client);
        let blocks = ClientBlocks { pool, blocks };
        let mut entries = [Ready::NONE; Ready::IN_BLOCK];
        let mut count = 0;
        for entry in &mut entries {
            let Some(handle) = self.waiting.take_ready(client) else {
                break;
            };
            *entry = Ready::new(handle);
            count += 1;
        }
        let told = entries.get(..count).unwrap_or_default();
        match told {
            [] => self.waiting.of_client(client).calls.push_front(id),
            told => {
                blocks.write(0, told.as_bytes(), actions);
                self.end(id, Status::Done, [told.as_bytes().len() as u64, 0]);
            }
        }
    }

    fn first(&mut self, handle: Handle, of: impl FnOnce(&Own) -> Option<CallId>) -> Option<CallId> {
        self.waiting.get(handle).and_then(|own| of(own))
    }

    fn pop(&mut self, handle: Handle, pop: impl FnOnce(&mut Own)) {
        if let Some(own) = self.waiting.get(handle) {
            pop(own);
        }
    }

    /// Answers the calls that wait until the host knows where it is.
    pub(super) fn settle_hosts(&mut self) {
        let Some(host) = self.stack.as_ref().and_then(Stack::host) else {
            return;
        };
        while let Some(id) = self.hosts.pop_front() {
            self.end(id, Status::Done, host.to_raw());
        }
    }

    fn look_at_connect(&mut self, handle: Handle, id: CallId) -> Look {
        let Some(stack) = &mut self.stack else {
            return Look::Waits;
        };
        match stack.made(handle) {
            Ok(Made::Later) => return Look::Waits,
            Ok(Made::Done(own)) => {
                let result = [handle.to_raw().into(), own.to_raw()];
                self.end(id, Status::Done, result);
            }
            Err(status) => {
                self.end(id, status, [0; 2]);
                for other in self.waiting.remove(handle) {
                    self.end(other, status, [0; 2]);
                }
                if let Some(stack) = &mut self.stack {
                    stack.forget(handle);
                }
            }
        }
        Look::Ended
    }

    fn look_at_accept(&mut self, handle: Handle, id: CallId) -> Look {
        let Some(parked) = self.calls.parked(id).copied() else {
            return Look::Ended;
        };
        // One more than its share waits until the client has closed another one.
        if self.has_its_share(parked.client) {
            return Look::Waits;
        }
        let Some(stack) = &mut self.stack else {
            return Look::Ended;
        };
        match stack.accept(handle) {
            Ok(None) => return Look::Waits,
            Ok(Some((connection, peer))) => {
                self.waiting.open(connection, parked.client);
                let result = [connection.to_raw().into(), peer.to_raw()];
                self.end(id, Status::Done, result);
            }
            Err(status) => self.end(id, status, [0; 2]),
        }
        Look::Ended
    }

    fn look_at_receive(&mut self, handle: Handle, id: CallId, actions: &mut impl Actions) -> Look {
        let (Some(stack), Some(parked)) = (&mut self.stack, self.calls.parked(id).copied()) else {
            return Look::Ended;
        };
        let (Some(blocks), Wait::Receive { length }) = (&parked.blocks, parked.wait) else {
            return Look::Ended;
        };
        let pool = pool_of(&mut self.clients, parked.client);
        let blocks = ClientBlocks { pool, blocks };
        let mut copied = 0;
        let read = stack.read(handle, length, |offset, bytes| {
            copied += blocks.write(offset, bytes, actions);
        });
        match read {
            Ok(Read::Later) => return Look::Waits,
            Ok(Read::Datagram(bytes, from)) => {
                self.end(id, Status::Done, [bytes as u64, from.to_raw()]);
            }
            Ok(Read::Bytes(bytes)) => {
                let bytes = bytes as u64;
                self.end(id, Status::Done, Transferred { bytes, copied }.to_raw());
            }
            Ok(Read::End) => self.end(id, Status::Done, [0; 2]),
            Err(status) => self.end(id, status, [0; 2]),
        }
        Look::Ended
    }

    /// `moved` where the socket has something to send then.
    fn look_at_send(
        &mut self,
        handle: Handle,
        id: CallId,
        moved: &mut bool,
        actions: &mut impl Actions,
    ) -> Look {
        let (Some(stack), Some(parked)) = (&mut self.stack, self.calls.parked(id).copied()) else {
            return Look::Ended;
        };
        let (Some(blocks), Wait::Send(sending)) = (&parked.blocks, parked.wait) else {
            return Look::Ended;
        };
        let Sending {
            length,
            sent,
            mut copied,
            to,
        } = sending;
        let pool = pool_of(&mut self.clients, parked.client);
        let blocks = ClientBlocks { pool, blocks };
        let written = stack.write(handle, length - sent, to, |offset, bytes| {
            copied += blocks.read(sent + offset, bytes, actions);
        });
        match written {
            Ok(count) => {
                // A datagram may be empty.
                *moved |= count > 0 || length == 0;
                let sent = sent + count;
                if sent < length {
                    if let Some(parked) = self.calls.parked(id) {
                        parked.wait = Wait::Send(Sending {
                            sent,
                            copied,
                            ..sending
                        });
                    }
                    return Look::Waits;
                }
                let bytes = length as u64;
                self.end(id, Status::Done, Transferred { bytes, copied }.to_raw());
            }
            Err(status) => {
                let bytes = sent as u64;
                self.end(id, status, Transferred { bytes, copied }.to_raw());
            }
        }
        Look::Ended
    }
}

/// The pool that a client's blocks are in.
fn pool_of(clients: &mut Clients<Life>, client: usize) -> u32 {
    clients.get_mut(client).map_or(0, |client| client.pool())
}
