//! Stacks that are used again, those on which something was suspended for good too: a simulator has more of them than fit into
//! memory, and knows when they are over.
#![allow(unsafe_code, reason = "keeps a list of maps in the maps themselves")]

extern crate std;

use core::cell::Cell;
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicBool, Ordering};

use super::{SpawnError, host};

std::thread_local! {
    /// The stack that this thread mapped last, or null.
    static LAST: Cell<*mut Kept> = const { Cell::new(ptr::null_mut()) };
}

/// What lies above each stack: the heap may be another one whenever a stack is looked for.
#[repr(C, align(16))]
struct Kept {
    /// The stack that this thread mapped before, or null.
    before: *mut Kept,
    size: usize,
    used: AtomicBool,
    /// Stays mapped: it is never dropped.
    map: host::Stack,
}

/// Memory for one stack, above a page that faults. The map stays when the stack is dropped.
pub(crate) struct Stack(NonNull<Kept>);

// SAFETY: a stack is its value's alone, whatever thread has the value; of what lies above it, which the thread looks at that
// mapped it, only the atomic flag ever changes.
unsafe impl Send for Stack {}

impl Stack {
    /// A stack of at least `size` bytes.
    pub(crate) fn new(size: usize) -> Result<Stack, SpawnError> {
        let found = all().find(|kept| {
            // SAFETY: each one in the list was written below, and stays mapped.
            let kept = unsafe { kept.as_ref() };
            kept.size == size && !kept.used.swap(true, Ordering::Acquire)
        });
        if let Some(found) = found {
            return Ok(Stack(found));
        }
        let whole = size.checked_add(size_of::<Kept>());
        let map = host::Stack::new(whole.ok_or(SpawnError::StackTooLarge)?)?;
        // SAFETY: the map is at least so large, and its end is aligned to 16 bytes and never null.
        let kept = unsafe {
            let kept = map.top().cast::<Kept>().sub(1);
            kept.write(Kept {
                before: LAST.get(),
                size,
                used: AtomicBool::new(true),
                map,
            });
            NonNull::new_unchecked(kept)
        };
        LAST.set(kept.as_ptr());
        Ok(Stack(kept))
    }

    /// The address just above the stack, a multiple of 16.
    pub(crate) fn top(&self) -> *mut u8 {
        self.0.as_ptr().cast()
    }

    /// See [`host::Stack::remove_guard`].
    #[cfg(test)]
    pub(crate) fn remove_guard(&self) {
        // SAFETY: as in `new`.
        unsafe { self.0.as_ref() }.map.remove_guard();
    }

    /// See [`host::Stack::base`].
    #[cfg(test)]
    pub(crate) fn base(&self) -> *mut u8 {
        // SAFETY: as in `new`.
        unsafe { self.0.as_ref() }.map.base()
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: as in `new`.
        unsafe { self.0.as_ref() }
            .used
            .store(false, Ordering::Release);
    }
}

/// All stacks that this thread has mapped.
fn all() -> impl Iterator<Item = NonNull<Kept>> {
    // SAFETY: as in `new`.
    core::iter::successors(NonNull::new(LAST.get()), |kept| unsafe {
        NonNull::new(kept.as_ref().before)
    })
}

/// Has all stacks that the calling thread mapped be used again.
///
/// # Safety
/// Nothing that is suspended on one of them is resumed, and nothing on them is used, from now on.
pub unsafe fn reclaim_stacks() {
    for kept in all() {
        // SAFETY: as in `new`.
        unsafe { kept.as_ref() }
            .used
            .store(false, Ordering::Release);
    }
}
