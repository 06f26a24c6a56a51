//! An address space and the paging structures that it needs.

use alloc::collections::BTreeSet;

use sel4::init_thread::slot;
use sel4::{CapRights, ObjectBlueprintX64, ObjectBlueprintX86, VmAttributes, cap};

use crate::authority::Authority;

/// Where the root task maps a page for the moment; its own image lies far below.
pub const SCRATCH: usize = atoll_abi::layout::AREA_BASE;

/// Where it has the registers of the HPET for good.
pub const OWN_HPET: usize = SCRATCH + atoll_abi::layout::PAGE_SIZE;

/// Address bits below a page map level 4's, a page directory pointer table's and a page directory's entries.
const LEVELS: [u32; 3] = [39, 30, PAGE_TABLE];

/// The level whose structure maps small pages, in place of which there may be a large page.
const PAGE_TABLE: u32 = 21;

/// An address space.
pub struct AddressSpace {
    vspace: cap::VSpace,
    structures: BTreeSet<(u32, usize)>,
}

impl AddressSpace {
    /// A new, empty one.
    pub fn new(authority: &mut Authority) -> AddressSpace {
        let vspace: cap::VSpace = authority.make(ObjectBlueprintX64::PML4.into());
        slot::ASID_POOL
            .cap()
            .asid_pool_assign(vspace)
            .expect("the pool has an identifier left");
        AddressSpace {
            vspace,
            structures: BTreeSet::new(),
        }
    }

    /// The root task's own. Its paging structures at [`SCRATCH`] are made when they are first needed.
    pub fn own() -> AddressSpace {
        AddressSpace {
            vspace: slot::VSPACE.cap(),
            structures: BTreeSet::from([(LEVELS[0], SCRATCH >> LEVELS[0])]),
        }
    }

    /// The capability to it.
    pub fn vspace(&self) -> cap::VSpace {
        self.vspace
    }

    /// Maps a page.
    pub fn map(
        &mut self,
        authority: &mut Authority,
        page: cap::Granule,
        address: usize,
        rights: CapRights,
        attributes: VmAttributes,
    ) {
        for level in LEVELS {
            if self.structures.insert((level, address >> level)) {
                self.make_structure(authority, level, address);
            }
        }
        page.frame_map(self.vspace, address, rights, attributes)
            .unwrap_or_else(|error| panic!("mapping at {address:#x}: {error}"));
    }

    /// Makes the paging structures by which others can map large pages in the 1 GiB about an address.
    pub fn prepare_large(&mut self, authority: &mut Authority, address: usize) {
        for level in LEVELS.into_iter().filter(|level| *level != PAGE_TABLE) {
            if self.structures.insert((level, address >> level)) {
                self.make_structure(authority, level, address);
            }
        }
    }

    fn make_structure(&self, authority: &mut Authority, level: u32, address: usize) {
        let attributes = VmAttributes::DEFAULT;
        let mapped = match level {
            39 => authority
                .make::<sel4::cap_type::PDPT>(ObjectBlueprintX64::PDPT.into())
                .pdpt_map(self.vspace, address, attributes),
            30 => authority
                .make::<sel4::cap_type::PageDirectory>(ObjectBlueprintX86::PageDirectory.into())
                .page_directory_map(self.vspace, address, attributes),
            _ => authority
                .make::<sel4::cap_type::PageTable>(ObjectBlueprintX86::PageTable.into())
                .page_table_map(self.vspace, address, attributes),
        };
        mapped.unwrap_or_else(|error| panic!("a paging structure at {address:#x}: {error}"));
    }
}
