//! Passing bytes to another core by copying them, beside passing a descriptor of the blocks of a standing pool in which they are.
//!
//! Both go over the same ring and are acknowledged over another one. One that copies does it twice, into shared memory and out of it,
//! as where neither side may keep the other's memory. A call describes up to 32 KiB.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::hint::{black_box, spin_loop};
use std::time::Instant;

use serde::Serialize;

use crate::candidate::{Atoll, BATCH, Candidate, Message, Payload, Receiver, Sender};
use crate::pair::{self, Pair};
use crate::pin::Cores;
use crate::statistics::{Spread, median};

/// Sizes that are passed, in bytes.
const SIZES: [usize; 8] = [
    64,
    256,
    1 << 10,
    4 << 10,
    16 << 10,
    64 << 10,
    256 << 10,
    1 << 20,
];

/// The largest of them.
const MOST: usize = SIZES[SIZES.len() - 1];

/// Bytes that one call describes: eight blocks.
const CALL_BYTES: usize = 32 << 10;

/// Bytes that a chunk passes, where each size is less.
const CHUNK_BYTES: usize = 32 << 10;

/// Most passes of a chunk.
const MOST_PASSES: usize = 32;

/// Attempts at a pair whose floors agree.
const ATTEMPTS: usize = 6;

/// Whether the sides look at what is passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Use {
    /// One writes every byte before, the other reads every byte behind.
    Touched,
    /// Neither does, as of data that goes on to a device.
    PassedOn,
}

/// Copying beside a descriptor, for one size.
#[derive(Clone, Debug, Serialize)]
pub struct Compared {
    /// Bytes.
    pub bytes: usize,
    /// Whether the sides look at them.
    pub data: Use,
    /// Time of passing them by copying, as a multiple of that by a descriptor; the control is measured in turns with it.
    pub ratio: Option<Spread>,
    /// Pairs whose floors differed.
    pub rejected: usize,
}

/// What was found.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Each size.
    pub compared: Vec<Compared>,
    /// The least size from which on a descriptor is cheaper, where the sides look at the data; `None` where none of them is.
    pub break_even: Option<usize>,
}

/// Memory of the largest size.
struct Area(*mut u8);

// SAFETY: who uses it when is agreed on over rings: one side at a time.
unsafe impl Send for Area {}
// SAFETY: as above.
unsafe impl Sync for Area {}

impl Area {
    fn layout() -> Layout {
        Layout::from_size_align(MOST, 4096).expect("whole pages")
    }

    fn new() -> Area {
        // SAFETY: the layout has a size.
        let start = unsafe { alloc_zeroed(Area::layout()) };
        if start.is_null() {
            handle_alloc_error(Area::layout());
        }
        Area(start)
    }

    /// The first bytes of it.
    ///
    /// # Safety
    /// They are not written meanwhile.
    unsafe fn bytes(&self, count: usize) -> &[u8] {
        assert!(count <= MOST);
        // SAFETY: within the area, initialized; the caller says that they are not written.
        unsafe { std::slice::from_raw_parts(self.0, count) }
    }

    /// The first bytes of it, to be written.
    ///
    /// # Safety
    /// Nothing else uses them meanwhile.
    #[allow(
        clippy::mut_from_ref,
        reason = "the area is memory that two threads share"
    )]
    unsafe fn bytes_mut(&self, count: usize) -> &mut [u8] {
        assert!(count <= MOST);
        // SAFETY: within the area, initialized; the caller says that nothing else uses them.
        unsafe { std::slice::from_raw_parts_mut(self.0, count) }
    }
}

impl Drop for Area {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout in `new`.
        unsafe { dealloc(self.0, Area::layout()) }
    }
}

/// How bytes are passed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Copy,
    Descriptor,
}

/// Measures each size, so many times.
pub fn run(cores: Cores, repeats: usize, chunks: usize) -> Report {
    let mut compared = Vec::new();
    for data in [Use::Touched, Use::PassedOn] {
        for bytes in SIZES {
            let mut ratios = Vec::new();
            let mut rejected = 0;
            for _ in 0..repeats {
                for _ in 0..ATTEMPTS {
                    let (pair, ratio) = measure(cores, chunks, data, bytes);
                    if pair.accepted() {
                        ratios.push(ratio);
                        break;
                    }
                    rejected += 1;
                }
            }
            compared.push(Compared {
                bytes,
                data,
                ratio: Spread::of(ratios),
                rejected,
            });
        }
    }
    Report {
        break_even: break_even(&compared),
        compared,
    }
}

/// The least size from which on a descriptor is cheaper where both sides look at the data.
fn break_even(compared: &[Compared]) -> Option<usize> {
    let touched = compared.iter().filter(|it| it.data == Use::Touched);
    let cheaper = |it: &&Compared| it.ratio.is_some_and(|ratio| ratio.median > 1.0);
    let last = touched.rev().take_while(cheaper).last();
    last.map(|it| it.bytes)
}

