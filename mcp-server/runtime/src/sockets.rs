//! Sockets: connections of TCP and datagrams of UDP.
#![deny(unsafe_code)]

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::handle::Handle;
use atoll_abi::interface::{Request as _, request};
use atoll_abi::plan::ServiceKind;
use atoll_abi::socket::{HostAddress, Ready, SocketAddress, SocketOption};
use atoll_abi::syscall::{Status, Syscall};
use atoll_call::Answer;
use zerocopy::FromBytes as _;

use crate::block::{Block, Blocks, size_of};
use crate::files::{ReadError, Reading};
use crate::lending::Lending;
use crate::reply::{Reply, Submission};
use crate::runtime::Runtime;
use crate::target::{Connection, Target};
use crate::transfer::Transfer;

/// A network that the process is connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    port: Option<usize>,
}

/// Names a socket of the process, as long as that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId(u32);

impl SocketId {
    /// As a number, which no other open socket of the service has.
    pub fn number(self) -> u32 {
        self.0
    }
}

/// A socket, and the connection to the service that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Socket {
    handle: Handle,
    connection: Connection,
}

impl Network {
    /// The first network that the process is connected to. Where there is none, every call ends with [`Status::NoService`].
    pub fn first() -> Network {
        Network::of_port(Runtime::current().port_of_kind(ServiceKind::Sockets))
    }

    pub(crate) fn of_port(port: Option<usize>) -> Network {
        Network { port }
    }

    fn submit(&self, syscall: Syscall) -> Submission {
        match self.port {
            Some(port) => Submission::new(Target::port(port), syscall),
            None => Submission::refused(Status::NoService),
        }
    }

    /// Asks where the host is; waits until it knows.
    pub fn address(&self) -> Reply<HostAddress> {
        let submission = self.submit(request::DescribeHost {}.encode());
        Reply::new(submission, |answer, _| HostAddress::from_raw(answer.result))
    }

    /// Opens a socket at which connections come in at a port, of which so many may wait to be accepted.
    pub fn listen(&self, port: u16, backlog: u32) -> Reply<Listener> {
        let submission = self.submit(request::Listen { port, backlog }.encode());
        Reply::new(submission, |answer, connection| {
            Socket::opened(answer.result, connection).map(Listener)
        })
    }

    /// Connects to a peer.
    pub fn connect(&self, peer: SocketAddress) -> Reply<Stream> {
        let submission = self.submit(request::ConnectSocket { peer }.encode());
        Reply::new(submission, |answer, connection| {
            Stream::opened(answer.result, connection)
        })
    }

    /// Opens a socket for datagrams at a port; at a free one, where that is 0.
    pub fn datagrams(&self, port: u16) -> Reply<Datagrams> {
        let submission = self.submit(request::OpenDatagrams { port }.encode());
        Reply::new(submission, |answer, connection| {
            Ok(Datagrams {
                socket: Socket::opened(answer.result, connection)?,
                port: u16::try_from(answer.result[1]).map_err(|_| Status::Malformed)?,
            })
        })
    }

    /// Waits for any of the process's sockets at which connections have come in or something can be received; which ones is in the
    /// block then: see [`SocketId::all_in`]. A socket is told once, and again when there is something after the next answer to an
    /// [`accept`](Listener::accept) or [`receive`](Stream::receive) of it.
    pub fn ready(&self, block: Block) -> Reading {
        await_sockets(block, |syscall| self.submit(syscall))
    }
}

fn await_sockets(block: Block, submit: impl FnOnce(Syscall) -> Submission) -> Reading {
    let syscall = block.list().into_call(request::AwaitSockets {}.encode());
    let lent = block.lend();
    Reading::new(Lending::new(submit(syscall), Some(lent)), BLOCK_SIZE)
}

impl SocketId {
    /// Those that a [`Network::ready`] told.
    pub fn all_in(block: &Block) -> impl Iterator<Item = SocketId> + '_ {
        let entries = block.bytes().chunks_exact(size_of_entry());
        let entries = entries.filter_map(|bytes| Ready::read_from_bytes(bytes).ok());
        entries.filter_map(|entry| entry.socket().map(|it| SocketId(it.to_raw())))
    }
}

const fn size_of_entry() -> usize {
    core::mem::size_of::<Ready>()
}

impl Socket {
    /// The socket that a call gave on a connection.
    fn opened(result: [u64; 2], connection: Connection) -> Result<Socket, Status> {
        let raw = u32::try_from(result[0]).ok();
        let handle = raw.and_then(Handle::from_raw).ok_or(Status::Malformed)?;
        Ok(Socket { handle, connection })
    }

    fn id(&self) -> SocketId {
        SocketId(self.handle.to_raw())
    }

    fn submit(&self, syscall: Syscall) -> Submission {
        Submission::new(self.connection.into(), syscall)
    }

    fn done(&self, syscall: Syscall) -> Reply<()> {
        Reply::new(self.submit(syscall), |_, _| Ok(()))
    }

    fn close(&self) -> Reply<()> {
        let socket = self.handle;
        self.done(request::CloseSocket { socket }.encode())
    }

    fn set(&self, option: SocketOption, value: u64) -> Reply<()> {
        let socket = self.handle;
        let set = request::SetSocketOption {
            socket,
            option,
            value,
        };
        self.done(set.encode())
    }

    /// A call with one block, of which so many bytes are meant.
    fn receive(&self, block: Block) -> (Lending, usize) {
        let length = block.size();
        let receive = request::ReceiveBytes {
            socket: self.handle,
            length: length as u32,
        };
        let syscall = block.list().into_call(receive.encode());
        let lent = block.lend();
        (Lending::new(self.submit(syscall), Some(lent)), length)
    }

