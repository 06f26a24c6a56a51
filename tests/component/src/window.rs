//! Shared memory on the heap: the windows of channels, and wake words.
#![allow(
    unsafe_code,
    reason = "a channel is attached to raw memory, which others write"
)]

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use atoll_abi::connection::WAKE_WORDS;
use atoll_abi::layout::{PAGE_SIZE, RING_WINDOW_SIZE};
use atoll_channel::{Endpoint, Side, WakeWords, announce_lost};

const LAYOUT: Layout = match Layout::from_size_align(RING_WINDOW_SIZE, PAGE_SIZE) {
    Ok(layout) => layout,
    Err(_) => panic!("a window has a size and an alignment"),
};

/// The window of a channel.
pub struct Window(*mut u8);

// SAFETY: the window is plain memory that every user accesses atomically.
unsafe impl Send for Window {}
// SAFETY: as above.
unsafe impl Sync for Window {}

/// One side's endpoint, which keeps its window.
pub struct Attached {
    endpoint: Endpoint,
    _window: Arc<Window>,
}

impl Attached {
    /// The endpoint.
    pub fn endpoint(&mut self) -> &mut Endpoint {
        &mut self.endpoint
    }
}

impl Window {
    fn zeroed() -> Window {
        // SAFETY: the layout has a size.
        let window = unsafe { alloc_zeroed(LAYOUT) };
        if window.is_null() {
            handle_alloc_error(LAYOUT);
        }
        Window(window)
    }

    /// A window of zeros.
    pub fn new() -> Arc<Window> {
        Arc::new(Window::zeroed())
    }

    /// A new channel in a window that stays for good: the window and both sides.
    pub fn channel() -> (&'static Window, [Endpoint; 2]) {
        let window: &'static Window = Box::leak(Box::new(Window::zeroed()));
        // SAFETY: a zeroed, aligned window that is never given back; each side is attached once.
        let attach = |side| unsafe { Endpoint::attach(window.0, side) };
        (window, [attach(Side::First), attach(Side::Second)])
    }

    /// Attaches a side, for the first time.
    pub fn attach(self: &Arc<Window>, side: Side) -> Attached {
        Attached {
            // SAFETY: a zeroed, aligned window, which lives as long as what is attached to it.
            endpoint: unsafe { Endpoint::attach(self.0, side) },
            _window: self.clone(),
        }
    }

    /// Attaches a side that died: its endpoint was dropped, or is not used any more.
    pub fn attach_again(self: &Arc<Window>, side: Side) -> Attached {
        Attached {
            // SAFETY: as above.
            endpoint: unsafe { Endpoint::attach_again(self.0, side) },
            _window: self.clone(),
        }
    }

    /// Says that a side died.
    pub fn announce_lost(&self, side: Side) {
        // SAFETY: as above.
        unsafe { announce_lost(self.0, side) }
    }

    /// A word of the window, by its offset in bytes.
    fn word(&self, offset: usize) -> &AtomicU64 {
        assert!(offset.is_multiple_of(8) && offset < RING_WINDOW_SIZE);
        // SAFETY: inside the window, aligned, and all accesses are atomic.
        unsafe { AtomicU64::from_ptr(self.0.add(offset).cast()) }
    }

    /// Reads a word as a peer does.
    pub fn read(&self, offset: usize) -> u64 {
        self.word(offset).load(Ordering::SeqCst)
    }

    /// Writes a word as a peer does.
    pub fn write(&self, offset: usize, value: u64) {
        self.word(offset).store(value, Ordering::SeqCst);
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout in `zeroed`; nothing is attached any more.
        unsafe { dealloc(self.0, LAYOUT) }
    }
}

/// Wake words that stay for good; to be attached as often as they have users.
#[derive(Clone, Copy)]
pub struct WakeMemory(&'static [AtomicU64; WAKE_WORDS]);

impl WakeMemory {
    /// Words of zeros.
    pub fn new() -> WakeMemory {
        WakeMemory(Box::leak(Box::new(
            [const { AtomicU64::new(0) }; WAKE_WORDS],
        )))
    }

    /// The words, for one of their users.
    pub fn attach(self) -> WakeWords {
        // SAFETY: as many words, aligned, that are never given back and are used as wake words only.
        unsafe { WakeWords::attach(self.0.as_ptr().cast_mut().cast()) }
    }
}

impl Default for WakeMemory {
    fn default() -> WakeMemory {
        WakeMemory::new()
    }
}
