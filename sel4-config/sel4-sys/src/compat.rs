//! Operations that seL4 versions express differently, in one form. This is the form of seL4 5.0.0.

use crate::{
    config_value, io_port_capdata, seL4_CNode, seL4_CNode_Mint, seL4_CNode_Mutate,
    seL4_CNode_Rotate, seL4_CPtr, seL4_CapData, seL4_CapIOPort, seL4_CapRights, seL4_Error,
    seL4_TCB, seL4_TCB_SetAffinity, seL4_TCB_SetIPCBuffer, seL4_TCB_SetMCPriority,
    seL4_TCB_SetPriority, seL4_TCB_SetSpace, seL4_Word,
};

/// The initial slot of the capability from which I/O port capabilities are made.
pub const IO_PORT_CONTROL_SLOT: seL4_Word = seL4_CapIOPort;

/// The bits of a badge that arrive.
pub const BADGE_BITS: usize = crate::seL4_BadgeBits as usize;

/// How many nodes the kernel may use.
pub const MAX_NUM_NODES: usize = match config_value("MAX_NUM_NODES") {
    Some(nodes) => nodes as usize,
    None => 1,
};

/// Whether the configuration has 1 GiB pages.
pub const HAS_HUGE_PAGES: bool = config_value("HUGE_PAGE").is_some();

/// The number of the object type for 1 GiB pages; no object's number if the configuration has none.
pub const HUGE_PAGE_OBJECT: seL4_Word = crate::seL4_X64_HugePageObject;

/// A slot of a capability space: root, index and depth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotPath {
    /// The root CNode.
    pub root: seL4_CNode,
    /// The index within it.
    pub index: seL4_Word,
    /// How many bits of the index are resolved.
    pub depth: u8,
}

/// Rights as a word. This version has no separate right to grant replies: it is part of the right to grant.
pub const fn cap_rights(grant_reply: bool, grant: bool, read: bool, write: bool) -> seL4_CapRights {
    let _ = grant_reply;
    seL4_CapRights::new(grant as u64, read as u64, write as u64)
}

/// The data word that gives a CNode capability a guard.
pub const fn guard_data(guard: seL4_Word, size: usize) -> seL4_Word {
    seL4_CapData::Guard_new(guard, size as u64).words[0]
}

/// Mints with a data word: a badge, or what [`guard_data`] returns.
///
/// # Safety
///
/// As for every invocation.
pub unsafe fn cnode_mint(
    to: SlotPath,
    from: SlotPath,
    rights: seL4_CapRights,
    data: seL4_Word,
) -> seL4_Word {
    let data = seL4_CapData { words: [data] };
    // SAFETY: as the caller says.
    unsafe {
        seL4_CNode_Mint(
            to.root, to.index, to.depth, from.root, from.index, from.depth, rights, data,
        )
    }
}

/// Moves with a data word: a badge, or what [`guard_data`] returns.
///
/// # Safety
///
/// As for every invocation.
pub unsafe fn cnode_mutate(to: SlotPath, from: SlotPath, data: seL4_Word) -> seL4_Word {
    let data = seL4_CapData { words: [data] };
    // SAFETY: as the caller says.
    unsafe {
        seL4_CNode_Mutate(
            to.root, to.index, to.depth, from.root, from.index, from.depth, data,
        )
    }
}

/// Moves `from` to `pivot` and `pivot` to `to`, which must share a root with each other.
///
/// # Safety
///
/// As for every invocation.
pub unsafe fn cnode_rotate(
    to: SlotPath,
    to_data: seL4_Word,
    pivot: SlotPath,
    pivot_data: seL4_Word,
    from: SlotPath,
) -> seL4_Word {
    let (to_data, pivot_data) = (
        seL4_CapData { words: [to_data] },
        seL4_CapData {
            words: [pivot_data],
        },
    );
    // SAFETY: as the caller says.
    unsafe {
        seL4_CNode_Rotate(
            to.root,
            to.index,
            to.depth,
            to_data,
            pivot.root,
            pivot.index,
            pivot.depth,
            pivot_data,
            from.root,
            from.index,
            from.depth,
        )
    }
}