/// One pair, of which the cost is that of copying, and how many times as much it is as that of a descriptor. Chunks of both take turns.
fn measure(cores: Cores, chunks: usize, data: Use, bytes: usize) -> (Pair, f64) {
    let passes = (CHUNK_BYTES / bytes).clamp(1, MOST_PASSES);
    let turns = || (0..2 * chunks).map(|turn| [Way::Copy, Way::Descriptor][turn % 2]);
    let (mut calls, mut incoming) = Atoll::ring();
    let (mut replies, mut answers) = Atoll::ring();
    let (copied, pool) = (Area::new(), Area::new());
    let mut descriptors = Vec::new();
    let timed = || {
        let mut copies = Vec::new();
        let mut own = vec![0; bytes];
        let mut number = 0;
        for way in turns() {
            let start = Instant::now();
            for _ in 0..passes {
                // SAFETY: the peer uses the areas from the last call on until its reply, which has been received.
                unsafe {
                    match way {
                        Way::Copy => {
                            fill(data, &mut own, number);
                            copied.bytes_mut(bytes).copy_from_slice(&own);
                        }
                        Way::Descriptor => fill(data, pool.bytes_mut(bytes), number),
                    }
                }
                number = call(&mut calls, way.calls(bytes), number);
                while answers.receive().map(|it| it.number()) != Some(number) {
                    spin_loop();
                }
            }
            let times = match way {
                Way::Copy => &mut copies,
                Way::Descriptor => &mut descriptors,
            };
            times.push(start.elapsed().as_nanos() as f64 / passes as f64);
        }
        copies
    };
    let peer = || {
        let mut own = vec![0; bytes];
        for way in turns() {
            for _ in 0..passes {
                let last = take(&mut incoming, way.calls(bytes));
                // SAFETY: the caller uses the areas until it has made the last call and from the reply on.
                unsafe {
                    match way {
                        Way::Copy => {
                            own.copy_from_slice(copied.bytes(bytes));
                            look(data, &own);
                        }
                        Way::Descriptor => look(data, pool.bytes(bytes)),
                    }
                }
                while !replies.send(&Payload::new(last)) {
                    spin_loop();
                }
            }
        }
    };
    let pair = pair::measure(cores, chunks, timed, peer);
    let ratio = pair.cost / median(descriptors);
    (pair, ratio)
}

impl Way {
    /// Calls that pass so many bytes.
    fn calls(self, bytes: usize) -> usize {
        match self {
            Way::Copy => 1,
            Way::Descriptor => bytes.div_ceil(CALL_BYTES),
        }
    }
}

/// Writes every byte, where the sides look at the data.
fn fill(data: Use, bytes: &mut [u8], number: u64) {
    if data == Use::Touched {
        bytes.fill(number as u8);
    }
    black_box(bytes);
}

/// Reads every byte, where the sides look at the data.
fn look(data: Use, bytes: &[u8]) {
    if data == Use::Touched {
        let (words, _) = bytes.as_chunks();
        let words = words.iter().map(|word| u64::from_ne_bytes(*word));
        black_box(words.fold(0, u64::wrapping_add));
    }
    black_box(bytes);
}

/// Makes so many calls with one publication; the number of the last one.
fn call(calls: &mut impl Sender<Payload>, count: usize, number: u64) -> u64 {
    let mut batch = [Payload::new(0); BATCH];
    let batch = &mut batch[..count];
    for (call, number) in batch.iter_mut().zip(number + 1..) {
        call.set_number(number);
    }
    let mut sent = 0;
    while sent < count {
        sent += calls.send_batch(&batch[sent..]);
    }
    number + count as u64
}

/// Takes so many calls; the number of the last one.
fn take(calls: &mut impl Receiver<Payload>, count: usize) -> u64 {
    let mut into = [Payload::new(0); BATCH];
    let mut taken = 0;
    let mut last = 0;
    while taken < count {
        match calls.receive_batch(&mut into[..count - taken]) {
            0 => spin_loop(),
            more => {
                last = into[more - 1].number();
                taken += more;
            }
        }
    }
    last
}

/// The report as a table.
pub fn table(report: &Report) -> String {
    let mut lines = vec![format!(
        "{:>8}  {:>14}  {:>14}   time of copying / of a descriptor",
        "bytes", "both look", "passed on"
    )];
    for bytes in SIZES {
        let ratio = |data: Use| {
            let mut found = report.compared.iter();
            let found = found.find(|it| (it.bytes, it.data) == (bytes, data));
            let ratio = found.and_then(|it| it.ratio);
            ratio.map_or("unmeasured".to_owned(), |it| format!("{:.2}", it.median))
        };
        let (touched, passed) = (ratio(Use::Touched), ratio(Use::PassedOn));
        lines.push(format!("{bytes:>8}  {touched:>14}  {passed:>14}"));
    }
    lines.push(match report.break_even {
        Some(bytes) if bytes == SIZES[0] => format!(
            "break-even: none; a descriptor is cheaper from the least size on that was measured, {bytes} bytes, where both look"
        ),
        Some(bytes) => format!(
            "break-even: a descriptor is cheaper from {bytes} bytes on, where both look at the data"
        ),
        None => "break-even: none up to 1 MiB, where both look at the data".to_owned(),
    });
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_break_even_is_the_size_from_which_on_all_are_cheaper() {
        let compared = |ratios: [f64; 3]| {
            let sizes = SIZES.iter().zip(ratios);
            sizes
                .map(|(bytes, ratio)| Compared {
                    bytes: *bytes,
                    data: Use::Touched,
                    ratio: Some(Spread::exactly(ratio)),
                    rejected: 0,
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(break_even(&compared([0.8, 1.2, 1.5])), Some(SIZES[1]));
        assert_eq!(break_even(&compared([1.2, 0.9, 1.5])), Some(SIZES[2]));
        assert_eq!(break_even(&compared([1.2, 1.3, 0.9])), None);
        let mut unmeasured = compared([1.2, 1.3, 1.4]);
        unmeasured[1].ratio = None;
        unmeasured[0].data = Use::PassedOn;
        assert_eq!(break_even(&unmeasured), Some(SIZES[2]));
    }
}
