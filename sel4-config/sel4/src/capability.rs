//! Capabilities and their types.

use core::fmt;
use core::marker::PhantomData;

use crate::cptr::{CPtr, CPtrBits};

/// The type of a capability.
pub trait CapType: Copy {
    /// Its name.
    const NAME: &'static str;
}

/// A capability of type `T` in the capability space of the calling thread.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cap<T: CapType> {
    cptr: CPtr,
    kind: PhantomData<T>,
}

impl<T: CapType> Cap<T> {
    /// The capability at `cptr`.
    pub const fn from_cptr(cptr: CPtr) -> Self {
        Self {
            cptr,
            kind: PhantomData,
        }
    }

    /// The capability at the index `bits`.
    pub const fn from_bits(bits: CPtrBits) -> Self {
        Self::from_cptr(CPtr::from_bits(bits))
    }

    /// Where it is.
    pub const fn cptr(self) -> CPtr {
        self.cptr
    }

    /// Its index as a word.
    pub const fn bits(self) -> CPtrBits {
        self.cptr.bits()
    }

    /// The same capability under another type. The kernel refuses invocations that do not fit it.
    pub const fn cast<U: CapType>(self) -> Cap<U> {
        Cap::from_cptr(self.cptr)
    }
}

impl<T: CapType> fmt::Debug for Cap<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({:#x})", T::NAME, self.bits())
    }
}

macro_rules! cap_types {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// The types of capabilities.
        pub mod cap_type {
            $(
                $(#[$doc])*
                #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
                pub struct $name;

                impl super::CapType for $name {
                    const NAME: &'static str = stringify!($name);
                }
            )*

            /// The root of an address space.
            pub type VSpace = PML4;
            /// The smallest frame.
            pub type Granule = _4k;
        }

        /// Capabilities by type.
        pub mod cap {
            use super::{Cap, cap_type};

            $(
                $(#[$doc])*
                pub type $name = Cap<cap_type::$name>;
            )*

            /// The root of an address space.
            pub type VSpace = Cap<cap_type::VSpace>;
            /// The smallest frame.
            pub type Granule = Cap<cap_type::Granule>;
        }
    };
}

cap_types! {
    /// No capability.
    Null,
    /// A capability of any type.
    Unspecified,
    /// Memory from which objects are made.
    Untyped,
    /// A rendezvous for messages.
    Endpoint,
    /// A word of signals.
    Notification,
    /// A thread.
    Tcb,
    /// A table of capabilities.
    CNode,
    /// The right to set the domain of threads.
    DomainSet,
    /// The right to make interrupt handler capabilities.
    IrqControl,
    /// The right to handle one interrupt.
    IrqHandler,
    /// The right to make pools of address space identifiers.
    AsidControl,
    /// A pool of address space identifiers.
    AsidPool,
    /// A page map level 4: the root of an address space.
    PML4,
    /// A page directory pointer table.
    PDPT,
    /// A page directory.
    PageDirectory,
    /// A page table.
    PageTable,
    /// A frame of 4 KiB.
    _4k,
    /// A frame of 2 MiB.
    LargePage,
    /// A frame of 1 GiB.
    HugePage,
    /// A frame of any size.
    UnspecifiedPage,
    /// A range of I/O ports.
    IOPort,
    /// The right to make I/O port capabilities.
    IOPortControl,
    /// The right to map frames for devices.
    IOSpace,
}
