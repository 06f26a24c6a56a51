//! Pages that the root task maps in its own address space, to read and write what they hold.

use sel4::init_thread::slot;
use sel4::{CapRights, VmAttributes, cap, cap_type};

use super::Authority;
use crate::address_space::SCRATCH;
use crate::mapped_page::MappedPage;

impl Authority {
    /// Maps a page in the root task's own address space while `work` runs.
    pub fn with_page<R>(
        &mut self,
        page: cap::Granule,
        attributes: VmAttributes,
        work: impl FnOnce(&MappedPage) -> R,
    ) -> R {
        self.map_own(page, SCRATCH, attributes);
        // SAFETY: the page was just mapped there and is unmapped when the value is gone. No other page is mapped there
        // meanwhile, because `self` is borrowed.
        let result = work(&unsafe { MappedPage::new(SCRATCH as *mut u8) });
        page.frame_unmap().expect("the page is mapped");
        result
    }

    /// Maps a page in the root task's own address space for good. Nothing else may be mapped at that address.
    pub fn map_own(&mut self, page: cap::Granule, address: usize, attributes: VmAttributes) {
        let mut space = self.own_space.take().expect("put back below");
        space.map(self, page, address, CapRights::read_write(), attributes);
        self.own_space = Some(space);
    }

    /// As [`with_page`](Authority::with_page), for a page that a component has mapped by this capability: one capability maps
    /// a page at one place.
    pub fn with_copy<R>(&mut self, page: cap::Granule, work: impl FnOnce(&MappedPage) -> R) -> R {
        let slot = match self.spare {
            Some(slot) => slot,
            None => self.slot::<cap_type::Granule>(),
        };
        self.spare = Some(slot);
        let source = slot::CNODE.cap().absolute_cptr(page);
        slot.absolute_cptr()
            .copy(&source, CapRights::all())
            .expect("the slot is empty");
        let result = self.with_page(slot.cap(), VmAttributes::DEFAULT, work);
        slot.absolute_cptr()
            .delete()
            .expect("the slot can be emptied");
        result
    }

    /// Maps a page of device memory, uncached, while `work` runs; no capability to it is left afterwards.
    pub fn with_device_page<R>(&mut self, address: u64, work: impl FnOnce(&MappedPage) -> R) -> R {
        let frame = self.device_frame(address);
        let result = self.with_page(frame, VmAttributes::UNCACHEABLE, work);
        slot::CNODE
            .cap()
            .absolute_cptr(frame)
            .delete()
            .expect("the slot can be emptied");
        result
    }
}
