//! The calls of clients: those that are answered at once, and those that wait.

use atoll_abi::block::{BLOCK_SIZE, BlockList};
use atoll_abi::handle::Handle;
use atoll_abi::interface::{SocketsCall, request};
use atoll_abi::syscall::{Status, Syscall};
use atoll_call::Actions;

use super::{Parked, SocketService, Wait};
use crate::stack::Stack;

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
                // An answer of no bytes says that the stream has ended.
                if length == 0 {
                    return Err(Status::InvalidArgument);
                }
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
            SocketsCall::AwaitSockets(_) => {
                if BlockList::from_call(syscall)?.pages() != 1 {
                    return Err(Status::InvalidArgument);
                }
                let blocks = self.blocks(client, syscall, BLOCK_SIZE as u32)?;
                let parked = Parked {
                    client,
                    blocks: Some(blocks),
                    wait: Wait::Any,
                };
                let id = self.calls.park(ring, syscall, parked);
                match id {
                    Some(id) => self.waiting.reports(client).calls.push_back(id),
                    None => {
                        self.give_back(client, &blocks);
                        return Err(Status::Busy);
                    }
                }
                Ok(None)
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
                // What it has to do by the new option begins now.
                self.send(socket, actions);
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
        if length as usize > blocks.bytes() {
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
        if waits.is_err() {
            self.give_back(client, &blocks);
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
            Wait::Any => self.waiting.reports(parked.client).calls.push_back(id),
        }
        self.settle(socket, actions);
        Ok(())
    }
}
