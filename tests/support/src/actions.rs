//! What a service does, recorded.

use std::collections::VecDeque;

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::message::{Message, Payload};
use atoll_abi::syscall::{Completion, Syscall};
use atoll_call::Actions;

/// The actions of a service whose clients have `RINGS` rings.
pub struct Recorded<const RINGS: usize> {
    /// What was answered, by ring.
    pub answers: [VecDeque<Completion>; RINGS],
    /// Calls to the upstream that it has not answered.
    pub driver: VecDeque<Syscall>,
    /// What each block of the service's own pool holds; `None` where the service looks into no block.
    pub block: Option<[u8; BLOCK_SIZE]>,
}

impl<const RINGS: usize> Default for Recorded<RINGS> {
    fn default() -> Self {
        Recorded {
            answers: [const { VecDeque::new() }; RINGS],
            driver: VecDeque::new(),
            block: None,
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

    fn read_block(&mut self, index: u32, into: &mut [u8; BLOCK_SIZE]) {
        assert_eq!(index, 0, "the service has one block that it reads");
        *into = self.block.expect("the service looks into a block");
    }
}
