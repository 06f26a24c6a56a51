//! Words in shared memory by which one component tells another one which connections have something for a consumer that
//! sleeps: a bit for each connection.
//!
//! The writer sets a bit after it has published into the ring, and then wakes the reader. The reader takes all bits that are
//! set. A bit may be set for a consumer that is awake: waking it is spurious, and does no harm. A hostile writer can
//! only set and clear bits of these words, which are its own to write.

use core::ptr::NonNull;
use core::sync::atomic::{AtomicU64, Ordering};

use atoll_abi::connection::WAKE_WORDS;
use atoll_abi::plan::MAX_CONNECTIONS;

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

    /// Says that a connection has something for its other side.
    pub fn set(&self, connection: usize) {
        if let Some(word) = self.words().get(connection / BITS) {
            // Release: what was published before is seen by the reader that takes the bit.
            word.fetch_or(1 << (connection % BITS), Ordering::AcqRel);
        }
    }

    /// Whether a bit is set.
    #[inline]
    pub fn any(&self) -> bool {
        self.words()
            .iter()
            .any(|word| word.load(Ordering::Relaxed) != 0)
    }

    /// Takes the bits that are set, and tells of each.
    pub fn take(&self, mut each: impl FnMut(usize)) {
        for (index, word) in self.words().iter().enumerate() {
            if word.load(Ordering::Relaxed) == 0 {
                continue;
            }
            let mut bits = word.swap(0, Ordering::AcqRel);
            while bits != 0 {
                each(index * BITS + bits.trailing_zeros() as usize);
                bits &= bits - 1;
            }
        }
    }
}

const _: () = assert!(MAX_CONNECTIONS.is_multiple_of(BITS));

#[cfg(test)]
mod tests {
    extern crate std;
    use std::vec::Vec;

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
