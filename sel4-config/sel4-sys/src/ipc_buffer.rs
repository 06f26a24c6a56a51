//! The IPC buffer of the calling thread.
//!
//! The kernel makes the GS segment point to it when it runs the thread, so no address has to be kept.

use core::arch::asm;
use core::mem::offset_of;

use crate::{seL4_CPtr, seL4_IPCBuffer, seL4_Word};

/// Reads the word at `offset` bytes plus `index` words.
///
/// # Safety
///
/// The thread must have an IPC buffer and the word must lie in it.
#[inline(always)]
unsafe fn read<const OFFSET: usize>(index: usize) -> seL4_Word {
    let value;
    // SAFETY: the caller says that the word lies in the buffer to which GS points.
    unsafe {
        asm!(
            "mov {value}, qword ptr gs:[{index} * 8 + {offset}]",
            value = lateout(reg) value,
            index = in(reg) index,
            offset = const OFFSET,
            options(nostack, preserves_flags),
        );
    }
    value
}

/// Writes the word at `offset` bytes plus `index` words.
///
/// # Safety
///
/// The thread must have an IPC buffer and the word must lie in it.
#[inline(always)]
unsafe fn write<const OFFSET: usize>(index: usize, value: seL4_Word) {
    // SAFETY: the caller says that the word lies in the buffer to which GS points.
    unsafe {
        asm!(
            "mov qword ptr gs:[{index} * 8 + {offset}], {value}",
            value = in(reg) value,
            index = in(reg) index,
            offset = const OFFSET,
            options(nostack, preserves_flags),
        );
    }
}

const MSG: usize = offset_of!(seL4_IPCBuffer, msg);
const USER_DATA: usize = offset_of!(seL4_IPCBuffer, userData);
const CAPS: usize = offset_of!(seL4_IPCBuffer, caps_or_badges);
const RECEIVE_CNODE: usize = offset_of!(seL4_IPCBuffer, receiveCNode);
const RECEIVE_INDEX: usize = offset_of!(seL4_IPCBuffer, receiveIndex);
const RECEIVE_DEPTH: usize = offset_of!(seL4_IPCBuffer, receiveDepth);

/// Reads message register `index`.
///
/// # Safety
///
/// The thread must have an IPC buffer, and `index` must be below `seL4_MsgMaxLength`.
#[inline(always)]
pub unsafe fn get_mr(index: usize) -> seL4_Word {
    // SAFETY: as the caller says.
    unsafe { read::<MSG>(index) }
}

/// Writes message register `index`.
///
/// # Safety
///
/// The thread must have an IPC buffer, and `index` must be below `seL4_MsgMaxLength`.
#[inline(always)]
pub unsafe fn set_mr(index: usize, value: seL4_Word) {
    // SAFETY: as the caller says.
    unsafe { write::<MSG>(index, value) }
}

/// Reads the user data word.
///
/// # Safety
///
/// The thread must have an IPC buffer.
#[inline(always)]
pub unsafe fn get_user_data() -> seL4_Word {
    // SAFETY: as the caller says.
    unsafe { read::<USER_DATA>(0) }
}

/// Writes the user data word.
///
/// # Safety
///
/// The thread must have an IPC buffer.
#[inline(always)]
pub unsafe fn set_user_data(value: seL4_Word) {
    // SAFETY: as the caller says.
    unsafe { write::<USER_DATA>(0, value) }
}

/// Reads the badge of the unwrapped capability `index`.
///
/// # Safety
///
/// The thread must have an IPC buffer, and `index` must be below `seL4_MsgMaxExtraCaps`.
#[inline(always)]
pub unsafe fn get_badge(index: usize) -> seL4_Word {
    // SAFETY: as the caller says.
    unsafe { read::<CAPS>(index) }
}

/// Reads the capability that is to be sent in place `index`.
///
/// # Safety
///
/// The thread must have an IPC buffer, and `index` must be below `seL4_MsgMaxExtraCaps`.
#[inline(always)]
pub unsafe fn get_cap(index: usize) -> seL4_CPtr {
    // SAFETY: as the caller says.
    unsafe { read::<CAPS>(index) }
}

/// Puts a capability in place `index` of those to be sent.
///
/// # Safety
///
/// The thread must have an IPC buffer, and `index` must be below `seL4_MsgMaxExtraCaps`.
#[inline(always)]
pub unsafe fn set_cap(index: usize, cap: seL4_CPtr) {
    // SAFETY: as the caller says.
    unsafe { write::<CAPS>(index, cap) }
}

/// Says where a received capability goes.
///
/// # Safety
///
/// The thread must have an IPC buffer.
#[inline(always)]
pub unsafe fn set_cap_receive_path(cnode: seL4_CPtr, index: seL4_CPtr, depth: seL4_Word) {
    // SAFETY: as the caller says.
    unsafe {
        write::<RECEIVE_CNODE>(0, cnode);
        write::<RECEIVE_INDEX>(0, index);
        write::<RECEIVE_DEPTH>(0, depth);
    }
}
