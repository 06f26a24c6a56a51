//! The floor: two cores that answer each other by two cache lines and nothing else.

use std::hint::spin_loop;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Round trips in a chunk.
pub const TRIPS: usize = 32;

#[repr(align(128))]
struct Line(AtomicU64);

/// The two lines.
pub struct Floor {
    question: Line,
    answer: Line,
}

impl Floor {
    /// Two lines that nobody has written yet.
    #[allow(clippy::new_without_default, reason = "a floor is nobody's default")]
    pub fn new() -> Floor {
        Floor {
            question: Line(AtomicU64::new(0)),
            answer: Line(AtomicU64::new(0)),
        }
    }

    /// Asks; tells the nanoseconds of a round trip in each chunk.
    pub fn ask(&self, chunks: usize) -> Vec<f64> {
        let mut number = self.question.0.load(Ordering::Relaxed);
        chunk_times(chunks, TRIPS, || {
            for _ in 0..TRIPS {
                number += 1;
                self.question.0.store(number, Ordering::Release);
                while self.answer.0.load(Ordering::Acquire) != number {
                    spin_loop();
                }
            }
        })
    }

    /// Answers as much as [`Floor::ask`] asks.
    pub fn answer(&self, chunks: usize) {
        let first = self.answer.0.load(Ordering::Relaxed) + 1;
        for number in first..first + (chunks * TRIPS) as u64 {
            while self.question.0.load(Ordering::Acquire) != number {
                spin_loop();
            }
            self.answer.0.store(number, Ordering::Release);
        }
    }
}

/// Does something again and again; tells the nanoseconds of a unit of it in each chunk.
pub fn chunk_times(chunks: usize, units: usize, mut chunk: impl FnMut()) -> Vec<f64> {
    let mut before = Instant::now();
    (0..chunks)
        .map(|_| {
            chunk();
            let now = Instant::now();
            let nanoseconds = (now - before).as_nanos() as f64 / units as f64;
            before = now;
            nanoseconds
        })
        .collect()
}
