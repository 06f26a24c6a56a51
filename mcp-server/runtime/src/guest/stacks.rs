//! Stacks on seL4: those that the root task has mapped for the process.

use core::ops::Range;

use atoll_abi::layout::uthread_stack;

use crate::stack::SpawnError;
use crate::stack::slots::Slots;

static SLOTS: spin::Mutex<Slots> = spin::Mutex::new(Slots::new());

/// One of the process's stacks, above a page at which nothing is mapped.
pub(crate) struct Stack {
    index: usize,
    memory: Range<usize>,
}

/// Tells how many uthreads the root task has mapped stacks for, beside the first. Called once, before any is started.
pub(crate) fn claim(uthreads: usize) {
    SLOTS.lock().claim(uthreads);
}

impl Stack {
    /// A stack of at least `size` bytes.
    pub(crate) fn new(size: usize) -> Result<Stack, SpawnError> {
        let index = SLOTS.lock().take(size)?;
        Ok(Stack {
            index,
            memory: uthread_stack(index),
        })
    }

    /// The address just above the stack, a multiple of 16.
    pub(crate) fn top(&self) -> *mut u8 {
        core::ptr::with_exposed_provenance_mut(self.memory.end)
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        SLOTS.lock().give_back(self.index);
    }
}
