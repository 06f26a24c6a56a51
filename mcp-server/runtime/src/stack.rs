//! The stacks of uthreads.
//!
//! Below each stack lies a page that cannot be accessed. A function touches the pages of its frame one by one from above (the
//! compiler inserts the probes on x86-64), so a uthread that needs more stack than it has touches that page first: it faults
//! before it can overwrite anything. On seL4 the fault ends the process with [`atoll_abi::process::FAULTED`], on a host it is
//! a SIGSEGV.
//!
//! On seL4 the root task maps as many stacks as the plan's key `uthreads` says, and they are used again. On a host each
//! uthread's stack is mapped when the uthread is started.
#![deny(unsafe_code)]

use core::error::Error;
use core::fmt;

use atoll_abi::layout::UTHREAD_STACK_SIZE;

#[cfg(not(feature = "guest"))]
mod host;
#[cfg(feature = "simulated")]
mod reused;
#[cfg(any(feature = "guest", test))]
pub(crate) mod slots;

#[cfg(feature = "guest")]
pub(crate) use crate::guest::stacks::Stack;
#[cfg(not(any(feature = "guest", feature = "simulated")))]
pub(crate) use host::Stack;
#[cfg(feature = "simulated")]
pub(crate) use reused::Stack;
#[cfg(feature = "simulated")]
pub use reused::reclaim_stacks;

#[cfg(not(any(feature = "guest", feature = "host")))]
compile_error!("uthreads need stacks: turn on the feature `guest` on seL4, or `host` on a host");

/// Bytes of a uthread's stack.
pub const DEFAULT_STACK_SIZE: usize = UTHREAD_STACK_SIZE;

/// Why a uthread could not be started. Nothing of it has run, and what it would have run has been dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpawnError {
    /// Each stack that the process has is in use: by a uthread that has not ended, or by one that can never be woken again.
    NoStack,
    /// No stack of the process is that large.
    StackTooLarge,
}

impl fmt::Display for SpawnError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            SpawnError::NoStack => {
                "no stack is free for another uthread; let some end first, or raise `uthreads` of the process in the plan"
            }
            SpawnError::StackTooLarge => "no stack of the process is as large as this uthread's is to be",
        })
    }
}

impl Error for SpawnError {}
