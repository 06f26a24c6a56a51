//! Where capabilities are.

use crate::capability::{Cap, CapType, cap};
use crate::{WORD_SIZE, Word, sys};

/// An index into a capability space, as a word.
pub type CPtrBits = sys::seL4_CPtr;

/// An index into the capability space of the calling thread, resolved to full depth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CPtr(CPtrBits);

impl CPtr {
    /// The index `bits`.
    pub const fn from_bits(bits: CPtrBits) -> Self {
        Self(bits)
    }

    /// The index as a word.
    pub const fn bits(self) -> CPtrBits {
        self.0
    }

    /// The capability there, taken to be of type `T`.
    pub const fn cast<T: CapType>(self) -> Cap<T> {
        Cap::from_cptr(self)
    }
}

/// An index of which a number of bits is resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CPtrWithDepth {
    bits: CPtrBits,
    depth: usize,
}

impl CPtrWithDepth {
    /// The lowest `depth` bits of `bits`.
    pub const fn from_bits_with_depth(bits: CPtrBits, depth: usize) -> Self {
        Self { bits, depth }
    }

    /// No bits at all: the root itself.
    pub const fn empty() -> Self {
        Self::from_bits_with_depth(0, 0)
    }

    /// The index as a word.
    pub const fn bits(&self) -> CPtrBits {
        self.bits
    }

    /// How many bits are resolved.
    pub const fn depth(&self) -> usize {
        self.depth
    }
}

impl From<CPtr> for CPtrWithDepth {
    fn from(cptr: CPtr) -> Self {
        Self::from_bits_with_depth(cptr.bits(), WORD_SIZE)
    }
}

/// Something that names a slot.
pub trait HasCPtrWithDepth {
    /// The name of the slot.
    fn cptr_with_depth(self) -> CPtrWithDepth;
}

impl HasCPtrWithDepth for CPtrWithDepth {
    fn cptr_with_depth(self) -> CPtrWithDepth {
        self
    }
}

impl HasCPtrWithDepth for CPtr {
    fn cptr_with_depth(self) -> CPtrWithDepth {
        self.into()
    }
}

impl<T: CapType> HasCPtrWithDepth for Cap<T> {
    fn cptr_with_depth(self) -> CPtrWithDepth {
        self.cptr().into()
    }
}

/// A slot, as the kernel wants it named when a capability is put there: a root CNode, an index and a depth.
///
/// [`init_thread::slot`](crate::init_thread::slot) names the root CNode of the root task, whose slots have depth 64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbsoluteCPtr {
    root: cap::CNode,
    path: CPtrWithDepth,
}

impl AbsoluteCPtr {
    /// The slot at `path` from `root`.
    pub const fn new(root: cap::CNode, path: CPtrWithDepth) -> Self {
        Self { root, path }
    }

    /// The root CNode.
    pub const fn root(&self) -> cap::CNode {
        self.root
    }

    /// The index and depth within it.
    pub const fn path(&self) -> &CPtrWithDepth {
        &self.path
    }

    pub(crate) fn to_sys(self) -> sys::compat::SlotPath {
        sys::compat::SlotPath {
            root: self.root.bits(),
            index: self.path.bits(),
            depth: self.depth(),
        }
    }

    pub(crate) fn index(&self) -> Word {
        self.path.bits()
    }

    pub(crate) fn depth(&self) -> u8 {
        // A depth is at most the size of a word; the kernel refuses any other.
        u8::try_from(self.path.depth()).unwrap_or(u8::MAX)
    }
}
