//! What a service does, recorded.

use std::collections::{BTreeMap, VecDeque};

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::message::{Message, Payload};
use atoll_abi::syscall::{Completion, Syscall};
use atoll_call::Actions;
use atoll_service::Memory;

/// The actions of a service whose clients have `RINGS` rings.
pub struct Recorded<const RINGS: usize> {
    /// What was answered, by ring.
    pub answers: [VecDeque<Completion>; RINGS],
    /// Calls to the upstream that it has not answered.
    pub driver: VecDeque<Syscall>,
    /// What blocks hold, by pool and index: those that a test has filled, and those that the service wrote.
    pub blocks: BTreeMap<(u32, u32), [u8; BLOCK_SIZE]>,
}

impl<const RINGS: usize> Default for Recorded<RINGS> {
    fn default() -> Self {
        Recorded {
            answers: [const { VecDeque::new() }; RINGS],
            driver: VecDeque::new(),
            blocks: BTreeMap::new(),
        }
    }
}

impl<const RINGS: usize> Actions for Recorded<RINGS> {
    fn complete(&mut self, ring: usize, completions: &[Completion]) {
        self.answers[ring].extend(completions);
    }

    fn call(&mut self, calls: &[Message]) {
        self.driver.extend(calls.iter().map(Syscall::from_message));
    }

    fn read_block(&mut self, pool: u32, index: u32, into: &mut [u8; BLOCK_SIZE]) {
        let block = self.blocks.get(&(pool, index));
        *into = *block.unwrap_or_else(|| panic!("nothing is in block {index} of pool {pool}"));
    }

    fn write_block(&mut self, pool: u32, index: u32, from: &[u8; BLOCK_SIZE]) {
        self.blocks.insert((pool, index), *from);
    }

    fn write_bytes(&mut self, pool: u32, index: u32, offset: usize, from: &[u8]) {
        let block = self.blocks.entry((pool, index)).or_insert([0; BLOCK_SIZE]);
        block[offset..offset + from.len()].copy_from_slice(from);
    }
}

/// What a device reads and writes: a block that was never filled holds zeroes.
impl<const RINGS: usize> Memory for Recorded<RINGS> {
    fn read_block(&mut self, pool: u32, index: u32, into: &mut [u8; BLOCK_SIZE]) {
        let block = self.blocks.get(&(pool, index));
        *into = block.copied().unwrap_or([0; BLOCK_SIZE]);
    }

    fn write_block(&mut self, pool: u32, index: u32, from: &[u8; BLOCK_SIZE]) {
        self.blocks.insert((pool, index), *from);
    }
}
