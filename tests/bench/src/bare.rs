//! What the machine allows for a stream in one direction: lines that one core writes and another one reads, without a ring.
//!
//! The buffer has as many lines as a ring has slots, in parts. The producer writes all 64 bytes of each line of a part,
//! then says by one store how many parts it has written; the consumer reads them all, then says by one store how many parts
//! it has read. A part is read only once it has been written, and written again only once it has been read. That is all the
//! flow control there is, and without it no line would have to move: the producer would write lines again that are still in
//! its cache, and the consumer would read old ones from its own. Lines carry no stamp, nothing is checked or counted,
//! nothing is copied to the consumer's memory, and no side ever sleeps.

use std::array::from_fn;
use std::cell::UnsafeCell;
use std::hint::{black_box, spin_loop};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::candidate::SLOTS;
use crate::floor::chunk_times;
use crate::pair::{self, Pair};
use crate::pin::Cores;
use crate::work::STREAM_MESSAGES;

/// Lines that are handed over together: fewer cost more hand-overs, more let the sides wait longer for each other.
const PART: usize = 16;

/// Parts of the buffer.
const PARTS: usize = SLOTS / PART;

/// One cache line of data.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line([u64; 8]);

/// How many parts one side has done with, alone on its lines.
#[repr(align(128))]
struct Done(AtomicU64);

impl Done {
    fn wait(&self, parts: u64) {
        while self.0.load(Ordering::Acquire) < parts {
            spin_loop();
        }
    }

    fn publish(&self, parts: u64) {
        self.0.store(parts, Ordering::Release);
    }
}

/// The lines, and how far each side is.
struct Buffer {
    written: Done,
    read: Done,
    parts: [UnsafeCell<[Line; PART]>; PARTS],
}

// SAFETY: a part is written only once the consumer has said that it has read it, and read only once the producer has said
// that it has written it.
unsafe impl Sync for Buffer {}

impl Buffer {
    fn new() -> Buffer {
        Buffer {
            written: Done(AtomicU64::new(0)),
            read: Done(AtomicU64::new(0)),
            parts: from_fn(|_| UnsafeCell::new([Line([0; 8]); PART])),
        }
    }

    /// Writes part `number` of the stream; for one thread, which writes them in order.
    #[inline]
    fn write(&self, number: u64) {
        self.read.wait((number + 1).saturating_sub(PARTS as u64));
        // SAFETY: the consumer has read the part that lay here, and waits for this one.
        let lines = unsafe { &mut *self.parts[number as usize % PARTS].get() };
        for line in lines {
            *line = Line([number; 8]);
        }
        self.written.publish(number + 1);
    }

    /// Reads part `number` of the stream; for one thread, which reads them in order. Tells whether all words are of it.
    #[inline]
    fn read(&self, number: u64) -> bool {
        self.written.wait(number + 1);
        // SAFETY: the producer has written the part, and waits until it has been read before it writes here again.
        let lines = unsafe { &*self.parts[number as usize % PARTS].get() };
        let mut different = [0; 8];
        for Line(words) in lines {
            for (different, word) in different.iter_mut().zip(words) {
                *different |= word ^ number;
            }
        }
        let same = black_box(different) == [0; 8];
        self.read.publish(number + 1);
        same
    }
}

/// The stream; the unit is one line. The consumer is timed.
pub fn stream(cores: Cores, chunks: usize) -> Pair {
    const EACH: u64 = (STREAM_MESSAGES / PART) as u64;
    // It stays for good, as rings do: see `work`.
    let buffer: &Buffer = Box::leak(Box::new(Buffer::new()));
    let timed = || {
        let mut next = 0;
        chunk_times(chunks, STREAM_MESSAGES, || {
            for number in next..next + EACH {
                assert!(buffer.read(number));
            }
            next += EACH;
        })
    };
    let peer = || {
        for number in 0..chunks as u64 * EACH {
            buffer.write(number);
        }
    };
    pair::measure(cores, chunks, timed, peer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_moves_once_and_in_order() {
        const LAST: u64 = 1000;
        let buffer = Buffer::new();
        std::thread::scope(|scope| {
            scope.spawn(|| (0..LAST).for_each(|number| buffer.write(number)));
            let wrong = (0..LAST).filter(|number| !buffer.read(*number));
            // Only now: the producer would wait for ever for a consumer that panicked.
            assert_eq!(wrong.count(), 0);
        });
    }
}
