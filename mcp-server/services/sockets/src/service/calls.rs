//! The calls of clients: those that are answered at once, and what becomes of those that wait.

use atoll_abi::block::BlockList;
use atoll_abi::handle::Handle;
use atoll_abi::interface::{SocketsCall, request};
use atoll_abi::syscall::{Status, Syscall};
use atoll_call::{Actions, CallId};

use super::copy::ClientBlocks;
use super::waiting::Own;
use super::{Parked, SocketService, Wait};
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
    /// Takes a call. Its result, or `None` where it waits.
    ///
    /// # Errors
    /// The status that it ends with.
    pub(super) fn call(
        &mut self,
        ring: usize,
        client: usize,
        syscall: &Syscall,
        actions: &mut impl Actions,
    ) -> Result<Option<[u64; 2]>, Status> {
        let call = SocketsCall::decode(syscall)?;
        if let SocketsCall::DescribeHost(_) = call {
            return self.describe_host(ring, client, syscall);
        }
        let stack = match &mut self.stack {
            Some(stack) => stack,
            None if self.driver.is_lost() => return Err(Status::PeerLost),
            None => return Err(Status::Busy),
        };
        match call {
            SocketsCall::DescribeHost(_) => Err(Status::UnknownCall),
            SocketsCall::Listen(request::Listen { port, backlog }) => {
                let handle = stack.listen(port, backlog)?;
                self.waiting.open(handle, client);
                Ok(Some([handle.to_raw().into(), 0]))
            }
            SocketsCall::OpenDatagrams(request::OpenDatagrams { port }) => {
                let (handle, port) = stack.open_datagrams(port)?;
                self.waiting.open(handle, client);
                Ok(Some([handle.to_raw().into(), port.into()]))
            }
            SocketsCall::ConnectSocket(request::ConnectSocket { peer }) => {
                let handle = stack.connect(peer)?;
                self.waiting.open(handle, client);
                let parked = Parked {
                    client,
                    blocks: None,
                    wait: Wait::Connect,
                };
                match self.wait(ring, syscall, parked, handle, actions) {
                    Ok(()) => {
                        self.send(handle, actions);
                        Ok(None)
                    }
                    Err(status) => {
                        self.close(handle, true, actions);
                        Err(status)
                    }
                }
            }
            SocketsCall::Accept(request::Accept { socket }) => {
                let parked = Parked {
                    client,
                    blocks: None,
                    wait: Wait::Accept,
                };
                self.wait(ring, syscall, parked, socket, actions)?;
                Ok(None)
            }
            SocketsCall::ReceiveBytes(request::ReceiveBytes { socket, length }) => {
                let wait = Wait::Receive {
                    length: length as usize,
                };
                let blocks = self.blocks(client, syscall, length)?;
                self.wait_with_blocks(ring, syscall, client, blocks, wait, socket, actions)
            }
            SocketsCall::SendBytes(request::SendBytes { socket, length, to }) => {
                let wait = Wait::Send {
                    length: length as usize,
                    sent: 0,
                    to,
                };
                let own = self.waiting.of(socket, client).ok_or(Status::BadHandle)?;
                if own.shuts_down {
                    return Err(Status::NotConnected);
                }
                let blocks = self.blocks(client, syscall, length)?;
                self.wait_with_blocks(ring, syscall, client, blocks, wait, socket, actions)
            }
            SocketsCall::ShutDown(request::ShutDown { socket }) => {
                let own = self.waiting.of(socket, client).ok_or(Status::BadHandle)?;
                if !stack.is_connection(socket) {
                    return Err(Status::InvalidArgument);
                }
                own.shuts_down = true;
                self.settle(socket, actions);
                Ok(Some([0; 2]))
            }
            SocketsCall::CloseSocket(request::CloseSocket { socket }) => {
                self.waiting.of(socket, client).ok_or(Status::BadHandle)?;
                self.close(socket, false, actions);
                Ok(Some([0; 2]))
            }
            SocketsCall::SetSocketOption(request::SetSocketOption {
                socket,
                option,
                value,
            }) => {
                self.waiting.of(socket, client).ok_or(Status::BadHandle)?;
                stack.set_option(socket, option, value)?;
                Ok(Some([0; 2]))
            }
        }
    }

    fn describe_host(
        &mut self,
        ring: usize,
        client: usize,
        syscall: &Syscall,
    ) -> Result<Option<[u64; 2]>, Status> {
        if let Some(host) = self.stack.as_ref().and_then(Stack::host) {
            return Ok(Some(host.to_raw()));
        }
        let parked = Parked {
            client,
            blocks: None,
            wait: Wait::Host,
        };
        let id = self.calls.park(ring, syscall, parked);
        self.hosts.push_back(id.ok_or(Status::Busy)?);
        Ok(None)
    }

    /// The blocks of a call for so many bytes, which it has from now on.
    fn blocks(
        &mut self,
        client: usize,
        syscall: &Syscall,
        length: u32,
    ) -> Result<BlockList, Status> {
        let blocks = BlockList::from_call(syscall)?;
        if length as usize > blocks.bytes() || length == 0 {
            return Err(Status::InvalidArgument);
        }
        let own = self.clients.get_mut(client).ok_or(Status::NotAllowed)?;
        own.blocks().take(&blocks)?;
        Ok(blocks)
    }

    #[allow(clippy::too_many_arguments, reason = "a call, and what it waits for")]
    fn wait_with_blocks(
        &mut self,
        ring: usize,
        syscall: &Syscall,
        client: usize,
        blocks: BlockList,
        wait: Wait,
        socket: Handle,
        actions: &mut impl Actions,
    ) -> Result<Option<[u64; 2]>, Status> {
        let parked = Parked {
            client,
            blocks: Some(blocks),
            wait,
        };
        let waits = self.wait(ring, syscall, parked, socket, actions);
        if waits.is_err()
            && let Some(own) = self.clients.get_mut(client)
        {
            own.blocks().give_back(&blocks);
        }
        waits.map(|()| None)
    }

    /// Has a call wait for a socket of its client, behind those that do.
    fn wait(
        &mut self,
        ring: usize,
        syscall: &Syscall,
        parked: Parked,
        socket: Handle,
        actions: &mut impl Actions,
    ) -> Result<(), Status> {
        let own = self.waiting.of(socket, parked.client);
        let own = own.ok_or(Status::BadHandle)?;
        let id = self.calls.park(ring, syscall, parked).ok_or(Status::Busy)?;
        match parked.wait {
            Wait::Accept => own.accepts.push_back(id),
            Wait::Receive { .. } => own.receives.push_back(id),
            Wait::Send { .. } => own.sends.push_back(id),
            Wait::Connect => own.connect = Some(id),
            Wait::Host => self.hosts.push_back(id),
        }
        self.settle(socket, actions);
        Ok(())
    }

    /// Has a socket send what it has to send.
    fn send(&mut self, handle: Handle, actions: &mut impl Actions) {
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
                }),
            }
        }
        let mut moved = false;
        while let Some(id) = self.first(handle, |own| own.receives.front().copied()) {
            match self.look_at_receive(handle, id, actions) {
                Look::Waits => break,
                Look::Ended => self.pop(handle, |own| {
                    own.receives.pop_front();
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
                self.waiting.remove(handle);
                if let Some(stack) = &mut self.stack {
                    stack.forget(handle);
                }
            }
        }
        Look::Ended
    }

    fn look_at_accept(&mut self, handle: Handle, id: CallId) -> Look {
        let (Some(stack), Some(parked)) = (&mut self.stack, self.calls.parked(id).copied()) else {
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
        let pool = self
            .clients
            .get_mut(parked.client)
            .map_or(0, |it| it.pool());
        let blocks = ClientBlocks { pool, blocks };
        let read = stack.read(handle, length, |offset, bytes| {
            blocks.write(offset, bytes, actions);
        });
        match read {
            Ok(Read::Later) => return Look::Waits,
            Ok(Read::Bytes(count, from)) => {
                self.end(id, Status::Done, [count as u64, from.to_raw()]);
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
        let (Some(blocks), Wait::Send { length, sent, to }) = (&parked.blocks, parked.wait) else {
            return Look::Ended;
        };
        let pool = self
            .clients
            .get_mut(parked.client)
            .map_or(0, |it| it.pool());
        let blocks = ClientBlocks { pool, blocks };
        let written = stack.write(handle, length - sent, to, |offset, bytes| {
            blocks.read(sent + offset, bytes, actions);
        });
        match written {
            Ok(count) => {
                *moved |= count > 0;
                let sent = sent + count;
                if sent < length {
                    if let Some(parked) = self.calls.parked(id) {
                        parked.wait = Wait::Send { length, sent, to };
                    }
                    return Look::Waits;
                }
                self.end(id, Status::Done, [length as u64, 0]);
            }
            Err(status) => self.end(id, status, [sent as u64, 0]),
        }
        Look::Ended
    }
}
