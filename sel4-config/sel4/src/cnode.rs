//! Operations on slots.

use crate::capability::cap;
use crate::cptr::{AbsoluteCPtr, CPtrBits, CPtrWithDepth, HasCPtrWithDepth};
use crate::error::{Error, Result};
use crate::rights::CapRights;
use crate::{WORD_SIZE, Word, sys};

/// The guard of a CNode capability.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CNodeCapData(Word);

impl CNodeCapData {
    /// A guard of `size` bits with the value `guard`.
    pub const fn new(guard: Word, size: usize) -> Self {
        Self(sys::compat::guard_data(guard, size))
    }

    /// No change to the guard.
    pub const fn unchanged() -> Self {
        Self(0)
    }

    /// A guard of `bits` zeros.
    pub const fn skip(bits: usize) -> Self {
        Self::new(0, bits)
    }

    /// The guard that lets a CNode of `2^size_bits` slots be the whole of a capability space.
    pub const fn skip_high_bits(size_bits: usize) -> Self {
        Self::skip(WORD_SIZE - size_bits)
    }

    /// The data word.
    pub const fn into_word(self) -> Word {
        self.0
    }
}

impl cap::CNode {
    /// The slot at `path` in this CNode.
    pub fn absolute_cptr(self, path: impl HasCPtrWithDepth) -> AbsoluteCPtr {
        AbsoluteCPtr::new(self, path.cptr_with_depth())
    }

    /// The slot at the lowest `depth` bits of `bits` in this CNode.
    pub const fn absolute_cptr_from_bits_with_depth(
        self,
        bits: CPtrBits,
        depth: usize,
    ) -> AbsoluteCPtr {
        AbsoluteCPtr::new(self, CPtrWithDepth::from_bits_with_depth(bits, depth))
    }

    /// This CNode itself, as the destination of a retype.
    pub const fn absolute_cptr_for_self(self) -> AbsoluteCPtr {
        AbsoluteCPtr::new(self, CPtrWithDepth::empty())
    }
}

impl AbsoluteCPtr {
    /// Deletes all capabilities derived from this one.
    ///
    /// Corresponds to `seL4_CNode_Revoke`.
    pub fn revoke(self) -> Result<()> {
        // SAFETY: what revocation takes away is the meaning of the call; see the crate documentation.
        Error::wrap(unsafe {
            sys::seL4_CNode_Revoke(self.root().bits(), self.index(), self.depth())
        })
    }

    /// Empties the slot.
    ///
    /// Corresponds to `seL4_CNode_Delete`.
    pub fn delete(self) -> Result<()> {
        // SAFETY: what deletion takes away is the meaning of the call; see the crate documentation.
        Error::wrap(unsafe {
            sys::seL4_CNode_Delete(self.root().bits(), self.index(), self.depth())
        })
    }

    /// Copies the capability in `src` here, with no more than `rights`.
    ///
    /// Corresponds to `seL4_CNode_Copy`.
    pub fn copy(self, src: &AbsoluteCPtr, rights: CapRights) -> Result<()> {
        // SAFETY: a copy changes no memory of this program.
        Error::wrap(unsafe {
            sys::seL4_CNode_Copy(
                self.root().bits(),
                self.index(),
                self.depth(),
                src.root().bits(),
                src.index(),
                src.depth(),
                rights.into_inner(),
            )
        })
    }

    /// Copies the capability in `src` here, with no more than `rights` and with a badge.
    ///
    /// Corresponds to `seL4_CNode_Mint`.
    pub fn mint(self, src: &AbsoluteCPtr, rights: CapRights, badge: Word) -> Result<()> {
        // SAFETY: a copy changes no memory of this program.
        Error::wrap(unsafe {
            sys::compat::cnode_mint(self.to_sys(), src.to_sys(), rights.into_inner(), badge)
        })
    }

    /// Copies the CNode capability in `src` here, with a guard.
    ///
    /// Corresponds to `seL4_CNode_Mint`.
    pub fn mint_cnode(
        self,
        src: &AbsoluteCPtr,
        rights: CapRights,
        data: CNodeCapData,
    ) -> Result<()> {
        self.mint(src, rights, data.into_word())
    }

    /// Moves the capability in `src` here.
    ///
    /// Corresponds to `seL4_CNode_Move`.
    pub fn move_(self, src: &AbsoluteCPtr) -> Result<()> {
        // SAFETY: a move changes no memory of this program.
        Error::wrap(unsafe {
            sys::seL4_CNode_Move(
                self.root().bits(),
                self.index(),
                self.depth(),
                src.root().bits(),
                src.index(),
                src.depth(),
            )
        })
    }

    /// Moves the capability in `src` here and gives it a badge.
    ///
    /// Corresponds to `seL4_CNode_Mutate`.
    pub fn mutate(self, src: &AbsoluteCPtr, badge: Word) -> Result<()> {
        // SAFETY: a move changes no memory of this program.
        Error::wrap(unsafe { sys::compat::cnode_mutate(self.to_sys(), src.to_sys(), badge) })
    }

    /// Moves the capability in `src` to `pivot` and the one in `pivot` here, each with a badge.
    ///
    /// Corresponds to `seL4_CNode_Rotate`.
    pub fn rotate(
        self,
        badge: Word,
        pivot: &AbsoluteCPtr,
        pivot_badge: Word,
        src: &AbsoluteCPtr,
    ) -> Result<()> {
        // SAFETY: moves change no memory of this program.
        Error::wrap(unsafe {
            sys::compat::cnode_rotate(
                self.to_sys(),
                badge,
                pivot.to_sys(),
                pivot_badge,
                src.to_sys(),
            )
        })
    }

    /// Keeps the right to reply to the last caller here.
    ///
    /// Corresponds to `seL4_CNode_SaveCaller`.
    pub fn save_caller(self) -> Result<()> {
        // SAFETY: a move changes no memory of this program.
        Error::wrap(unsafe {
            sys::seL4_CNode_SaveCaller(self.root().bits(), self.index(), self.depth())
        })
    }

    /// Cancels the sends that wait with the badge of the capability here.
    ///
    /// Corresponds to `seL4_CNode_CancelBadgedSends`.
    pub fn cancel_badged_sends(self) -> Result<()> {
        // SAFETY: it restarts other threads and changes no memory of this program.
        Error::wrap(unsafe {
            sys::seL4_CNode_CancelBadgedSends(self.root().bits(), self.index(), self.depth())
        })
    }
}