    fn send(&self, length: usize, from: Blocks, to: SocketAddress) -> Transfer {
        let length = length.min(size_of(&from));
        let send = request::SendBytes {
            socket: self.handle,
            length: length as u32,
            to,
        };
        Transfer::begin(self.connection, send.encode(), length, from)
    }
}

/// A socket at which connections come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listener(Socket);

impl Listener {
    /// Its name.
    pub fn id(&self) -> SocketId {
        self.0.id()
    }

    /// As [`Network::ready`], as long as the service lives that has this socket: a next life of it knows none of the process's sockets, and
    /// would be waited for in vain. Then it ends with [`Status::BadHandle`].
    pub fn ready(&self, block: Block) -> Reading {
        await_sockets(block, |syscall| self.0.submit(syscall))
    }

    /// Waits for the next connection that comes in.
    pub fn accept(&self) -> Reply<Stream> {
        let socket = self.0.handle;
        let submission = self.0.submit(request::Accept { socket }.encode());
        Reply::new(submission, |answer, connection| {
            Stream::opened(answer.result, connection)
        })
    }

    /// Sets an option of the connections that come in from now on.
    pub fn set(&self, option: SocketOption, value: u64) -> Reply<()> {
        self.0.set(option, value)
    }

    /// Closes it. Connections that nobody has accepted are reset.
    pub fn close(self) -> Reply<()> {
        self.0.close()
    }
}

/// A connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream(Socket);

impl Stream {
    /// The connection that a call gave.
    pub(crate) fn opened(result: [u64; 2], connection: Connection) -> Result<Stream, Status> {
        Socket::opened(result, connection).map(Stream)
    }

    /// Its name.
    pub fn id(&self) -> SocketId {
        self.0.id()
    }

    /// Receives what there is, or waits for it, into a block, as much as that holds. [`Block::bytes`] is nothing at the end of the stream.
    pub fn receive(&self, into: Block) -> Reading {
        let (call, length) = self.0.receive(into);
        Reading::new(call, length)
    }

    /// As [`Stream::receive`], into blocks: at least one, at most [`MAX_CALL_BLOCKS`](atoll_abi::block::MAX_CALL_BLOCKS), of one order.
    pub fn receive_blocks(&self, into: Blocks) -> Transfer {
        self.receive_at_most(usize::MAX, into)
    }

    /// As [`Stream::receive_blocks`], at most so many bytes, and at least one: what follows is for the next call.
    pub fn receive_at_most(&self, most: usize, into: Blocks) -> Transfer {
        let length = size_of(&into).min(most);
        let receive = request::ReceiveBytes {
            socket: self.0.handle,
            length: length as u32,
        };
        Transfer::begin(self.0.connection, receive.encode(), length, into)
    }

    /// Sends `length` bytes, at most what the blocks hold, from blocks. They come back when all of it is on its way; what is sent on a
    /// connection goes in the order of the calls.
    pub fn send(&self, length: usize, from: Blocks) -> Transfer {
        self.0.send(length, from, SocketAddress::NONE)
    }

    /// Says to the peer that nothing more is sent.
    pub fn shut_down(&self) -> Reply<()> {
        let socket = self.0.handle;
        self.0.done(request::ShutDown { socket }.encode())
    }

    /// Sets an option.
    pub fn set(&self, option: SocketOption, value: u64) -> Reply<()> {
        self.0.set(option, value)
    }

    /// Closes it. What was sent is still delivered.
    pub fn close(self) -> Reply<()> {
        self.0.close()
    }
}

/// A socket for datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagrams {
    socket: Socket,
    port: u16,
}

impl Datagrams {
    /// Its name.
    pub fn id(&self) -> SocketId {
        self.socket.id()
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Waits for a datagram, and receives it into a block. What the block does not hold of it is lost.
    pub fn receive(&self, into: Block) -> Datagram {
        let (call, length) = self.socket.receive(into);
        Datagram { call, length }
    }

    /// Sends a datagram of `length` bytes from blocks.
    pub fn send(&self, to: SocketAddress, length: usize, from: Blocks) -> Transfer {
        self.socket.send(length, from, to)
    }

    /// Closes it.
    pub fn close(self) -> Reply<()> {
        self.socket.close()
    }
}

/// A datagram to come. Dropped before its completion, its block goes back to the pool at the completion.
#[must_use = "a datagram that is dropped was received in vain"]
pub struct Datagram {
    call: Lending,
    length: usize,
}

impl Datagram {
    /// Waits for it on the calling uthread: its bytes, and where it is from.
    ///
    /// # Errors
    /// Where none could be received.
    ///
    /// # Panics
    /// Where the caller is not a uthread.
    pub fn wait(mut self) -> Result<(Block, SocketAddress), ReadError> {
        let answer = self.call.wait();
        self.finish(answer)
    }

    /// Cancels the call: see [`Reply::cancel`].
    pub fn cancel(&self) -> Reply<bool> {
        self.call.cancel()
    }

    fn finish(&mut self, answer: Answer) -> Result<(Block, SocketAddress), ReadError> {
        let (status, block) = match self.call.take_lent() {
            Some(lent) => lent.read_done(answer, self.length),
            // It was polled after its end.
            None => (Status::Malformed, None),
        };
        match (status, block, SocketAddress::from_raw(answer.result[1])) {
            (Status::Done, Some(block), Ok(from)) => Ok((block, from)),
            (Status::Done, block, _) => Err(ReadError {
                status: Status::Malformed,
                block,
            }),
            (status, block, _) => Err(ReadError { status, block }),
        }
    }
}

impl Future for Datagram {
    type Output = Result<(Block, SocketAddress), ReadError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = ready!(self.call.poll(context));
        Poll::Ready(self.finish(answer))
    }
}
