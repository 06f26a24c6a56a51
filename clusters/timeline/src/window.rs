//! The memory of a writer.

#![allow(unsafe_code, reason = "reads and writes a window that is mapped")]

use core::mem::offset_of;
use core::ptr::NonNull;
use core::slice;
use core::sync::atomic::{AtomicU64, Ordering};

use atoll_abi::timeline::{Header, Kind, RECORD_WORDS, Record, capacity};

const WORD: usize = size_of::<u64>();
const HEADER_WORDS: usize = size_of::<Header>() / WORD;
const WRITTEN: usize = offset_of!(Header, written) / WORD;

/// A window.
#[derive(Clone, Copy)]
pub(crate) struct Window {
    words: NonNull<AtomicU64>,
    /// Records that it has room for; not zero.
    capacity: u64,
}

// SAFETY: the words are atomics, and every thread may use a reference to them.
unsafe impl Send for Window {}
// SAFETY: as for `Send`.
unsafe impl Sync for Window {}

impl Window {
    /// # Safety
    /// As for [`crate::Recorder::attach`].
    pub(crate) unsafe fn attach(window: *mut u8, bytes: u64) -> Option<Window> {
        let capacity = capacity(bytes);
        let words = NonNull::new(window.cast::<AtomicU64>())?;
        (capacity > 0).then_some(Window { words, capacity })
    }

    fn words(&self) -> &[AtomicU64] {
        let count = HEADER_WORDS + self.capacity as usize * RECORD_WORDS;
        // SAFETY: `attach`'s caller promised so many bytes, aligned to a word, that are used as a window only: here atomically.
        unsafe { slice::from_raw_parts(self.words.as_ptr(), count) }
    }

    /// Writes a record over the oldest one, and then says that there is one more.
    pub(crate) fn write(&self, ticks: u64, kind: Kind, channel: u32, [first, second]: [u64; 2]) {
        let words = self.words();
        // Only one thread writes.
        let number = words[WRITTEN].load(Ordering::Relaxed);
        let start = HEADER_WORDS + (number % self.capacity) as usize * RECORD_WORDS;
        let record = [ticks, Record::what(number, kind, channel), first, second];
        for (word, value) in words[start..].iter().zip(record) {
            word.store(value, Ordering::Relaxed);
        }
        // Release: who sees the number sees the record.
        words[WRITTEN].store(number.wrapping_add(1), Ordering::Release);
    }
}

/// The time stamp counter.
#[cfg(feature = "on")]
#[inline]
pub(crate) fn now() -> u64 {
    // SAFETY: reads a counter; every user program may.
    unsafe { core::arch::x86_64::_rdtsc() }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use atoll_abi::timeline::Channel;
    use std::vec;

    use super::*;

    const ROOM: u64 = 3;

    fn record(words: &[u64], number: u64) -> Record {
        let start = HEADER_WORDS + (number % ROOM) as usize * RECORD_WORDS;
        Record {
            ticks: words[start],
            what: words[start + 1],
            first: words[start + 2],
            second: words[start + 3],
        }
    }

    #[test]
    fn the_newest_records_are_kept_and_all_are_counted() {
        let mut words = vec![0u64; HEADER_WORDS + ROOM as usize * RECORD_WORDS];
        let bytes = (words.len() * WORD + WORD) as u64;
        // SAFETY: the last word, which is not there, is beyond the last whole record; used here only while the window is.
        let window = unsafe { Window::attach(words.as_mut_ptr().cast(), bytes) }.unwrap();
        let channel = Channel::Vcore(2).to_raw();
        for number in 0..8 {
            window.write(100 + number, Kind::Sent, channel, [number, 7]);
        }
        assert_eq!(words[WRITTEN], 8);
        for number in 5..8 {
            let found = record(&words, number);
            assert_eq!(found.kind(number), Some(Kind::Sent));
            assert_eq!(
                (found.ticks, found.first, found.second),
                (100 + number, number, 7)
            );
            assert_eq!(found.channel(), channel);
        }
        // The place of number 4 has a later one.
        assert_eq!(record(&words, 4).kind(4), None);
    }

    #[test]
    fn a_window_without_room_is_none() {
        let mut words = [0u64; HEADER_WORDS];
        let bytes = size_of_val(&words) as u64;
        // SAFETY: so many bytes.
        assert!(unsafe { Window::attach(words.as_mut_ptr().cast(), bytes) }.is_none());
    }
}
