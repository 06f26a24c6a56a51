//! Windows of rings and wake words on the heap: the one place of the simulator with unsafe code.

#![allow(unsafe_code, reason = "rings and wake words are raw shared memory")]

use std::alloc::{Layout, alloc_zeroed, handle_alloc_error};
use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};

use atoll_abi::connection::{CONNECTION_WORDS, WAKE_WORDS};
use atoll_abi::layout::{PAGE_SIZE, RING_WINDOW_SIZE};
use atoll_channel::{Endpoint, Side, WakeWords, announce_lost};

/// 64-bit words of a window.
pub const WORDS: usize = RING_WINDOW_SIZE / 8;

thread_local! {
    /// Windows that are not used now. Their memory is never given back, so an endpoint that outlives its window still
    /// points to memory that is a window.
    static FREE: RefCell<Vec<*mut u8>> = const { RefCell::new(Vec::new()) };
    /// Wake words that are not used now, likewise.
    static FREE_WORDS: RefCell<Vec<*mut u8>> = const { RefCell::new(Vec::new()) };
}

fn zeroed(layout: Layout) -> *mut u8 {
    // SAFETY: both callers give a layout with a size.
    let memory = unsafe { alloc_zeroed(layout) };
    if memory.is_null() {
        handle_alloc_error(layout);
    }
    memory
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
        Window(zeroed(layout))
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

/// The wake words of one writer: zeroed, aligned, and accessed by atomic operations only.
pub struct WakeMemory(*mut u8);

impl WakeMemory {
    /// Words of which no bit is set.
    pub fn new() -> WakeMemory {
        let layout = Layout::from_size_align(WAKE_WORDS * 8, 64).expect("a few words");
        if let Some(memory) = FREE_WORDS.with_borrow_mut(Vec::pop) {
            let words = WakeMemory(memory);
            words.attach().take(|_| {});
            return words;
        }
        WakeMemory(zeroed(layout))
    }

    /// The words, for one of those who use them.
    pub fn attach(&self) -> WakeWords {
        // SAFETY: as many zeroed, aligned words, which are never unmapped and are used as wake words only.
        unsafe { WakeWords::attach(self.0) }
    }

    /// Whether a bit is set.
    pub fn any(&self) -> bool {
        self.attach().any()
    }

    /// Whether the bit of a connection is set.
    pub fn is_set(&self, connection: usize) -> bool {
        assert!(connection < CONNECTION_WORDS * 64);
        // SAFETY: inside the words, aligned, and all accesses are atomic.
        let word = unsafe { AtomicU64::from_ptr(self.0.add(connection / 64 * 8).cast()) };
        word.load(Ordering::Relaxed) & 1 << (connection % 64) != 0
    }
}

impl Drop for WakeMemory {
    fn drop(&mut self) {
        let _ = FREE_WORDS.try_with(|free| free.borrow_mut().push(self.0));
    }
}
