//! Windows of rings, wake words and pools of blocks: memory that components share.

#![allow(
    unsafe_code,
    reason = "rings, wake words and blocks are raw shared memory"
)]

use std::alloc::{Layout, alloc_zeroed, handle_alloc_error};
use std::cell::RefCell;
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};

use atoll_abi::block::{BLOCK_SIZE, SECTOR_SIZE};
use atoll_abi::connection::{CONNECTION_WORDS, WAKE_WORDS};
use atoll_abi::layout::{PAGE_SIZE, RING_WINDOW_SIZE};
use atoll_channel::{Endpoint, Side, WakeWords, announce_lost};
use atoll_runtime::window::{FrameMemory, PoolMemory};

use crate::machine::POOL_BLOCKS;

/// 64-bit words of a window.
pub const WORDS: usize = RING_WINDOW_SIZE / 8;

/// Words of a block.
const BLOCK_WORDS: usize = BLOCK_SIZE / 8;

thread_local! {
    /// Windows that are not used now. Their memory is never given back, so an endpoint that outlives its window still
    /// points to memory that is a window.
    static FREE: RefCell<Vec<*mut u8>> = const { RefCell::new(Vec::new()) };
    /// Wake words that are not used now, likewise.
    static FREE_WORDS: RefCell<Vec<*mut u8>> = const { RefCell::new(Vec::new()) };
    /// Pools that are not used now, likewise.
    static FREE_POOLS: RefCell<Vec<*mut u8>> = const { RefCell::new(Vec::new()) };
}

fn zeroed(layout: Layout) -> *mut u8 {
    // SAFETY: all callers give a layout with a size.
    let memory = unsafe { alloc_zeroed(layout) };
    if memory.is_null() {
        handle_alloc_error(layout);
    }
    memory
}

/// Where the memory of one channel is: zeroed at first, page-aligned, never given back, and accessed by atomic operations only.
#[derive(Clone, Copy)]
pub struct Place(*mut u8);

impl Place {
    /// The first incarnation of a side.
    pub fn attach(self, side: Side) -> Endpoint {
        // SAFETY: a zeroed, aligned window that is never unmapped.
        unsafe { Endpoint::attach(self.0, side) }
    }

    /// A new incarnation of a side that died.
    pub fn attach_again(self, side: Side) -> Endpoint {
        // SAFETY: as in `attach`; what a dead incarnation would still do is atomic too.
        unsafe { Endpoint::attach_again(self.0, side) }
    }

    /// The first incarnation of a side, or a new one where it died.
    pub fn attach_next(self, side: Side) -> Endpoint {
        // SAFETY: as in `attach_again`.
        unsafe { Endpoint::attach_next(self.0, side) }
    }

    /// Says that a side is dead.
    pub fn announce_lost(self, side: Side) {
        // SAFETY: as in `attach`.
        unsafe { announce_lost(self.0, side) }
    }

    fn word(&self, word: usize) -> &AtomicU64 {
        assert!(word < WORDS);
        // SAFETY: inside the window, aligned, and all accesses are atomic.
        unsafe { AtomicU64::from_ptr(self.0.add(word * 8).cast()) }
    }

    /// Writes any word, as a peer that lies can.
    pub fn poke(self, word: usize, value: u64) {
        self.word(word).store(value, Ordering::Relaxed);
    }

    /// Reads any word, by its offset in bytes, as an observer can.
    pub fn peek(self, offset: usize) -> u64 {
        self.word(offset / 8).load(Ordering::Relaxed)
    }
}

/// The memory of one channel.
pub struct Window(Place);

impl Window {
    /// A window of zeros.
    pub fn new() -> Window {
        let layout = Layout::from_size_align(RING_WINDOW_SIZE, PAGE_SIZE).expect("sizes of pages");
        if let Some(memory) = FREE.with_borrow_mut(Vec::pop) {
            let place = Place(memory);
            (0..WORDS).for_each(|word| place.poke(word, 0));
            return Window(place);
        }
        Window(Place(zeroed(layout)))
    }
}

impl Deref for Window {
    type Target = Place;

    fn deref(&self) -> &Place {
        &self.0
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        // A thread that ends has no list any more, and leaves its windows to the end of the program.
        let _ = FREE.try_with(|free| free.borrow_mut().push(self.0.0));
    }
}

/// A pool of blocks.
pub struct Pool(*mut u8);

impl Pool {
    /// A pool of zeros.
    pub fn new() -> Pool {
        let bytes = POOL_BLOCKS as usize * BLOCK_SIZE;
        let layout = Layout::from_size_align(bytes, PAGE_SIZE).expect("sizes of pages");
        let memory = FREE_POOLS.with_borrow_mut(Vec::pop);
        let pool = Pool(memory.unwrap_or_else(|| zeroed(layout)));
        (0..POOL_BLOCKS).for_each(|block| pool.spoil(block, 0));
        pool
    }

    /// The pool, for the process that has it.
    pub fn of_process(&self) -> PoolMemory {
        // SAFETY: as many blocks, which are never given back. What writes them is the simulated device, for a read that the
        // process has sent, and `spoil`, for such a read; both in the one thread of the run, while no vcore runs. That the
        // process does not look at such a block is what the simulator checks.
        unsafe { PoolMemory::new(self.0, POOL_BLOCKS) }
    }

    fn words(&self, block: u32) -> &[AtomicU64; BLOCK_WORDS] {
        assert!(block < POOL_BLOCKS);
        // SAFETY: inside the pool and aligned; others access it in this thread only.
        unsafe { &*self.0.add(block as usize * BLOCK_SIZE).cast() }
    }

    /// A device writes bytes into a block.
    pub fn write(&self, block: u32, offset: usize, bytes: &[u8]) {
        let words = self.words(block).iter().skip(offset / 8);
        for (word, bytes) in words.zip(bytes.as_chunks().0) {
            word.store(u64::from_le_bytes(*bytes), Ordering::Relaxed);
        }
    }

    /// Writes a value all over a block.
    pub fn spoil(&self, block: u32, value: u64) {
        for word in self.words(block) {
            word.store(value, Ordering::Relaxed);
        }
    }

    /// A device reads a sector of a block.
    pub fn read_sector(&self, block: u32, offset: usize) -> [u8; SECTOR_SIZE] {
        let mut bytes = [0; SECTOR_SIZE];
        let words = self.words(block).iter().skip(offset / 8);
        for (word, bytes) in words.zip(bytes.as_chunks_mut().0) {
            *bytes = word.load(Ordering::Relaxed).to_le_bytes();
        }
        bytes
    }

    /// Copies a block.
    pub fn read(&self, block: u32, into: &mut [u8; BLOCK_SIZE]) {
        for (word, bytes) in self.words(block).iter().zip(into.as_chunks_mut().0) {
            *bytes = word.load(Ordering::Relaxed).to_le_bytes();
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let _ = FREE_POOLS.try_with(|free| free.borrow_mut().push(self.0));
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

/// The frames of a process of a cluster with so many of them.
pub fn frames_of_process(frames: usize) -> FrameMemory {
    // SAFETY: no simulated process looks at the bytes of a frame: the simulation says whether it is there.
    unsafe { FrameMemory::new(std::ptr::null_mut(), frames as u32) }
}
