//! Passing bytes to another core by copying them, or by remapping the frame in which they are, beside passing a descriptor of the
//! blocks of a standing pool in which they are.
//!
//! All go over the same ring and are acknowledged over another one. One that copies does it twice, into shared memory and out of it,
//! as where neither side may keep the other's memory. One that remaps has 2 MiB taken from the one side and given to the other one
//! before the call, and back before the acknowledgement, whatever part of them the bytes are: here by the host's kernel, which
//! changes what both threads may do with one large page, and interrupts the other core for it. A call describes up to 32 KiB.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::hint::{black_box, spin_loop};
use std::time::Instant;

use atoll_abi::frame::FRAME_SIZE;
use rustix::mm;
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

/// Bytes of the memory that is passed: that of a frame.
const MOST: usize = FRAME_SIZE;

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

/// Copying or remapping beside a descriptor, for one size.
#[derive(Clone, Debug, Serialize)]
pub struct Compared {
    /// Bytes.
    pub bytes: usize,
    /// Whether the sides look at them.
    pub data: Use,
    /// How they are passed.
    pub way: Way,
    /// Time of passing them in this way, as a multiple of that by a descriptor; the control is measured in turns with it.
    pub ratio: Option<Spread>,
    /// Pairs whose floors differed.
    pub rejected: usize,
}

/// What was found.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Each size.
    pub compared: Vec<Compared>,
    /// The least size from which on a descriptor is cheaper than copying, where the sides look at the data; `None` where none is.
    pub break_even: Option<usize>,
    /// The least size from which on remapping is cheaper than copying, likewise.
    pub remap_break_even: Option<usize>,
}

/// Memory of the largest size.
struct Area(*mut u8);

// SAFETY: who uses it when is agreed on over rings: one side at a time.
unsafe impl Send for Area {}
// SAFETY: as above.
unsafe impl Sync for Area {}

impl Area {
    fn layout() -> Layout {
        Layout::from_size_align(MOST, MOST).expect("a large page")
    }

    fn new() -> Area {
        // SAFETY: the layout has a size.
        let start = unsafe { alloc_zeroed(Area::layout()) };
        if start.is_null() {
            handle_alloc_error(Area::layout());
        }
        let area = Area(start);
        // SAFETY: the memory is the area's; what it holds stays. Where the host has no large pages, it stays small ones.
        let _ = unsafe { mm::madvise(start.cast(), MOST, mm::Advice::LinuxHugepage) };
        // SAFETY: nobody else has it yet.
        unsafe { area.bytes_mut(MOST) }.fill(1);
        area
    }

    /// Has the kernel take the area from all threads, or give it to them.
    ///
    /// # Safety
    /// While it is taken, nothing looks at it.
    unsafe fn allow(&self, access: mm::MprotectFlags) {
        // SAFETY: the memory is the area's, whole pages of it; the caller does not look at what is taken.
        let changed = unsafe { mm::mprotect(self.0.cast(), MOST, access) };
        changed.expect("what this process may do with its own memory can be changed");
    }

