//! The personality's world on threads of the host.

use std::time::Instant;

use atoll_abi::block::{BLOCK_SIZE, BlockReply, BlockRequest};
use atoll_abi::message::{Message, Payload};
use atoll_abi::syscall::{Completion, Syscall};
use atoll_channel::{CAPACITY, SendError};
use atoll_core::{Environment, PeerFault, SendRefused};

use crate::bell::Bell;
use crate::memory::End;

/// One side of a channel, and the bell of whoever is on the other.
pub struct Link {
    pub end: End,
    pub peer: Bell,
}

impl Link {
    fn receive<T: Payload>(&mut self, into: &mut [T]) -> Result<usize, PeerFault> {
        let receiver = &mut self.end.endpoint.receiver;
        receiver
            .receive_batch(T::as_messages_mut(into))
            .map_err(|_| PeerFault)
    }

    fn send<T: Payload>(&mut self, batch: &[T]) -> Result<usize, SendRefused> {
        let sender = &mut self.end.endpoint.sender;
        match sender.send_batch(T::as_messages(batch)) {
            Ok((sent, wake)) => {
                if wake.needed() {
                    sender.note_doorbell();
                    self.peer.ring();
                }
                Ok(sent)
            }
            Err(SendError::Full) => Err(SendRefused::Full),
            Err(SendError::Peer(_)) => Err(SendRefused::Closed),
        }
    }
}

/// The world of one cluster.
pub struct World {
    pub began: Instant,
    /// By process and vcore, the rings of this cluster's processes.
    pub vcores: Vec<Vec<Option<Link>>>,
    /// By channel.
    pub channels: Vec<Option<Link>>,
    pub driver: Option<Link>,
    pub header: [u8; BLOCK_SIZE],
    /// What the processes printed, with the number of each.
    pub lines: Vec<(usize, String)>,
    /// The processes that ended, with their statuses.
    pub ended: Vec<(usize, u64)>,
}

impl World {
    /// Every ring.
    pub fn links(&mut self) -> impl Iterator<Item = &mut Link> {
        let vcores = self.vcores.iter_mut().flatten().flatten();
        vcores
            .chain(self.channels.iter_mut().flatten())
            .chain(self.driver.as_mut())
    }

    fn vcore(&mut self, process: usize, vcore: usize) -> Option<&mut Link> {
        self.vcores.get_mut(process)?.get_mut(vcore)?.as_mut()
    }
}

impl Environment for World {
    fn now(&mut self) -> u64 {
        self.began.elapsed().as_nanos() as u64
    }

    fn receive_syscalls(
        &mut self,
        process: usize,
        vcore: usize,
        into: &mut [Syscall],
    ) -> Result<usize, PeerFault> {
        self.vcore(process, vcore)
            .map_or(Ok(0), |link| link.receive(into))
    }

    fn complete(
        &mut self,
        process: usize,
        vcore: usize,
        completions: &[Completion],
    ) -> Result<usize, SendRefused> {
        self.vcore(process, vcore)
            .map_or(Err(SendRefused::Closed), |link| link.send(completions))
    }

    fn unread(&mut self, process: usize, vcore: usize) -> usize {
        let free = self
            .vcore(process, vcore)
            .map(|link| link.end.endpoint.sender.free());
        CAPACITY - free.and_then(Result::ok).unwrap_or(0)
    }

    fn receive_channel(
        &mut self,
        channel: usize,
        into: &mut [Message],
    ) -> Result<usize, PeerFault> {
        match self.channels.get_mut(channel) {
            Some(Some(link)) => {
                let receiver = &mut link.end.endpoint.receiver;
                receiver.receive_batch(into).map_err(|_| PeerFault)
            }
            _ => Ok(0),
        }
    }

    fn send_channel(&mut self, channel: usize, messages: &[Message]) -> Result<usize, SendRefused> {
        match self.channels.get_mut(channel) {
            Some(Some(link)) => {
                let sender = &mut link.end.endpoint.sender;
                let (sent, wake) = sender.send_batch(messages).map_err(|error| match error {
                    SendError::Full => SendRefused::Full,
                    SendError::Peer(_) => SendRefused::Closed,
                })?;
                if wake.needed() {
                    sender.note_doorbell();
                    link.peer.ring();
                }
                Ok(sent)
            }
            _ => Err(SendRefused::Closed),
        }
    }

    fn receive_replies(&mut self, into: &mut [BlockReply]) -> Result<usize, PeerFault> {
        self.driver
            .as_mut()
            .map_or(Ok(0), |link| link.receive(into))
    }

    fn send_requests(&mut self, requests: &[BlockRequest]) -> Result<usize, SendRefused> {
        self.driver
            .as_mut()
            .map_or(Err(SendRefused::Closed), |link| link.send(requests))
    }

    // A vcore is a thread of the host: it begins when its test wants it to, and nobody can stop it.
    fn start_vcore(&mut self, _process: usize, _vcore: usize) {}

    fn stop_vcore(&mut self, _process: usize, _vcore: usize) {}

    fn publish_granted(&mut self, _process: usize, _granted: u64) {}

    fn print_line(&mut self, process: usize, line: &str) {
        self.lines.push((process, line.to_owned()));
    }

    fn process_ended(&mut self, process: usize, status: u64, _max_granted: u32) {
        self.ended.push((process, status));
    }

    fn server_block(&mut self, _index: usize, into: &mut [u8; BLOCK_SIZE]) {
        *into = self.header;
    }
}
