//! Frames, paging structures and the attributes of mappings.

use crate::capability::{Cap, CapType, cap, cap_type};
use crate::error::{Error, Result};
use crate::rights::CapRights;
use crate::{Word, sys};

/// How a page is cached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VmAttributes(sys::seL4_X86_VMAttributes::Type);

impl VmAttributes {
    /// Write-back: ordinary memory.
    pub const DEFAULT: Self = Self(sys::seL4_X86_VMAttributes::seL4_X86_Default_VMAttributes);
    /// Write-through.
    pub const WRITE_THROUGH: Self = Self(sys::seL4_X86_VMAttributes::seL4_X86_WriteThrough);
    /// Not cached, unless a memory type range register says write-combining.
    pub const CACHE_DISABLED: Self = Self(sys::seL4_X86_VMAttributes::seL4_X86_CacheDisabled);
    /// Not cached: device registers.
    pub const UNCACHEABLE: Self = Self(sys::seL4_X86_VMAttributes::seL4_X86_Uncacheable);
    /// Write-combining: frame buffers.
    pub const WRITE_COMBINING: Self = Self(sys::seL4_X86_VMAttributes::seL4_X86_WriteCombining);
}

impl Default for VmAttributes {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The types of frames.
pub trait FrameType: CapType {
    /// The binary logarithm of the size in bytes, or `None` if the type does not tell.
    const SIZE_BITS: Option<usize>;
}

impl FrameType for cap_type::_4k {
    const SIZE_BITS: Option<usize> = Some(sys::seL4_PageBits as usize);
}

impl FrameType for cap_type::LargePage {
    const SIZE_BITS: Option<usize> = Some(sys::seL4_LargePageBits as usize);
}

impl FrameType for cap_type::HugePage {
    const SIZE_BITS: Option<usize> = Some(sys::seL4_HugePageBits as usize);
}

impl FrameType for cap_type::UnspecifiedPage {
    const SIZE_BITS: Option<usize> = None;
}

impl<T: FrameType> Cap<T> {
    /// Maps the frame. A frame capability holds one mapping; copy the capability for another.
    ///
    /// Corresponds to `seL4_X86_Page_Map`.
    pub fn frame_map(
        self,
        vspace: cap::VSpace,
        vaddr: usize,
        rights: CapRights,
        attributes: VmAttributes,
    ) -> Result<()> {
        // SAFETY: what is mapped where is the caller's to answer for; the kernel replaces no mapping of another frame.
        Error::wrap(unsafe {
            sys::seL4_X86_Page_Map(
                self.bits(),
                vspace.bits(),
                vaddr as Word,
                rights.into_inner(),
                attributes.0,
            )
        })
    }

    /// Removes the mapping that this capability holds.
    ///
    /// Corresponds to `seL4_X86_Page_Unmap`.
    pub fn frame_unmap(self) -> Result<()> {
        // SAFETY: the calling program uses the mapping no more; see the crate documentation.
        Error::wrap(unsafe { sys::seL4_X86_Page_Unmap(self.bits()) })
    }

    /// The physical address.
    ///
    /// Corresponds to `seL4_X86_Page_GetAddress`.
    pub fn frame_get_address(self) -> Result<usize> {
        // SAFETY: asking changes no memory.
        let answer = unsafe { sys::seL4_X86_Page_GetAddress(self.bits()) };
        Error::or(answer.error, answer.paddr as usize)
    }
}

impl cap::PDPT {
    /// Maps the structure.
    ///
    /// Corresponds to `seL4_X86_PDPT_Map`.
    pub fn pdpt_map(
        self,
        vspace: cap::VSpace,
        vaddr: usize,
        attributes: VmAttributes,
    ) -> Result<()> {
        // SAFETY: an empty structure changes no mapping.
        Error::wrap(unsafe {
            sys::seL4_X86_PDPT_Map(self.bits(), vspace.bits(), vaddr as Word, attributes.0)
        })
    }

    /// Removes the structure with all that is mapped below it.
    ///
    /// Corresponds to `seL4_X86_PDPT_Unmap`.
    pub fn pdpt_unmap(self) -> Result<()> {
        // SAFETY: the calling program uses the mappings no more; see the crate documentation.
        Error::wrap(unsafe { sys::seL4_X86_PDPT_Unmap(self.bits()) })
    }
}

impl cap::PageDirectory {
    /// Maps the structure.
    ///
    /// Corresponds to `seL4_X86_PageDirectory_Map`.
    pub fn page_directory_map(
        self,
        vspace: cap::VSpace,
        vaddr: usize,
        attributes: VmAttributes,
    ) -> Result<()> {
        // SAFETY: an empty structure changes no mapping.
        Error::wrap(unsafe {
            sys::seL4_X86_PageDirectory_Map(self.bits(), vspace.bits(), vaddr as Word, attributes.0)
        })
    }

    /// Removes the structure with all that is mapped below it.
    ///
    /// Corresponds to `seL4_X86_PageDirectory_Unmap`.
    pub fn page_directory_unmap(self) -> Result<()> {
        // SAFETY: the calling program uses the mappings no more; see the crate documentation.
        Error::wrap(unsafe { sys::seL4_X86_PageDirectory_Unmap(self.bits()) })
    }
}

impl cap::PageTable {
    /// Maps the structure.
    ///
    /// Corresponds to `seL4_X86_PageTable_Map`.
    pub fn page_table_map(
        self,
        vspace: cap::VSpace,
        vaddr: usize,
        attributes: VmAttributes,
    ) -> Result<()> {
        // SAFETY: an empty structure changes no mapping.
        Error::wrap(unsafe {
            sys::seL4_X86_PageTable_Map(self.bits(), vspace.bits(), vaddr as Word, attributes.0)
        })
    }

    /// Removes the structure with all that is mapped below it.
    ///
    /// Corresponds to `seL4_X86_PageTable_Unmap`.
    pub fn page_table_unmap(self) -> Result<()> {
        // SAFETY: the calling program uses the mappings no more; see the crate documentation.
        Error::wrap(unsafe { sys::seL4_X86_PageTable_Unmap(self.bits()) })
    }
}

/// After a mapping was refused with [`Error::FailedLookup`]: the number of address bits below the structure that is
/// missing, for example 21 if it is a page table.
///
/// Corresponds to `seL4_MappingFailedLookupLevel`.
pub fn mapping_failed_lookup_level() -> usize {
    crate::get_mr(sys::SEL4_MAPPING_LOOKUP_LEVEL as usize) as usize
}
