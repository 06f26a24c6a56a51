//! Words in shared memory by which one component tells another one which connections have something for a consumer that
//! sleeps: a bit for each connection, and a word that says which of the words with these bits to look at, so that a look at
//! bits of which none is set costs one load, however many connections there are.
//!
//! The writer sets a bit after it has published into the ring, and then wakes the reader. The reader takes all bits that are
//! set: first those of the word that says where, then the ones there, so that a bit that is set meanwhile is taken now or
//! with the next look. A bit may be set for a consumer that is awake: waking it is spurious, and does no harm. A hostile writer can
//! only set and clear bits of these words, which are its own to write.

use core::ptr::NonNull;
use core::sync::atomic::{AtomicU64, Ordering};

use atoll_abi::connection::{CONNECTION_WORDS, WAKE_WORDS};

const BITS: usize = u64::BITS as usize;

/// Such words.
pub struct WakeWords(NonNull<[AtomicU64; WAKE_WORDS]>);

// SAFETY: the words are atomics, and every thread may use a reference to them.
unsafe impl Send for WakeWords {}

impl WakeWords {
    /// The words at an address.
    ///
    /// # Safety
    /// `words` is not null, is aligned to 8 bytes, and points to [`WAKE_WORDS`] words that stay mapped for good and that this
    /// address space uses as such words only.
    pub unsafe fn attach(words: *mut u8) -> WakeWords {
        debug_assert!(words.cast::<AtomicU64>().is_aligned());
        // SAFETY: not null, says the caller.
        WakeWords(unsafe { NonNull::new_unchecked(words.cast()) })
    }

    /// Words of this address space's own, for worlds that are one program.
    pub fn of(words: &'static [AtomicU64; WAKE_WORDS]) -> WakeWords {
        WakeWords(NonNull::from(words))
    }

    fn words(&self) -> &[AtomicU64; WAKE_WORDS] {
        // SAFETY: `attach`'s caller promised that they are mapped and used atomically; every bit pattern is valid.
        unsafe { self.0.as_ref() }
    }

    /// The word that says in which of the others bits are set.
    #[inline]
    fn summary(&self) -> &AtomicU64 {
        &self.words()[CONNECTION_WORDS]
    }

    /// Says that a connection has something for its other side.
    pub fn set(&self, connection: usize) {
        let place = connection / BITS;
        if let Some(word) = self.words()[..CONNECTION_WORDS].get(place) {
            // Release: what was published before is seen by the reader that takes the bit, and the bit by the one that takes
            // the summary's.
            word.fetch_or(1 << (connection % BITS), Ordering::AcqRel);
            self.summary().fetch_or(1 << place, Ordering::AcqRel);
        }
    }

    /// Whether a bit is set.
    #[inline]
    pub fn any(&self) -> bool {
        self.summary().load(Ordering::Relaxed) != 0
    }

    /// Takes the bits that are set, and tells of each.
    #[inline]
    pub fn take(&self, each: impl FnMut(usize)) {
        if self.any() {
            self.take_all(each);
        }
    }

    #[inline(never)]
    fn take_all(&self, mut each: impl FnMut(usize)) {
        let mut places = self.summary().swap(0, Ordering::AcqRel);
        while places != 0 {
            let place = places.trailing_zeros() as usize;
            places &= places - 1;
            let mut bits = self.words()[place].swap(0, Ordering::AcqRel);
            while bits != 0 {
                each(place * BITS + bits.trailing_zeros() as usize);
                bits &= bits - 1;
            }
        }
    }
}

// A hostile writer can set every bit of the summary.
const _: () = assert!(CONNECTION_WORDS == BITS);

#[cfg(test)]
mod tests {
    extern crate std;
    use std::vec::Vec;

    use atoll_abi::plan::MAX_CONNECTIONS;

    use super::*;

    #[test]
    fn bits_are_taken_once() {
        static WORDS: [AtomicU64; WAKE_WORDS] = [const { AtomicU64::new(0) }; WAKE_WORDS];
        let words = WakeWords::of(&WORDS);
        assert!(!words.any());
        for connection in [0, 63, 64, MAX_CONNECTIONS - 1, MAX_CONNECTIONS] {
            words.set(connection);
        }
        words.set(64);
        let mut taken = Vec::new();
        words.take(|connection| taken.push(connection));
        assert_eq!(taken, [0, 63, 64, MAX_CONNECTIONS - 1]);
        assert!(!words.any());
        words.take(|_| panic!("all were taken"));
    }
}
