//! Device memory: everything that is not this instance's own memory, as the kernel hands it out. It holds the windows
//! between clusters and the registers of devices, and all of every other cluster: nothing of it is kept that the plan does not name.

use alloc::vec::Vec;

use atoll_abi::layout::PAGE_SIZE;
use atoll_root_task::carve::fillers;
use sel4::init_thread::{Slot, slot};
use sel4::{ObjectBlueprint, ObjectBlueprintX86, cap, cap_type};

/// Untypeds of device memory, and what was carved off them on the way to a page.
#[derive(Default)]
pub struct DeviceMemory {
    regions: Vec<Region>,
}

struct Region {
    slot: Slot<cap_type::Untyped>,
    /// Where the kernel makes the next object.
    next: u64,
    end: u64,
}

impl DeviceMemory {
    /// Takes an untyped that nothing was made of.
    pub fn add(&mut self, slot: Slot<cap_type::Untyped>, address: u64, size_bits: usize) {
        self.regions.push(Region {
            slot,
            next: address,
            end: address + (1 << size_bits),
        });
    }

    /// Makes a frame of the page at `address`; what lies before it stays within reach.
    pub fn page(&mut self, address: u64, mut empty_slot: impl FnMut() -> usize) -> cap::Granule {
        let size = PAGE_SIZE as u64;
        let region = self
            .regions
            .iter()
            .position(|region| region.next <= address && address + size <= region.end);
        let region = region
            .unwrap_or_else(|| panic!("{address:#x} is not device memory, or is taken already"));
        let root = slot::CNODE.cap().absolute_cptr_for_self();
        let untyped = self.regions[region].slot.cap();
        let mut at = self.regions[region].next;
        for bits in fillers(at, address) {
            let filler = Slot::from_index(empty_slot());
            let blueprint = ObjectBlueprint::Untyped {
                size_bits: bits as usize,
            };
            untyped
                .untyped_retype(&blueprint, &root, filler.index(), 1)
                .expect("the filler fits the untyped");
            self.add(filler, at, bits as usize);
            at += 1 << bits;
        }
        let page = Slot::<cap_type::Granule>::from_index(empty_slot());
        untyped
            .untyped_retype(&ObjectBlueprintX86::_4k.into(), &root, page.index(), 1)
            .expect("the page fits the untyped");
        self.regions[region].next = address + size;
        let made = page
            .cap()
            .frame_get_address()
            .expect("a frame has an address") as u64;
        assert_eq!(made, address, "the kernel made the page elsewhere");
        page.cap()
    }

    /// The slots of every untyped, with which the way to device memory ends.
    pub fn slots(&mut self) -> Vec<usize> {
        self.regions
            .drain(..)
            .map(|region| region.slot.index())
            .collect()
    }
}
