//! Windows of shared memory on the heap: the one place of the simulator with unsafe code.

#![allow(unsafe_code, reason = "the windows of rings are raw shared memory")]

use std::alloc::{Layout, alloc_zeroed, handle_alloc_error};
use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};

use atoll_abi::layout::{PAGE_SIZE, RING_WINDOW_SIZE};
use atoll_channel::{Endpoint, Side, announce_lost};

/// 64-bit words of a window.
pub const WORDS: usize = RING_WINDOW_SIZE / 8;

thread_local! {
    /// Windows that nobody uses now. Their memory is never given back, so an endpoint that outlives its window still
    /// points to memory that is a window.
    static FREE: RefCell<Vec<*mut u8>> = const { RefCell::new(Vec::new()) };
}

/// The memory of one channel: zeroed, page-aligned, and accessed by atomic operations only.
pub struct Window(*mut u8);

impl Window {
    /// A window of zeros.
    pub fn new() -> Window {
        let layout = Layout::from_size_align(RING_WINDOW_SIZE, PAGE_SIZE).expect("sizes of pages");
        if let Some(memory) = FREE.with_borrow_mut(Vec::pop) {
            let window = Window(memory);
            for word in 0..WORDS {
                window.poke(word, 0);
            }
            return window;
        }
        // SAFETY: the layout has a size.
        let memory = unsafe { alloc_zeroed(layout) };
        if memory.is_null() {
            handle_alloc_error(layout);
        }
        Window(memory)
    }

    /// The first incarnation of a side.
    pub fn attach(&self, side: Side) -> Endpoint {
        // SAFETY: a zeroed, aligned window that is never unmapped.
        unsafe { Endpoint::attach(self.0, side) }
    }

    /// A new incarnation of a side that died.
    pub fn attach_again(&self, side: Side) -> Endpoint {
        // SAFETY: as in `attach`; what a dead incarnation would still do is atomic too.
        unsafe { Endpoint::attach_again(self.0, side) }
    }

    /// Says that a side is dead.
    pub fn announce_lost(&self, side: Side) {
        // SAFETY: as in `attach`.
        unsafe { announce_lost(self.0, side) }
    }

    /// Writes any word, as a peer that lies can.
    pub fn poke(&self, word: usize, value: u64) {
        assert!(word < WORDS);
        // SAFETY: inside the window, aligned, and all accesses are atomic.
        let word = unsafe { AtomicU64::from_ptr(self.0.add(word * 8).cast()) };
        word.store(value, Ordering::Relaxed);
    }
}

impl Default for Window {
    fn default() -> Window {
        Window::new()
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        // A thread that ends has no list any more, and leaves its windows to the end of the program.
        let _ = FREE.try_with(|free| free.borrow_mut().push(self.0));
    }
}
