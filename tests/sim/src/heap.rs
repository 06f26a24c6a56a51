//! The heap of the simulated processes. It ends with the run, as a process's memory ends with the process: what a process that
//! was killed has on it is dropped by nobody.

#![allow(unsafe_code, reason = "an allocator")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ptr::null_mut;

use atoll_runtime::simulated::reclaim_stacks;

/// Bytes for the processes of one run. Memory that is never touched is never taken.
const SIZE: usize = 256 << 20;
const ALIGNMENT: usize = 4096;
/// The least block: one free block names the next one.
const LEAST: usize = 16;
const CLASSES: usize = SIZE.ilog2() as usize + 1;

/// The heap of a thread's processes. Blocks have sizes that are powers of two.
struct Heap {
    /// Whether what the thread allocates is a process's.
    of_process: Cell<bool>,
    /// A simulation uses it.
    exists: Cell<bool>,
    base: Cell<*mut u8>,
    used: Cell<usize>,
    /// By the logarithm of their size, free blocks.
    free: [Cell<*mut u8>; CLASSES],
}

thread_local! {
    static HEAP: Heap = const {
        Heap {
            of_process: Cell::new(false),
            exists: Cell::new(false),
            base: Cell::new(null_mut()),
            used: Cell::new(0),
            free: [const { Cell::new(null_mut()) }; CLASSES],
        }
    };
}

impl Heap {
    fn allocate(&self, layout: Layout) -> *mut u8 {
        if layout.align() > ALIGNMENT {
            return null_mut();
        }
        let size = layout.size().max(layout.align()).max(LEAST);
        let size = size.next_power_of_two();
        let Some(free) = self.free.get(size.ilog2() as usize) else {
            return null_mut();
        };
        let block = free.get();
        if !block.is_null() {
            // SAFETY: a free block of this heap, in which `free` wrote the next one.
            free.set(unsafe { block.cast::<*mut u8>().read() });
            return block;
        }
        let Some(base) = self.base() else {
            return null_mut();
        };
        let at = self.used.get().next_multiple_of(size.min(ALIGNMENT));
        if at + size > SIZE {
            return null_mut();
        }
        self.used.set(at + size);
        // SAFETY: inside the heap, as the line above says.
        unsafe { base.add(at) }
    }

    fn base(&self) -> Option<*mut u8> {
        if self.base.get().is_null() {
            let layout = Layout::from_size_align(SIZE, ALIGNMENT).ok()?;
            // SAFETY: the layout has a size.
            self.base.set(unsafe { System.alloc(layout) });
        }
        Some(self.base.get()).filter(|base| !base.is_null())
    }

    /// Whether a block is one of this heap.
    fn has(&self, block: *mut u8) -> bool {
        let base = self.base.get();
        !base.is_null() && block.addr().wrapping_sub(base.addr()) < SIZE
    }

    /// Takes a block of this heap back.
    fn free(&self, block: *mut u8, layout: Layout) {
        let size = layout.size().max(layout.align()).max(LEAST);
        if let Some(free) = self.free.get(size.next_power_of_two().ilog2() as usize) {
            // SAFETY: a block of this heap, which has room for a pointer, is aligned for it, and is used by nobody.
            unsafe { block.cast::<*mut u8>().write(free.get()) };
            free.set(block);
        }
    }
}

struct Allocator;

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

// SAFETY: a block is the system's, or lies in the heap of the calling thread, where blocks do not overlap. A process's block is
// used on its thread, in its run, and after it only where `ProcessMemory::keep` was called.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HEAP.with(|heap| match heap.of_process.get() {
            true => heap.allocate(layout),
            // SAFETY: the caller's promise.
            false => unsafe { System.alloc(layout) },
        })
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        HEAP.with(|heap| match heap.has(block) {
            true => heap.free(block, layout),
            // SAFETY: the caller's promise; the block is the system's.
            false => unsafe { System.dealloc(block, layout) },
        });
    }
}

/// Has what the calling thread allocates be a process's, or no more. Tells whether it was.
pub fn set_of_process(of_process: bool) -> bool {
    HEAP.with(|heap| heap.of_process.replace(of_process))
}

/// Whether what the calling thread allocates is a process's.
pub fn is_of_process() -> bool {
    HEAP.with(|heap| heap.of_process.get())
}

/// The memory of the processes of one run: their heap, and the stacks of their vcores and uthreads. A thread has one at a time.
pub struct ProcessMemory {
    /// What is on the heap may be used even when the run is over.
    kept: Cell<bool>,
}

impl ProcessMemory {
    /// Memory that nothing is on.
    ///
    /// # Panics
    /// Where the thread has such memory.
    pub fn new() -> ProcessMemory {
        let other = HEAP.with(|heap| heap.exists.replace(true));
        assert!(!other, "a thread runs one simulation at a time");
        ProcessMemory {
            kept: Cell::new(false),
        }
    }

    /// Keeps what is on the heap for good: a process that panicked may have left something with the standard library.
    pub fn keep(&self) {
        self.kept.set(true);
    }
}

impl Drop for ProcessMemory {
    fn drop(&mut self) {
        HEAP.with(|heap| {
            heap.exists.set(false);
            heap.used.set(0);
            heap.free.iter().for_each(|free| free.set(null_mut()));
            if self.kept.get() {
                heap.base.set(null_mut());
            }
        });
        // SAFETY: the simulation has this as its last field: the vcores, which alone could go on with what is suspended on the
        // stacks, were dropped before.
        unsafe { reclaim_stacks() };
    }
}
