//! What is mapped in a component beside its image.

use alloc::vec::Vec;

use atoll_abi::layout::PAGE_SIZE;
use sel4::{CapRights, VmAttributes, cap};

use super::{Component, Page, add_zero};
use crate::authority::Authority;

impl Component<'_> {
    /// Maps a page that was made for it.
    pub fn map(
        &mut self,
        authority: &mut Authority,
        page: Page,
        address: usize,
        rights: CapRights,
        attributes: VmAttributes,
    ) {
        self.space.map(authority, page, address, rights, attributes);
    }

    /// Has others be able to map large pages in the 1 GiB about an address.
    pub fn prepare_large(&mut self, authority: &mut Authority, address: usize) {
        self.space.prepare_large(authority, address);
    }

    /// The capability to its address space.
    pub fn address_space(&self) -> cap::VSpace {
        self.space.vspace()
    }

    /// Maps fresh pages that are the component's own: they are zero whenever it starts. Those pages.
    pub fn map_private(
        &mut self,
        authority: &mut Authority,
        address: usize,
        count: usize,
    ) -> Vec<Page> {
        let pages = self.map_new(authority, address, count);
        for page in &pages {
            add_zero(&mut self.private, *page);
        }
        pages
    }

    /// Maps fresh pages that others will share: they are zero at first, and outlive the component. Those pages.
    pub fn map_new(
        &mut self,
        authority: &mut Authority,
        address: usize,
        count: usize,
    ) -> Vec<Page> {
        (0..count)
            .map(|index| {
                let page = authority.page(&self.holder);
                self.map(
                    authority,
                    page,
                    address + index * PAGE_SIZE,
                    CapRights::read_write(),
                    VmAttributes::DEFAULT,
                );
                page
            })
            .collect()
    }

    /// Maps memory that belongs to no instance, from a physical address on; its pages.
    pub fn map_outside(
        &mut self,
        authority: &mut Authority,
        physical: u64,
        address: usize,
        count: usize,
        rights: CapRights,
    ) -> Vec<Page> {
        (0..count)
            .map(|index| index * PAGE_SIZE)
            .map(|offset| {
                let page = authority.device_page(physical + offset as u64, &self.holder);
                self.map(
                    authority,
                    page,
                    address + offset,
                    rights,
                    VmAttributes::DEFAULT,
                );
                page
            })
            .collect()
    }

    /// Maps pages that another component or the root task also has.
    pub fn map_shared(
        &mut self,
        authority: &mut Authority,
        pages: &[Page],
        address: usize,
        rights: CapRights,
    ) {
        for (index, page) in pages.iter().enumerate() {
            let page = authority.share(*page, &self.holder);
            self.map(
                authority,
                page,
                address + index * PAGE_SIZE,
                rights,
                VmAttributes::DEFAULT,
            );
        }
    }

    /// Maps fresh pages that hold `bytes` and then zeros, read-only.
    pub fn map_bytes(&mut self, authority: &mut Authority, address: usize, bytes: &[u8]) {
        for (index, chunk) in bytes.chunks(PAGE_SIZE).enumerate() {
            let page = authority.page(&self.holder);
            authority.with_page(page, VmAttributes::DEFAULT, |mapped| mapped.write(0, chunk));
            self.map(
                authority,
                page,
                address + index * PAGE_SIZE,
                CapRights::read_only(),
                VmAttributes::DEFAULT,
            );
        }
    }
}
