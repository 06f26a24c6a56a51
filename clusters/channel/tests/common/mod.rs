//! A window on the host's heap.
#![allow(dead_code, reason = "each test uses what it needs")]

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::sync::atomic::{AtomicU64, Ordering};

use atoll_abi::layout::{PAGE_SIZE, RING_WINDOW_SIZE};
use atoll_channel::{Endpoint, Side, announce_lost};

pub struct Window(*mut u8);

impl Window {
    fn layout() -> Layout {
        Layout::from_size_align(RING_WINDOW_SIZE, PAGE_SIZE).unwrap()
    }

    pub fn new() -> Window {
        // SAFETY: the layout has a size.
        let window = unsafe { alloc_zeroed(Window::layout()) };
        assert!(!window.is_null());
        Window(window)
    }

    /// Both sides. The window must outlive them.
    pub fn attach(&self) -> (Endpoint, Endpoint) {
        // SAFETY: a zeroed, aligned window, which the tests keep until both sides are dropped.
        unsafe {
            (
                Endpoint::attach(self.0, Side::First),
                Endpoint::attach(self.0, Side::Second),
            )
        }
    }

    /// One side, for the first time.
    pub fn attach_side(&self, side: Side) -> Endpoint {
        // SAFETY: as above.
        unsafe { Endpoint::attach(self.0, side) }
    }

    /// A new incarnation of one side, which is dead: its endpoint was dropped.
    pub fn attach_again(&self, side: Side) -> Endpoint {
        // SAFETY: as above.
        unsafe { Endpoint::attach_again(self.0, side) }
    }

    /// What a supervisor does when it stopped a side.
    pub fn announce_lost(&self, side: Side) {
        // SAFETY: as above.
        unsafe { announce_lost(self.0, side) }
    }

    /// A word of the window, as a hostile peer sees it.
    pub fn word(&self, offset: usize) -> &AtomicU64 {
        assert!(offset.is_multiple_of(8) && offset < RING_WINDOW_SIZE);
        // SAFETY: inside the window, aligned, and all accesses are atomic.
        unsafe { AtomicU64::from_ptr(self.0.add(offset).cast()) }
    }

    pub fn poke(&self, offset: usize, value: u64) {
        self.word(offset).store(value, Ordering::SeqCst);
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout in `new`.
        unsafe { dealloc(self.0, Window::layout()) }
    }
}
