//! How many slots are filled on the way to pages of memory that belongs to no instance.

use std::collections::BTreeSet;

use atoll_abi::layout::PAGE_SIZE;
use atoll_abi::plan::Plan;

/// Most untypeds on the way to a page of which nothing is known: see `fillers` in `root-task/src/carve.rs`.
const FAR: u64 = 64;

/// Device memory, as the root task carves it.
pub(super) struct DeviceMemory {
    /// Where what was made so far ends.
    ends: BTreeSet<u64>,
    made: BTreeSet<u64>,
}

impl DeviceMemory {
    /// Nothing is made of it but the page of ready words, on which the root task has written.
    pub(super) fn new(plan: &Plan) -> DeviceMemory {
        DeviceMemory {
            ends: BTreeSet::from([plan.machine().shared_base]),
            made: BTreeSet::new(),
        }
    }

    /// Makes pages from an address on: how many slots are filled beside those of the pages.
    pub(super) fn take(&mut self, address: u64, pages: u64) -> u64 {
        // The registers of the HPET and the pools of processes have several holders, and are made once.
        if pages == 0 || !self.made.insert(address) {
            return 0;
        }
        let page = PAGE_SIZE as u64;
        let before = self.ends.range(..=address).next_back();
        let way = match before.map(|end| (address - end) / page) {
            // Untypeds of growing and then of shrinking size lead to it.
            Some(distance) => {
                (2 * u64::from(distance.checked_ilog2().map_or(0, |it| it + 1))).min(FAR)
            }
            None => FAR,
        };
        self.ends.insert(address + pages * page);
        way
    }
}