    /// Moves the area from one side to the other one.
    ///
    /// # Safety
    /// Neither side looks at it meanwhile.
    unsafe fn hand_over(&self) {
        // SAFETY: the caller does not look at it until this returns.
        unsafe {
            self.allow(mm::MprotectFlags::empty());
            self.allow(mm::MprotectFlags::READ | mm::MprotectFlags::WRITE);
        }
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// Into shared memory and out of it.
    Copy,
    /// With the frame that they are in.
    Remap,
    /// By telling where they are: the control.
    Descriptor,
}

/// A comparison: how, of how many bytes, and whether they are looked at.
#[derive(Clone, Copy)]
struct Case {
    way: Way,
    data: Use,
    bytes: usize,
}

/// Measures each size, so many times.
pub fn run(cores: Cores, repeats: usize, chunks: usize) -> Report {
    let mut compared = Vec::new();
    for data in [Use::Touched, Use::PassedOn] {
        for way in [Way::Copy, Way::Remap] {
            for bytes in SIZES {
                let case = Case { way, data, bytes };
                compared.push(compare(cores, repeats, chunks, case));
            }
        }
    }
    Report {
        break_even: break_even(&compared),
        remap_break_even: remap_break_even(&compared),
        compared,
    }
}

fn compare(cores: Cores, repeats: usize, chunks: usize, case: Case) -> Compared {
    let mut ratios = Vec::new();
    let mut rejected = 0;
    for _ in 0..repeats {
        for _ in 0..ATTEMPTS {
            let (pair, ratio) = measure(cores, chunks, case);
            if pair.accepted() {
                ratios.push(ratio);
                break;
            }
            rejected += 1;
        }
    }
    Compared {
        bytes: case.bytes,
        data: case.data,
        way: case.way,
        ratio: Spread::of(ratios),
        rejected,
    }
}

/// What was found of a way for a size.
fn median_of(compared: &[Compared], way: Way, data: Use, bytes: usize) -> Option<f64> {
    let mut found = compared.iter();
    let found = found.find(|it| (it.way, it.data, it.bytes) == (way, data, bytes))?;
    found.ratio.map(|ratio| ratio.median)
}

/// The least size from which on all that are larger fulfil something.
fn least_size(cheaper: impl Fn(usize) -> bool) -> Option<usize> {
    let sizes = SIZES.into_iter().rev();
    sizes.take_while(|bytes| cheaper(*bytes)).last()
}

/// The least size from which on a descriptor is cheaper than copying where both sides look at the data.
fn break_even(compared: &[Compared]) -> Option<usize> {
    least_size(|bytes| {
        let copy = median_of(compared, Way::Copy, Use::Touched, bytes);
        copy.is_some_and(|copy| copy > 1.0)
    })
}

/// The least size from which on remapping is cheaper than copying where both sides look at the data.
fn remap_break_even(compared: &[Compared]) -> Option<usize> {
    least_size(|bytes| {
        let of = |way| median_of(compared, way, Use::Touched, bytes);
        matches!((of(Way::Copy), of(Way::Remap)), (Some(copy), Some(remap)) if remap < copy)
    })
}

/// One pair, of which the cost is that of the case, and how many times as much it is as that of a descriptor. Chunks of both take turns.
fn measure(cores: Cores, chunks: usize, case: Case) -> (Pair, f64) {
    let Case { way, data, bytes } = case;
    let passes = (CHUNK_BYTES / bytes).clamp(1, MOST_PASSES);
    let turns = || (0..2 * chunks).map(|turn| [way, Way::Descriptor][turn % 2]);
    let (mut calls, mut incoming) = Atoll::ring();
    let (mut replies, mut answers) = Atoll::ring();
    let (copied, pool, frame) = (Area::new(), Area::new(), Area::new());
    let mut descriptors = Vec::new();
    let timed = || {
        let mut times = Vec::new();
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
                        Way::Remap => {
                            fill(data, frame.bytes_mut(bytes), number);
                            frame.hand_over();
                        }
                        Way::Descriptor => fill(data, pool.bytes_mut(bytes), number),
                    }
                }
                number = call(&mut calls, way.calls(bytes), number);
                while answers.receive().map(|it| it.number()) != Some(number) {
                    spin_loop();
                }
            }
            let own = match way {
                Way::Copy | Way::Remap => &mut times,
                Way::Descriptor => &mut descriptors,
            };
            own.push(start.elapsed().as_nanos() as f64 / passes as f64);
        }
        times
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
                        Way::Remap => {
                            look(data, frame.bytes(bytes));
                            frame.hand_over();
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
            Way::Copy | Way::Remap => 1,
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
    let mut lines = vec![
        "time of each, as a multiple of that of a descriptor; both sides look at the data, or pass it on".to_owned(),
        format!(
            "{:>8}  {:>12}  {:>12}  {:>12}  {:>12}",
            "bytes", "copy, look", "remap, look", "copy, pass", "remap, pass"
        ),
    ];
    for bytes in SIZES {
        let ratio = |way, data| {
            let median = median_of(&report.compared, way, data, bytes);
            median.map_or("unmeasured".to_owned(), |it| format!("{it:.2}"))
        };
        let [look, pass] = [Use::Touched, Use::PassedOn]
            .map(|data| [Way::Copy, Way::Remap].map(|way| ratio(way, data)));
        let [copy, remap] = look;
        let [copied, remapped] = pass;
        lines.push(format!(
            "{bytes:>8}  {copy:>12}  {remap:>12}  {copied:>12}  {remapped:>12}"
        ));
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
    lines.push(match report.remap_break_even {
        Some(bytes) => format!(
            "break-even: remapping a frame is cheaper than copying from {bytes} bytes on, where both look at the data"
        ),
        None => "break-even: remapping a frame is cheaper than copying at no size up to 1 MiB".to_owned(),
    });
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(way: Way, ratios: [f64; SIZES.len()]) -> Vec<Compared> {
        let sizes = SIZES.iter().zip(ratios);
        let compared = sizes.map(|(bytes, ratio)| Compared {
            bytes: *bytes,
            data: Use::Touched,
            way,
            ratio: Some(Spread::exactly(ratio)),
            rejected: 0,
        });
        compared.collect()
    }

    #[test]
    fn the_break_even_is_the_size_from_which_on_all_are_cheaper() {
        let of = |ratios| break_even(&compared(Way::Copy, ratios));
        assert_eq!(of([0.8, 1.2, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5]), Some(SIZES[1]));
        assert_eq!(of([1.2, 0.9, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5]), Some(SIZES[2]));
        assert_eq!(of([1.2, 1.3, 1.3, 1.3, 1.3, 1.3, 1.3, 0.9]), None);
        let mut unmeasured = compared(Way::Copy, [1.2; SIZES.len()]);
        unmeasured[1].ratio = None;
        unmeasured[0].data = Use::PassedOn;
        assert_eq!(break_even(&unmeasured), Some(SIZES[2]));
    }

    #[test]
    fn remapping_is_held_against_copying() {
        let copy = compared(Way::Copy, [1.0, 1.0, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0]);
        let remap = compared(Way::Remap, [9.0, 8.0, 7.0, 6.0, 4.0, 2.0, 1.5, 1.2]);
        let both = [copy.clone(), remap].concat();
        assert_eq!(remap_break_even(&both), Some(SIZES[5]));
        assert_eq!(remap_break_even(&copy), None);
    }
}
