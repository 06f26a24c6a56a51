//! The window of a channel, on the host's heap, with a peer that writes into it what it likes.
#![expect(
    unsafe_code,
    reason = "a channel is attached to raw memory, which others write"
)]

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use atoll_abi::layout::{PAGE_SIZE, RING_WINDOW_SIZE};
use atoll_channel::{CAPACITY, Endpoint, Side, announce_lost, window};

use crate::Script;

/// A window of shared memory.
pub struct Window(*mut u8);

// SAFETY: the window is plain memory that every user accesses atomically.
unsafe impl Send for Window {}
// SAFETY: as above.
unsafe impl Sync for Window {}

/// One side's endpoint, which keeps its window.
pub struct Attached {
    /// The endpoint.
    pub endpoint: Endpoint,
    _window: Arc<Window>,
}

impl Window {
    fn layout() -> Layout {
        Layout::from_size_align(RING_WINDOW_SIZE, PAGE_SIZE).expect("a window has a layout")
    }

    /// A window of zeros.
    pub fn new() -> Arc<Window> {
        // SAFETY: the layout has a size.
        let window = unsafe { alloc_zeroed(Window::layout()) };
        if window.is_null() {
            handle_alloc_error(Window::layout());
        }
        Arc::new(Window(window))
    }

    /// Attaches a side, for the first time.
    pub fn attach(self: &Arc<Window>, side: Side) -> Attached {
        Attached {
            // SAFETY: a zeroed, aligned window, which lives as long as what is attached to it.
            endpoint: unsafe { Endpoint::attach(self.0, side) },
            _window: self.clone(),
        }
    }

    /// Attaches a side that died: its endpoint was dropped.
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

    /// Writes one word somewhere, mostly one that matters and a value that is nearly right. `index` is about where the
    /// victim's counts are, `generation` what its stamps carry.
    pub fn scribble(&self, script: &mut Script, generation: u32, index: u64) {
        let ring = script.below(2) * window::RING;
        let stamp = |count: u64| u64::from(generation) << 48 | count & 0xffff_ffff_ffff;
        let likely = [
            stamp(index),
            stamp(index + 1),
            stamp(index + 2),
            stamp((index + 1).saturating_sub(CAPACITY as u64)),
            stamp(index) ^ 1 << 48,
            stamp(0),
            stamp(1),
            0,
        ];
        let slot = |slot: u64| window::SLOTS + slot as usize % CAPACITY * 64;
        let (offset, value) = match script.below(16) {
            0..6 => (slot(index), script.word(&likely)),
            6..8 => (slot(index + 1), script.word(&likely)),
            8 => (slot(script.byte().into()), script.word(&likely)),
            9..12 => (window::CONSUMED, script.word(&likely)),
            12 => (window::ASLEEP, script.word(&likely)),
            13 => {
                let now = self.read(ring + window::INCARNATION);
                let likely = [now, now.wrapping_add(1), now.wrapping_add(2)];
                (window::INCARNATION, script.word(&likely))
            }
            _ => {
                let word = script.byte() as usize * 256 + script.byte() as usize;
                (word * 8 % window::RING, script.raw())
            }
        };
        self.write(ring + offset, value);
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout in `new`.
        unsafe { dealloc(self.0, Window::layout()) }
    }
}
