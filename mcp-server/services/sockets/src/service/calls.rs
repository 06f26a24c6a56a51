//! The calls of clients: those that are answered at once, and those that wait.

use alloc::collections::VecDeque;

use atoll_abi::block::{BLOCK_SIZE, BlockList};
use atoll_abi::handle::Handle;
use atoll_abi::interface::{SocketsCall, request};
use atoll_abi::syscall::{Status, Syscall};
use atoll_call::{Actions, CallId};

use super::waiting::Own;
use super::{Parked, Sending, SocketService, Wait};
use crate::stack::Stack;

/// A call, and who made it.
#[derive(Clone, Copy)]
pub(super) struct Caller<'a> {
    pub(super) ring: usize,
    pub(super) client: usize,
    pub(super) syscall: &'a Syscall,
}

impl SocketService {
    /// Takes a call. Its result, or `None` where it waits.
    ///
    /// # Errors
    /// The status that it ends with.
    pub(super) fn call(
        &mut self,
        caller: Caller<'_>,
        actions: &mut impl Actions,
    ) -> Result<Option<[u64; 2]>, Status> {
        let client = caller.client;
        match SocketsCall::decode(caller.syscall)? {
            SocketsCall::DescribeHost(_) => {
                if let Some(host) = self.stack.as_ref().and_then(Stack::host) {
                    return Ok(Some(host.to_raw()));
                }
                let id = self.park(caller, None, Wait::Host)?;
                self.hosts.push_back(id);
                Ok(None)
            }
            SocketsCall::Listen(request::Listen { port, backlog }) => {
                let handle = self.stack_for(client)?.listen(port, backlog)?;
                self.waiting.open(handle, client);
                Ok(Some([handle.to_raw().into(), 0]))
            }
            SocketsCall::OpenDatagrams(request::OpenDatagrams { port }) => {
                let (handle, port) = self.stack_for(client)?.open_datagrams(port)?;
                self.waiting.open(handle, client);
                Ok(Some([handle.to_raw().into(), port.into()]))
            }
            SocketsCall::ConnectSocket(request::ConnectSocket { peer }) => {
                let handle = self.stack_for(client)?.connect(peer)?;
                match self.park(caller, None, Wait::Connect) {
                    Ok(id) => {
                        self.waiting.open(handle, client).connect = Some(id);
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
                self.queue(caller, socket, None, Wait::Accept, accepts, actions)
            }
            SocketsCall::ReceiveBytes(request::ReceiveBytes { socket, length }) => {
                // An answer of no bytes says that the stream has ended.
                if length == 0 {
                    return Err(Status::InvalidArgument);
                }
                let wait = Wait::Receive {
                    length: length as usize,
                };
                self.queue(caller, socket, Some(length), wait, receives, actions)
            }
            SocketsCall::SendBytes(request::SendBytes { socket, length, to }) => {
                let wait = Wait::Send(Sending {
                    length: length as usize,
                    sent: 0,
                    copied: 0,
                    to,
                });
                if self.own(socket, client)?.shuts_down {
                    return Err(Status::NotConnected);
                }
                self.queue(caller, socket, Some(length), wait, sends, actions)
            }
            SocketsCall::AwaitSockets(_) => {
                if BlockList::from_call(caller.syscall)?.pages() != 1 {
                    return Err(Status::InvalidArgument);
                }
                let blocks = self.blocks(caller, BLOCK_SIZE as u32)?;
                let id = self.park(caller, Some(blocks), Wait::Any)?;
                self.waiting.of_client(client).calls.push_back(id);
                Ok(None)
            }
            SocketsCall::ShutDown(request::ShutDown { socket }) => {
                let is_connection = self.stack()?.is_connection(socket);
                let own = self.own(socket, client)?;
                if !is_connection {
                    return Err(Status::InvalidArgument);
                }
                own.shuts_down = true;
                self.settle(socket, actions);
                Ok(Some([0; 2]))
            }
            SocketsCall::CloseSocket(request::CloseSocket { socket }) => {
                self.own(socket, client)?;
                self.close(socket, false, actions);
                self.accept_more(client, actions);
                Ok(Some([0; 2]))
            }
            SocketsCall::SetSocketOption(request::SetSocketOption {
                socket,
                option,
                value,
            }) => {
                self.own(socket, client)?;
                self.stack()?.set_option(socket, option, value)?;
                // What it has to do by the new option begins now.
                self.send(socket, actions);
                Ok(Some([0; 2]))
            }
        }
    }

    /// The sockets.
    ///
    /// # Errors
    /// They are not there yet: the driver has not said what its device is.
    fn stack(&mut self) -> Result<&mut Stack, Status> {
        match &mut self.stack {
            Some(stack) => Ok(stack),
            None if self.driver.is_lost() => Err(Status::PeerLost),
            None => Err(Status::Busy),
        }
    }

    /// As [`SocketService::stack`], for a client that wants one socket more.
    ///
    /// # Errors
    /// [`Status::Busy`] also where it has its share of sockets.
    fn stack_for(&mut self, client: usize) -> Result<&mut Stack, Status> {
        match self.has_its_share(client) {
            true => Err(Status::Busy),
            false => self.stack(),
        }
    }

    /// A socket of a client.
    fn own(&mut self, socket: Handle, client: usize) -> Result<&mut Own, Status> {
        let own = self.waiting.of(socket, client);
        own.ok_or(Status::BadHandle)
    }

    /// The blocks of a call for so many bytes, which it has from now on.
    fn blocks(&mut self, caller: Caller<'_>, length: u32) -> Result<BlockList, Status> {
        let blocks = BlockList::from_call(caller.syscall)?;
        if length as usize > blocks.bytes() {
            return Err(Status::InvalidArgument);
        }
        let own = self.clients.get_mut(caller.client);
        own.ok_or(Status::NotAllowed)?.blocks().take(&blocks)?;
        Ok(blocks)
    }

    /// Parks a call with its blocks. Who parks it puts it where it waits.
    ///
    /// # Errors
    /// [`Status::Busy`] where there are too many; the blocks are given back.
    fn park(
        &mut self,
        caller: Caller<'_>,
        blocks: Option<BlockList>,
        wait: Wait,
    ) -> Result<CallId, Status> {
        let client = caller.client;
        let parked = Parked {
            client,
            blocks,
            wait,
        };
        let id = self.calls.park(caller.ring, caller.syscall, parked);
        if let (None, Some(blocks)) = (id, &blocks) {
            self.give_back(client, blocks);
        }
        id.ok_or(Status::Busy)
    }

    /// Has a call wait for a socket of its client, behind those that wait for the same; with blocks for so many bytes, where it has any.
    fn queue(
        &mut self,
        caller: Caller<'_>,
        socket: Handle,
        length: Option<u32>,
        wait: Wait,
        queue: fn(&mut Own) -> &mut VecDeque<CallId>,
        actions: &mut impl Actions,
    ) -> Result<Option<[u64; 2]>, Status> {
        self.own(socket, caller.client)?;
        let blocks = length.map(|length| self.blocks(caller, length));
        let id = self.park(caller, blocks.transpose()?, wait)?;
        queue(self.own(socket, caller.client)?).push_back(id);
        self.settle(socket, actions);
        Ok(None)
    }

    /// A client has a socket less, and so may have another one that waits to be accepted.
    fn accept_more(&mut self, client: usize, actions: &mut impl Actions) {
        for handle in self.waiting.that_accept(client) {
            self.settle(handle, actions);
        }
    }
}

fn accepts(own: &mut Own) -> &mut VecDeque<CallId> {
    &mut own.accepts
}

fn receives(own: &mut Own) -> &mut VecDeque<CallId> {
    &mut own.receives
}

fn sends(own: &mut Own) -> &mut VecDeque<CallId> {
    &mut own.sends
}
