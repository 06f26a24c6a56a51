//! The floor: two cores that answer each other by two cache lines and nothing else.
//!
//! How long a line takes from core to core depends on where the processor keeps it, by a third and more. So each chunk uses
//! two other lines, as a ring uses one slot after the other, and the median chunk stands for all.

use std::hint::spin_loop;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Round trips in a chunk.
pub const TRIPS: usize = 32;

/// Pairs of lines.
const LINES: usize = 64;

#[repr(align(128))]
struct Line(AtomicU64);

/// Two lines, the number of the last trip on each.
struct Lines {
    question: Line,
    answer: Line,
}

/// The lines.
pub struct Floor(Vec<Lines>);

impl Floor {
    /// Lines that neither side has written yet.
    #[allow(clippy::new_without_default, reason = "a floor is no default value")]
    pub fn new() -> Floor {
        let line = || Line(AtomicU64::new(0));
        let lines = || Lines {
            question: line(),
            answer: line(),
        };
        Floor((0..LINES).map(|_| lines()).collect())
    }

    /// Asks; tells the nanoseconds of a round trip in each chunk.
    pub fn ask(&self, chunks: usize) -> Vec<f64> {
        let mut lines = self.0.iter().cycle();
        chunk_times(chunks, TRIPS, || {
            let Some(Lines { question, answer }) = lines.next() else {
                return;
            };
            let last = question.0.load(Ordering::Relaxed);
            for number in last + 1..=last + TRIPS as u64 {
                question.0.store(number, Ordering::Release);
                while answer.0.load(Ordering::Acquire) != number {
                    spin_loop();
                }
            }
        })
    }

    /// Answers as much as [`Floor::ask`] asks.
    pub fn answer(&self, chunks: usize) {
        for Lines { question, answer } in self.0.iter().cycle().take(chunks) {
            let last = answer.0.load(Ordering::Relaxed);
            for number in last + 1..=last + TRIPS as u64 {
                while question.0.load(Ordering::Acquire) != number {
                    spin_loop();
                }
                answer.0.store(number, Ordering::Release);
            }
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
