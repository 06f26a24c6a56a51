//! The calls of honest processes that are in flight, as the rings show them, and the blocks that they have.

use std::collections::BTreeMap;

use atoll_abi::block::BlockList;
use atoll_abi::interface::BlockUse;
use atoll_abi::syscall::{Call, Completion, Syscall};

use crate::machine::POOL_BLOCKS;

/// A call that was sent.
#[derive(Clone, Debug)]
pub struct Flight {
    /// The generation of its channel.
    pub generation: u32,
    /// The blocks that it has.
    pub blocks: Vec<u32>,
    /// A device writes them; otherwise it reads them.
    pub written: bool,
    /// The life of its process.
    life: u32,
    /// The life of the service at that time.
    pub service_life: u32,
    /// It was answered without the block, which stays where it is.
    answered: bool,
}

/// Calls in flight, by window and tag.
#[derive(Default)]
pub struct Flights(Vec<BTreeMap<(u32, u64), Flight>>);

impl Flights {
    /// Those of so many windows.
    pub fn new(windows: usize) -> Flights {
        Flights(vec![BTreeMap::new(); windows])
    }

    /// A call was sent, in a life of its process and of its service.
    ///
    /// # Errors
    /// One with its tag is in flight.
    pub fn sent(
        &mut self,
        window: usize,
        generation: u32,
        call: &Syscall,
        [life, service_life]: [u32; 2],
    ) -> Result<(), String> {
        let flight = Flight {
            generation,
            blocks: blocks_of(call),
            written: is_written(call),
            life,
            service_life,
            answered: false,
        };
        let before = self.0[window].insert((generation, call.tag), flight);
        match before {
            None => Ok(()),
            Some(_) => Err(format!("exactly once: two calls have the tag of {call:?}")),
        }
    }

    /// A call was answered; whether it was in flight.
    pub fn answered(&mut self, window: usize, generation: u32, completion: &Completion) -> bool {
        let key = (generation, completion.tag);
        let Some(flight) = self.0[window].get_mut(&key) else {
            return false;
        };
        let first = !std::mem::replace(&mut flight.answered, true);
        let block = flight.blocks.first();
        if first && block.is_none_or(|block| *block == completion.block) {
            self.0[window].remove(&key);
        }
        first
    }

    /// The calls of a window.
    pub fn of(&self, window: usize) -> impl Iterator<Item = &Flight> {
        self.0[window].values()
    }

    /// How many calls of a window are not answered.
    pub fn count(&self, window: usize) -> usize {
        self.of(window).filter(|flight| !flight.answered).count()
    }

    /// The process of a window has another life, which has its blocks: none is in a flight of the lives before.
    pub fn forget_before(&mut self, window: usize, life: u32) {
        self.0[window].retain(|_, flight| flight.life >= life);
    }

    /// The service has another life: what the one before had is in no flight any more.
    pub fn forget(&mut self, window: usize) {
        self.0[window].clear();
    }
}

/// The pages that a call lends out.
pub fn blocks_of(call: &Syscall) -> Vec<u32> {
    let lends = Call::from_raw(call.call).is_some_and(|call| call.block_use() != BlockUse::None);
    let list = BlockList::from_call(call).ok().filter(|_| lends);
    let list = list.filter(|list| list.ranges().all(|pages| pages.end <= POOL_BLOCKS));
    list.map_or(Vec::new(), |list| list.pages_in(0..list.pages()).collect())
}

/// Whether a device or a service writes the blocks that a call lends out.
pub fn is_written(call: &Syscall) -> bool {
    Call::from_raw(call.call).is_some_and(|call| call.block_use() == BlockUse::Written)
}
