//! The root task's own capabilities.

use core::marker::PhantomData;

use crate::capability::{Cap, CapType, cap_type};
use crate::cptr::{AbsoluteCPtr, CPtr};
use crate::sys;

/// A slot of the root task's root CNode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Slot<T: CapType = cap_type::Unspecified> {
    index: usize,
    kind: PhantomData<T>,
}

impl<T: CapType> Slot<T> {
    /// The slot with that index.
    pub const fn from_index(index: usize) -> Self {
        Self {
            index,
            kind: PhantomData,
        }
    }

    const fn from_sys(index: sys::seL4_Word) -> Self {
        Self::from_index(index as usize)
    }

    /// Its index.
    pub const fn index(self) -> usize {
        self.index
    }

    /// Its index as the root task uses it in invocations.
    pub const fn cptr(self) -> CPtr {
        CPtr::from_bits(self.index as u64)
    }

    /// The capability in it.
    pub const fn cap(self) -> Cap<T> {
        Cap::from_cptr(self.cptr())
    }

    /// The slot as a destination or source of capabilities.
    pub fn absolute_cptr(self) -> AbsoluteCPtr {
        slot::CNODE.cap().absolute_cptr(self.cptr())
    }

    /// The same slot with another type of capability.
    pub const fn cast<U: CapType>(self) -> Slot<U> {
        Slot::from_index(self.index)
    }
}

/// The slots that the kernel fills.
pub mod slot {
    use super::{Slot, cap_type, sys};

    /// Nothing.
    pub const NULL: Slot<cap_type::Null> = Slot::from_sys(sys::seL4_CapNull);
    /// The thread of the root task.
    pub const TCB: Slot<cap_type::Tcb> = Slot::from_sys(sys::seL4_CapInitThreadTCB);
    /// The root CNode.
    pub const CNODE: Slot<cap_type::CNode> = Slot::from_sys(sys::seL4_CapInitThreadCNode);
    /// The address space.
    pub const VSPACE: Slot<cap_type::VSpace> = Slot::from_sys(sys::seL4_CapInitThreadVSpace);
    /// The right to make interrupt handler capabilities.
    pub const IRQ_CONTROL: Slot<cap_type::IrqControl> = Slot::from_sys(sys::seL4_CapIRQControl);
    /// The right to make pools of address space identifiers.
    pub const ASID_CONTROL: Slot<cap_type::AsidControl> = Slot::from_sys(sys::seL4_CapASIDControl);
    /// The pool of the root task's address space identifier.
    pub const ASID_POOL: Slot<cap_type::AsidPool> = Slot::from_sys(sys::seL4_CapInitThreadASIDPool);
    /// The right to make I/O port capabilities.
    pub const IO_PORT_CONTROL: Slot<cap_type::IOPortControl> =
        Slot::from_sys(sys::compat::IO_PORT_CONTROL_SLOT);
    /// The right to map frames for devices; nothing without an IOMMU.
    pub const IO_SPACE: Slot<cap_type::IOSpace> = Slot::from_sys(sys::seL4_CapIOSpace);
    /// The frame of the boot info.
    pub const BOOT_INFO_FRAME: Slot<cap_type::Granule> = Slot::from_sys(sys::seL4_CapBootInfoFrame);
    /// The frame of the IPC buffer.
    pub const IPC_BUFFER: Slot<cap_type::Granule> =
        Slot::from_sys(sys::seL4_CapInitThreadIPCBuffer);
    /// The right to set the domain of threads.
    pub const DOMAIN: Slot<cap_type::DomainSet> = Slot::from_sys(sys::seL4_CapDomain);
}

/// Stops the root task for good.
pub fn suspend_self() -> ! {
    loop {
        // A refusal leaves nothing better to do than to try again without using the core.
        let _ = slot::TCB.cap().tcb_suspend();
        sys::yield_now();
    }
}
