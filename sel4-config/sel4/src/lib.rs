//! Typed capabilities and invocations of seL4.
//!
//! Public names are those of the rust-sel4 project where it has them. A [`Cap<T>`] is an index into the capability space
//! of the calling thread and nothing more: it neither owns the capability nor proves that the slot holds one, and the
//! kernel checks every invocation.
//!
//! Invocations are safe functions, as in rust-sel4. A program that unmaps or revokes memory which it uses itself breaks
//! itself: that is part of the meaning of holding the capability.

#![no_std]

mod blueprint;
mod bootinfo;
mod capability;
mod cnode;
mod cptr;
mod error;
mod fault;
pub mod init_thread;
mod invocations;
mod ipc;
mod message;
mod print;
mod rights;
mod thread;
mod user_context;
mod vspace;

pub use atoll_sel4_sys as sys;

// Supplies memcpy and its family to guests.
use atoll_freestanding as _;

pub use blueprint::{ObjectBlueprint, ObjectBlueprintX64, ObjectBlueprintX86};
pub use bootinfo::{BootInfo, BootInfoExtra, BootInfoPtr, SlotRegion, UntypedDesc};
pub use capability::{Cap, CapType, cap, cap_type};
pub use cnode::CNodeCapData;
pub use cptr::{AbsoluteCPtr, CPtr, CPtrBits, CPtrWithDepth, HasCPtrWithDepth};
pub use error::{Error, Result};
pub use fault::{Fault, LookupFailure};
pub use ipc::{
    Badge, MESSAGE_REGISTERS, get_cap_badge, get_mr, reply, set_cap, set_cap_receive_path, set_mr,
};
pub use message::{MessageInfo, MessageInfoBuilder};
pub use print::{DebugWriter, debug_halt, debug_put_char};
pub use rights::{CapRights, CapRightsBuilder};
pub use thread::yield_now;
pub use user_context::UserContext;
pub use vspace::{FrameType, VmAttributes, mapping_failed_lookup_level};

/// A machine word.
pub type Word = sys::seL4_Word;

/// The number of bits in a word.
pub const WORD_SIZE: usize = sys::seL4_WordBits as usize;

/// The size of the smallest frame in bytes.
pub const GRANULE_SIZE: usize = 1 << sys::seL4_PageBits;

/// How many nodes the kernel may use.
pub const MAX_NUM_NODES: usize = sys::compat::MAX_NUM_NODES;

/// How many objects one retype can make.
pub const RETYPE_MAX_OBJECTS: usize = sys::seL4_UntypedRetypeMaxObjects as usize;
