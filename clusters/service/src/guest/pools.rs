//! The pools of blocks that are mapped in a service.

use alloc::boxed::Box;
use alloc::vec::Vec;

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::layout::SERVICE_POOL;
use atoll_abi::plan::Plan;
use atoll_component::meter;

use crate::links::Memory;

const WORD: usize = size_of::<u64>();

/// Words that are copied between two looks at how many are left.
const RUN: usize = 8;

/// The pools that a service reaches, by their indexes in the plan.
pub(super) struct Pools(Box<[Pool]>);

struct Pool {
    /// Its index in the plan.
    index: u32,
    blocks: u32,
    address: usize,
    /// It is a client's.
    lent: bool,
}

impl Pools {
    /// Those of a service of a plan, which is the one that runs.
    pub(super) fn new(plan: &Plan, service: usize) -> Pools {
        let pools = plan.reached_pools(service).map(|reached| Pool {
            index: reached.pool,
            blocks: plan.pools()[reached.pool as usize].blocks,
            address: reached.address,
            lent: reached.address != SERVICE_POOL,
        });
        let mut pools: Vec<Pool> = pools.collect();
        pools.sort_unstable_by_key(|pool| pool.index);
        Pools(pools.into_boxed_slice())
    }

    /// Where a block begins, of which so many bytes are about to be copied.
    fn block(&self, pool: u32, index: u32, bytes: usize) -> *mut u64 {
        let place = self.0.binary_search_by_key(&pool, |it| it.index);
        let own = &self.0[place.unwrap_or_else(|_| panic!("pool {pool} is not reached"))];
        assert!(index < own.blocks, "pool {pool} has no block {index}");
        if own.lent {
            meter::copied(bytes);
        }
        (own.address + index as usize * BLOCK_SIZE) as *mut u64
    }
}

/// Bytes of a block, which are copied a word at a time as far as they are aligned.
struct Place {
    first: *mut u8,
    /// Bytes before the first whole word.
    head: usize,
}

impl Place {
    /// So many bytes of a block from an offset on.
    ///
    /// # Panics
    /// Where they are not all in the block.
    fn new(block: *mut u64, offset: usize, length: usize) -> Place {
        assert!(offset <= BLOCK_SIZE && length <= BLOCK_SIZE - offset);
        Place {
            first: block.cast::<u8>().wrapping_add(offset),
            head: (offset.next_multiple_of(WORD) - offset).min(length),
        }
    }
}

/// Copies words out of a block.
///
/// # Safety
/// So many words lie in a block, from an aligned address on.
unsafe fn read_words(from: *const u64, into: &mut [[u8; WORD]]) {
    // SAFETY: the caller's. The words are never borrowed. Volatile, because a device or the client may write them meanwhile: any value is
    // a word.
    let read = |at: *const u64| unsafe { at.read_volatile() }.to_le_bytes();
    let (runs, rest) = into.as_chunks_mut::<RUN>();
    let mut at = from;
    for run in runs {
        for (number, word) in run.iter_mut().enumerate() {
            *word = read(at.wrapping_add(number));
        }
        at = at.wrapping_add(RUN);
    }
    for (number, word) in rest.iter_mut().enumerate() {
        *word = read(at.wrapping_add(number));
    }
}

/// Copies words into a block.
///
/// # Safety
/// As for [`read_words`].
unsafe fn write_words(to: *mut u64, from: &[[u8; WORD]]) {
    // SAFETY: the caller's; the root task mapped the pools writable. Volatile, because a device or the client may read the words meanwhile.
    let write = |at: *mut u64, word| unsafe { at.write_volatile(u64::from_le_bytes(word)) };
    let (runs, rest) = from.as_chunks::<RUN>();
    let mut at = to;
    for run in runs {
        for (number, word) in run.iter().enumerate() {
            write(at.wrapping_add(number), *word);
        }
        at = at.wrapping_add(RUN);
    }
    for (number, word) in rest.iter().enumerate() {
        write(at.wrapping_add(number), *word);
    }
}

impl Memory for Pools {
    fn read_block(&mut self, pool: u32, index: u32, into: &mut [u8; BLOCK_SIZE]) {
        let block = self.block(pool, index, BLOCK_SIZE);
        // SAFETY: the root task mapped every pool that the service reaches, and `block` has looked that this block is in the pool.
        unsafe { read_words(block, into.as_chunks_mut().0) };
    }

    fn write_block(&mut self, pool: u32, index: u32, from: &[u8; BLOCK_SIZE]) {
        let block = self.block(pool, index, BLOCK_SIZE);
        // SAFETY: as for reading.
        unsafe { write_words(block, from.as_chunks().0) };
    }

    fn read_bytes(&mut self, pool: u32, index: u32, offset: usize, into: &mut [u8]) {
        let place = Place::new(self.block(pool, index, into.len()), offset, into.len());
        let (head, rest) = into.split_at_mut(place.head);
        let (words, tail) = rest.as_chunks_mut::<WORD>();
        let mut at = place.first;
        for byte in head {
            // SAFETY: as for reading a block; `Place` has looked that all bytes lie in it. Volatile as in `read_words`.
            *byte = unsafe { at.read_volatile() };
            at = at.wrapping_add(1);
        }
        // SAFETY: as above, and the address is now a multiple of a word's size.
        unsafe { read_words(at.cast(), words) };
        at = at.wrapping_add(words.len() * WORD);
        for byte in tail {
            // SAFETY: as for the head.
            *byte = unsafe { at.read_volatile() };
            at = at.wrapping_add(1);
        }
    }

    fn write_bytes(&mut self, pool: u32, index: u32, offset: usize, from: &[u8]) {
        let place = Place::new(self.block(pool, index, from.len()), offset, from.len());
        let (head, rest) = from.split_at(place.head);
        let (words, tail) = rest.as_chunks::<WORD>();
        let mut at = place.first;
        for byte in head {
            // SAFETY: as for writing a block; `Place` has looked that all bytes lie in it. Volatile as in `write_words`.
            unsafe { at.write_volatile(*byte) };
            at = at.wrapping_add(1);
        }
        // SAFETY: as above, and the address is now a multiple of a word's size.
        unsafe { write_words(at.cast(), words) };
        at = at.wrapping_add(words.len() * WORD);
        for byte in tail {
            // SAFETY: as for the head.
            unsafe { at.write_volatile(*byte) };
            at = at.wrapping_add(1);
        }
    }
}
