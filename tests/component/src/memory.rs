//! Windows on the heap.
#![allow(unsafe_code)]

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::sync::Arc;

use atoll_abi::layout::{PAGE_SIZE, RING_WINDOW_SIZE};
use atoll_channel::{Endpoint, Side};

const LAYOUT: Layout = match Layout::from_size_align(RING_WINDOW_SIZE, PAGE_SIZE) {
    Ok(layout) => layout,
    Err(_) => panic!("a window has a size and an alignment"),
};

struct Window(*mut u8);

// SAFETY: whoever has the pointer uses the memory as a channel's window only, which is made of atomics.
unsafe impl Send for Window {}
// SAFETY: as above.
unsafe impl Sync for Window {}

impl Drop for Window {
    fn drop(&mut self) {
        // SAFETY: it was allocated with this layout, and no end that uses it is left.
        unsafe { dealloc(self.0, LAYOUT) };
    }
}

/// One side of a channel, which keeps its window.
pub struct End {
    /// The side.
    pub endpoint: Endpoint,
    _window: Arc<Window>,
}

/// Both sides of a new channel.
pub fn channel() -> [End; 2] {
    // SAFETY: the layout has a size.
    let memory = unsafe { alloc_zeroed(LAYOUT) };
    if memory.is_null() {
        handle_alloc_error(LAYOUT);
    }
    let window = Arc::new(Window(memory));
    [Side::First, Side::Second].map(|side| End {
        // SAFETY: a zeroed, aligned window that lives as long as each end; each side is attached once.
        endpoint: unsafe { Endpoint::attach(memory, side) },
        _window: window.clone(),
    })
}
