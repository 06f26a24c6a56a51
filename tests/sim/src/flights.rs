//! The calls of honest processes that are in flight, as the rings show them, and the blocks that they have.

use std::collections::BTreeMap;

use atoll_abi::syscall::{Call, Completion, Syscall};

use crate::machine::POOL_BLOCKS;

/// A call that was sent.
#[derive(Clone, Copy, Debug)]
pub struct Flight {
    /// The generation of its channel.
    pub generation: u32,
    /// The block that it has.
    pub block: Option<u32>,
    /// The life of the file service at that time.
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

    /// A call was sent.
    ///
    /// # Errors
    /// One with its tag is in flight.
    pub fn sent(
        &mut self,
        window: usize,
        generation: u32,
        call: &Syscall,
        service_life: u32,
    ) -> Result<(), String> {
        let flight = Flight {
            generation,
            block: block_of(call),
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
        if first && flight.block.is_none_or(|block| block == completion.block) {
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

    /// The service has another life: what the one before had is in no flight any more.
    pub fn forget(&mut self, window: usize) {
        self.0[window].clear();
    }
}

/// The block that a call lends out.
pub fn block_of(call: &Syscall) -> Option<u32> {
    let lends = call.call == Call::Read as u16 && call.block < POOL_BLOCKS;
    lends.then_some(call.block)
}
