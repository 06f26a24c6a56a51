//! A partition that a service of a test has: in memory, with errors where the test wants them.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};

use atoll_abi::block::{BLOCK_SIZE, BlockList};
use atoll_abi::disk::Properties;
use atoll_abi::syscall::{Call, Status, Syscall};

use super::Memory;
use super::server::Server;

/// A call that was served, or failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Served {
    Read(Range<u64>),
    Write(Range<u64>),
    Flush,
}

/// The partition, and what a test knows of it and wants of it.
pub struct State {
    /// What is on it, flushed or not.
    pub blocks: Vec<[u8; BLOCK_SIZE]>,
    /// What is on stable storage.
    pub stable: Vec<[u8; BLOCK_SIZE]>,
    pub read_only: bool,
    /// Transfers of these blocks fail.
    pub bad: BTreeSet<u64>,
    /// The next flushes fail, so many of them, and drop what was not flushed.
    pub bad_flushes: usize,
    /// The service breaks the ring of completions in place of its next answer to a transfer.
    pub corrupts: bool,
    /// Every transfer and flush, in the order in which they were served.
    pub served: Vec<Served>,
}

#[derive(Clone)]
pub struct Partition(Arc<Mutex<State>>);

impl Partition {
    /// A partition of so many blocks, each of which begins with its number.
    pub fn new(blocks: u64) -> Partition {
        let block = |number: u64| {
            let mut bytes = [0; BLOCK_SIZE];
            bytes[..8].copy_from_slice(&number.to_le_bytes());
            bytes
        };
        let blocks: Vec<_> = (0..blocks).map(block).collect();
        Partition(Arc::new(Mutex::new(State {
            stable: blocks.clone(),
            blocks,
            read_only: false,
            bad: BTreeSet::new(),
            bad_flushes: 0,
            corrupts: false,
            served: Vec::new(),
        })))
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// What was served since this was asked for last.
    pub fn served(&self) -> Vec<Served> {
        std::mem::take(&mut self.state().served)
    }

    /// Serves a call with blocks of a pool.
    pub fn serve(&self, pool: &Memory, call: Call, syscall: &Syscall) -> (Status, [u64; 2]) {
        let state = &mut *self.state();
        match call {
            Call::DescribeBlocks => {
                let properties = Properties {
                    block_size: 512,
                    read_only: state.read_only,
                    caches: true,
                };
                let blocks = state.blocks.len() as u64;
                (Status::Done, [blocks, properties.to_raw()])
            }
            Call::ReadBlocks | Call::WriteBlocks => state.transfer(pool, call, syscall),
            Call::FlushBlocks => {
                state.served.push(Served::Flush);
                if state.bad_flushes > 0 {
                    state.bad_flushes -= 1;
                    state.blocks.clone_from(&state.stable);
                    return (Status::DeviceError, [0; 2]);
                }
                state.stable.clone_from(&state.blocks);
                (Status::Done, [0; 2])
            }
            _ => (Status::NotAllowed, [0; 2]),
        }
    }
}

impl State {
    fn transfer(&mut self, pool: &Memory, call: Call, syscall: &Syscall) -> (Status, [u64; 2]) {
        let list = BlockList::from_call(syscall).unwrap();
        let first = syscall.arguments[0];
        let blocks = first..first + list.pages() as u64;
        assert!(blocks.end <= self.blocks.len() as u64, "nobody checked");
        let reads = call == Call::ReadBlocks;
        self.served.push(match reads {
            true => Served::Read(blocks.clone()),
            false => Served::Write(blocks.clone()),
        });
        if blocks.clone().any(|block| self.bad.contains(&block)) {
            return (Status::DeviceError, [0; 2]);
        }
        for (number, index) in blocks.clone().zip(list.ranges().flatten()) {
            let own = &mut self.blocks[number as usize];
            // SAFETY: the block exists, and the process gave it to this call.
            unsafe {
                let block = pool.0.add(index as usize * BLOCK_SIZE);
                match reads {
                    true => block.copy_from_nonoverlapping(own.as_ptr(), BLOCK_SIZE),
                    false => own.as_mut_ptr().copy_from_nonoverlapping(block, BLOCK_SIZE),
                }
            }
        }
        (Status::Done, [blocks.end - blocks.start, 0])
    }
}

impl Server {
    /// Whether a test wants the partition's service to break its ring.
    pub fn corrupts(&self) -> bool {
        let partition = self.partition.as_ref();
        partition.is_some_and(|partition| partition.state().corrupts)
    }

    /// A call has blocks, which no other one has.
    pub fn note_blocks(&mut self, syscall: &Syscall) {
        let list = BlockList::from_call(syscall).unwrap();
        let pages: Vec<u32> = list.ranges().flatten().collect();
        for page in &pages {
            assert!(*page < self.blocks);
            let twice = self.busy.values().flatten().any(|busy| busy == page);
            assert!(!twice, "a block was handed out twice");
        }
        self.busy.insert(syscall.block, pages);
    }
}
