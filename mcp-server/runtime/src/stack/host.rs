//! Stacks on a host: memory maps of their own, whose lowest page is the guard.
#![allow(unsafe_code, reason = "maps memory")]

use core::ffi::c_void;
use core::ptr::null_mut;

use atoll_abi::layout::PAGE_SIZE;
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};

use super::{DEFAULT_STACK_SIZE, SpawnError};

/// Memory for one stack, above a page that faults.
pub(crate) struct Stack {
    /// The guard page.
    map: *mut c_void,
    /// Bytes of the guard page and the stack.
    length: usize,
}

// SAFETY: the map is this value's alone, whatever thread has the value.
unsafe impl Send for Stack {}

impl Stack {
    /// A stack of at least `size` bytes.
    pub(crate) fn new(size: usize) -> Result<Stack, SpawnError> {
        let length = size
            .max(DEFAULT_STACK_SIZE)
            .checked_next_multiple_of(PAGE_SIZE)
            .and_then(|size| size.checked_add(PAGE_SIZE))
            .ok_or(SpawnError::StackTooLarge)?;
        // SAFETY: a new map, where the kernel finds room.
        let map =
            unsafe { mmap_anonymous(null_mut(), length, ProtFlags::empty(), MapFlags::PRIVATE) };
        let map = map.map_err(|_| SpawnError::NoStack)?;
        let stack = Stack { map, length };
        let writable = MprotectFlags::READ | MprotectFlags::WRITE;
        // SAFETY: the map without its first page, to which there are no references.
        unsafe { mprotect(map.byte_add(PAGE_SIZE), length - PAGE_SIZE, writable) }
            .map_err(|_| SpawnError::NoStack)?;
        Ok(stack)
    }

    /// The address just above the stack, a multiple of 16.
    pub(crate) fn top(&self) -> *mut u8 {
        // SAFETY: the end of the map.
        unsafe { self.map.byte_add(self.length).cast() }
    }

    /// Makes the guard page ordinary memory, as the memory below a stack on the heap is.
    #[cfg(test)]
    pub(crate) fn remove_guard(&self) {
        let writable = MprotectFlags::READ | MprotectFlags::WRITE;
        // SAFETY: the first page of the map, to which there are no references.
        unsafe { mprotect(self.map, PAGE_SIZE, writable) }.expect("a page of the map");
    }

    /// The address just above the guard page.
    #[cfg(test)]
    pub(crate) fn base(&self) -> *mut u8 {
        // SAFETY: inside the map.
        unsafe { self.map.byte_add(PAGE_SIZE).cast() }
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: mapped in `new`; who drops a stack has nothing on it any more. A map that stays is a leak and no harm.
        let _ = unsafe { munmap(self.map, self.length) };
    }
}