/// Sets fault endpoint, capability space and address space.
///
/// # Safety
///
/// As for every invocation.
pub unsafe fn tcb_set_space(
    tcb: seL4_TCB,
    fault_ep: seL4_CPtr,
    cspace_root: seL4_CNode,
    cspace_root_data: seL4_Word,
    vspace_root: seL4_CPtr,
) -> seL4_Word {
    let (cspace_root_data, vspace_root_data) = (
        seL4_CapData {
            words: [cspace_root_data],
        },
        seL4_CapData { words: [0] },
    );
    // SAFETY: as the caller says.
    unsafe {
        seL4_TCB_SetSpace(
            tcb,
            fault_ep,
            cspace_root,
            cspace_root_data,
            vspace_root,
            vspace_root_data,
        )
    }
}

/// Sets everything of a thread but its priorities.
///
/// This version's own `Configure` also sets priorities, so two narrower invocations are used.
///
/// # Safety
///
/// As for every invocation.
pub unsafe fn tcb_configure(
    tcb: seL4_TCB,
    fault_ep: seL4_CPtr,
    cspace_root: seL4_CNode,
    cspace_root_data: seL4_Word,
    vspace_root: seL4_CPtr,
    ipc_buffer: seL4_Word,
    ipc_buffer_frame: seL4_CPtr,
) -> seL4_Word {
    // SAFETY: as the caller says.
    let error = unsafe { tcb_set_space(tcb, fault_ep, cspace_root, cspace_root_data, vspace_root) };
    if error != seL4_Error::seL4_NoError {
        return error;
    }
    // SAFETY: as the caller says.
    unsafe { seL4_TCB_SetIPCBuffer(tcb, ipc_buffer, ipc_buffer_frame) }
}

/// Sets the priority. In this version the authority is that of the calling thread, whatever `authority` names.
///
/// # Safety
///
/// As for every invocation.
pub unsafe fn tcb_set_priority(tcb: seL4_TCB, authority: seL4_TCB, priority: u8) -> seL4_Word {
    let _ = authority;
    // SAFETY: as the caller says.
    unsafe { seL4_TCB_SetPriority(tcb, priority) }
}

/// Sets the maximum controlled priority. In this version the authority is that of the calling thread.
///
/// # Safety
///
/// As for every invocation.
pub unsafe fn tcb_set_mc_priority(tcb: seL4_TCB, authority: seL4_TCB, priority: u8) -> seL4_Word {
    let _ = authority;
    // SAFETY: as the caller says.
    unsafe { seL4_TCB_SetMCPriority(tcb, priority) }
}

/// Pins a thread to a node. A kernel for one node has no such invocation; there, node 0 is where every thread is.
///
/// # Safety
///
/// As for every invocation.
pub unsafe fn tcb_set_affinity(tcb: seL4_TCB, node: seL4_Word) -> seL4_Word {
    if MAX_NUM_NODES > 1 {
        // SAFETY: as the caller says.
        unsafe { seL4_TCB_SetAffinity(tcb, node) }
    } else if node == 0 {
        seL4_Error::seL4_NoError
    } else {
        seL4_Error::seL4_IllegalOperation
    }
}

/// Makes a capability to the I/O ports from `first` to `last`, both included.
///
/// In this version the control capability covers all ports and lies in the slot `control`; a narrower one is minted from
/// it.
///
/// # Safety
///
/// As for every invocation.
pub unsafe fn io_port_issue(control: SlotPath, first: u16, last: u16, to: SlotPath) -> seL4_Word {
    let rights = cap_rights(true, true, true, true);
    let data = io_port_capdata::new(first.into(), last.into()).words[0];
    // SAFETY: as the caller says.
    unsafe { cnode_mint(to, control, rights, data) }
}
