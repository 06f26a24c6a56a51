//! What a service acts on: its rings, and pools of blocks.

use alloc::boxed::Box;
use alloc::vec::Vec;

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::message::{Message, Payload};
use atoll_abi::syscall::Completion;
use atoll_call::Actions;
use atoll_channel::{Link, LinkError};

/// The pools of blocks that a service reads and writes itself. They are named by their indexes in the plan.
///
/// # Panics
/// All methods do where the service does not reach the pool, the pool has no such block, or the block has no such bytes.
pub trait Memory {
    /// Copies a block. A device or the pool's owner may write it meanwhile.
    fn read_block(&mut self, pool: u32, index: u32, into: &mut [u8; BLOCK_SIZE]);

    /// Writes a block.
    fn write_block(&mut self, pool: u32, index: u32, from: &[u8; BLOCK_SIZE]);

    /// Copies bytes of a block, from an offset on. A device or the pool's owner may write it meanwhile. Where nothing better is known,
    /// through a copy of the block.
    fn read_bytes(&mut self, pool: u32, index: u32, offset: usize, into: &mut [u8]) {
        let mut block = [0; BLOCK_SIZE];
        self.read_block(pool, index, &mut block);
        into.copy_from_slice(&block[offset..offset + into.len()]);
    }

    /// Writes bytes of a block, from an offset on. Where nothing better is known, through a copy of the block, by which the others become
    /// what they were just before.
    fn write_bytes(&mut self, pool: u32, index: u32, offset: usize, from: &[u8]) {
        let mut block = [0; BLOCK_SIZE];
        self.read_block(pool, index, &mut block);
        block[offset..offset + from.len()].copy_from_slice(from);
        self.write_block(pool, index, &block);
    }
}

/// The memory of a component that looks into no block.
pub struct NoMemory;

impl Memory for NoMemory {
    fn read_block(&mut self, pool: u32, _: u32, _: &mut [u8; BLOCK_SIZE]) {
        panic!("the component does not reach pool {pool}");
    }

    fn write_block(&mut self, pool: u32, _: u32, _: &[u8; BLOCK_SIZE]) {
        panic!("the component does not reach pool {pool}");
    }
}

/// What the service acts on.
pub(crate) struct Links<L, M> {
    pub(crate) clients: Box<[Client<L>]>,
    pub(crate) upstream: Option<Upstream<L>>,
    pub(crate) memory: M,
    /// Rings that are [`Connection::Broken`]: there is room for each one once.
    pub(crate) broken: Vec<usize>,
}

/// A client's ring, and how it is.
pub(crate) struct Client<L> {
    pub(crate) link: L,
    pub(crate) state: Connection,
}

/// How the connection to a client or to the upstream is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Connection {
    Open,
    /// The peer broke the ring, which the service has to be told.
    Broken,
    /// The peer broke the ring, and is to learn that it is closed when nothing of its calls is under way any more: it takes its
    /// blocks back then, into which a device writes until then.
    Closing,
    /// The peer broke the ring, and knows that it is closed.
    Closed,
    /// The peer is dead, or broke the ring, until it comes back.
    Lost,
}

/// The component that the service uses.
pub(crate) struct Upstream<L> {
    pub(crate) link: L,
    pub(crate) state: Connection,
    /// It broke the protocol, and may still write to the blocks that it has.
    pub(crate) faulty: bool,
}

impl<L: Link, M: Memory> Actions for Links<L, M> {
    fn complete(&mut self, ring: usize, completions: &[Completion]) {
        let Some(client) = self.clients.get_mut(ring) else {
            return;
        };
        if client.state != Connection::Open {
            return;
        }
        match client.link.send(Completion::as_messages(completions)) {
            Ok(sent) if sent == completions.len() => {}
            // There was room when the calls were taken.
            Ok(_) | Err(LinkError::Full | LinkError::Broken) => {
                client.state = Connection::Broken;
                self.broken.push(ring);
            }
        }
    }

    fn call(&mut self, calls: &[Message]) {
        let Some(upstream) = &mut self.upstream else {
            return;
        };
        if upstream.state == Connection::Open && upstream.link.send(calls) != Ok(calls.len()) {
            upstream.state = Connection::Broken;
        }
    }

    fn read_block(&mut self, pool: u32, index: u32, into: &mut [u8; BLOCK_SIZE]) {
        self.memory.read_block(pool, index, into);
    }

    fn write_block(&mut self, pool: u32, index: u32, from: &[u8; BLOCK_SIZE]) {
        self.memory.write_block(pool, index, from);
    }

    fn read_bytes(&mut self, pool: u32, index: u32, offset: usize, into: &mut [u8]) {
        self.memory.read_bytes(pool, index, offset, into);
    }

    fn write_bytes(&mut self, pool: u32, index: u32, offset: usize, from: &[u8]) {
        self.memory.write_bytes(pool, index, offset, from);
    }
}
