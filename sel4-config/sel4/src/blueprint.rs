//! What can be made of untyped memory.

use crate::{Word, sys};

/// An object to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ObjectBlueprint {
    /// A smaller untyped.
    Untyped {
        /// The binary logarithm of the size in bytes.
        size_bits: usize,
    },
    /// An endpoint.
    Endpoint,
    /// A notification.
    Notification,
    /// A CNode.
    CNode {
        /// The binary logarithm of the number of slots.
        size_bits: usize,
    },
    /// A thread.
    Tcb,
    /// An object of the architecture.
    Arch(ObjectBlueprintX86),
}

/// An object of x86.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ObjectBlueprintX86 {
    /// A frame of 4 KiB.
    _4k,
    /// A frame of 2 MiB.
    LargePage,
    /// A page table.
    PageTable,
    /// A page directory.
    PageDirectory,
    /// An object of the 64-bit architecture.
    SeL4Arch(ObjectBlueprintX64),
}

/// An object of x86_64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ObjectBlueprintX64 {
    /// A frame of 1 GiB, if the kernel is configured for it.
    HugePage,
    /// A page directory pointer table.
    PDPT,
    /// A page map level 4.
    PML4,
}

impl ObjectBlueprint {
    /// The kernel's number for the type.
    pub const fn ty(self) -> Word {
        match self {
            Self::Untyped { .. } => sys::api_object::seL4_UntypedObject,
            Self::Endpoint => sys::api_object::seL4_EndpointObject,
            Self::Notification => sys::api_object::seL4_NotificationObject,
            Self::CNode { .. } => sys::api_object::seL4_CapTableObject,
            Self::Tcb => sys::api_object::seL4_TCBObject,
            Self::Arch(arch) => arch.ty(),
        }
    }

    /// The size that a retype wants to be told, or `None` if the type has one size.
    pub const fn api_size_bits(self) -> Option<usize> {
        match self {
            Self::Untyped { size_bits } | Self::CNode { size_bits } => Some(size_bits),
            _ => None,
        }
    }

    /// The binary logarithm of the bytes of memory that an object takes.
    pub const fn physical_size_bits(self) -> usize {
        match self {
            Self::Untyped { size_bits } => size_bits,
            Self::Endpoint => sys::seL4_EndpointBits as usize,
            Self::Notification => sys::seL4_NotificationBits as usize,
            Self::CNode { size_bits } => sys::seL4_SlotBits as usize + size_bits,
            Self::Tcb => sys::seL4_TCBBits as usize,
            Self::Arch(arch) => arch.physical_size_bits(),
        }
    }
}

impl ObjectBlueprintX86 {
    const fn ty(self) -> Word {
        match self {
            Self::_4k => sys::_object::seL4_X86_4K,
            Self::LargePage => sys::_object::seL4_X86_LargePageObject,
            Self::PageTable => sys::_object::seL4_X86_PageTableObject,
            Self::PageDirectory => sys::_object::seL4_X86_PageDirectoryObject,
            Self::SeL4Arch(arch) => arch.ty(),
        }
    }

    const fn physical_size_bits(self) -> usize {
        (match self {
            Self::_4k => sys::seL4_PageBits,
            Self::LargePage => sys::seL4_LargePageBits,
            Self::PageTable => sys::seL4_PageTableBits,
            Self::PageDirectory => sys::seL4_PageDirBits,
            Self::SeL4Arch(arch) => return arch.physical_size_bits(),
        }) as usize
    }
}

impl ObjectBlueprintX64 {
    const fn ty(self) -> Word {
        match self {
            Self::HugePage => sys::compat::HUGE_PAGE_OBJECT,
            Self::PDPT => sys::_mode_object::seL4_X86_PDPTObject,
            Self::PML4 => sys::_mode_object::seL4_X64_PML4Object,
        }
    }

    const fn physical_size_bits(self) -> usize {
        (match self {
            Self::HugePage => sys::seL4_HugePageBits,
            Self::PDPT => sys::seL4_PDPTBits,
            Self::PML4 => sys::seL4_PML4Bits,
        }) as usize
    }
}

impl From<ObjectBlueprintX86> for ObjectBlueprint {
    fn from(blueprint: ObjectBlueprintX86) -> Self {
        Self::Arch(blueprint)
    }
}

impl From<ObjectBlueprintX64> for ObjectBlueprintX86 {
    fn from(blueprint: ObjectBlueprintX64) -> Self {
        Self::SeL4Arch(blueprint)
    }
}

impl From<ObjectBlueprintX64> for ObjectBlueprint {
    fn from(blueprint: ObjectBlueprintX64) -> Self {
        Self::Arch(blueprint.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_differ_and_sizes_are_those_of_the_machine() {
        let all: [ObjectBlueprint; 11] = [
            ObjectBlueprint::Untyped { size_bits: 20 },
            ObjectBlueprint::Endpoint,
            ObjectBlueprint::Notification,
            ObjectBlueprint::CNode { size_bits: 8 },
            ObjectBlueprint::Tcb,
            ObjectBlueprintX86::_4k.into(),
            ObjectBlueprintX86::LargePage.into(),
            ObjectBlueprintX86::PageTable.into(),
            ObjectBlueprintX86::PageDirectory.into(),
            ObjectBlueprintX64::PDPT.into(),
            ObjectBlueprintX64::PML4.into(),
        ];
        for (index, one) in all.iter().enumerate() {
            for other in &all[index + 1..] {
                assert_ne!(one.ty(), other.ty(), "{one:?} and {other:?}");
            }
        }
        assert_eq!(all[0].physical_size_bits(), 20);
        assert_eq!(all[5].physical_size_bits(), 12);
        assert_eq!(all[6].physical_size_bits(), 21);
    }
}
