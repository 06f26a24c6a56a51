//! What a server, a service or a driver links: its entry, its plan, its heap, and what it reports to its root task.
//!
//! The root task enters a component at `_start` with two numbers, and has mapped and given what `atoll_abi::layout` says.

#![no_std]

pub mod calendar;
#[cfg(feature = "heap")]
pub mod heap;
pub mod meter;
#[cfg(feature = "guest")]
mod panic;
mod text;

use core::fmt::{self, Write};

use atoll_abi::layout::{PAGE_SIZE, PLAN, TIMELINE, request, slot};
use atoll_abi::plan::Plan;
use atoll_abi::timeline::Kind;
use atoll_timeline::Recorder;
use sel4::{MessageInfo, cap};

use crate::text::Line;

const ROOT_TASK: cap::Endpoint = cap::Endpoint::from_bits(slot::ROOT_TASK);
const OWN: cap::Notification = cap::Notification::from_bits(slot::OWN_NOTIFICATION);

/// Says with which function, of two numbers, a component begins.
///
/// The kernel starts a thread with whatever stack pointer it was given, and the calling convention wants 16 bytes.
#[macro_export]
macro_rules! entry {
    ($main:path) => {
        /// Called by the entry code, once.
        extern "C" fn component_main(first: u64, second: u64) -> ! {
            let main: fn(u64, u64) -> ! = $main;
            main(first, second)
        }

        core::arch::global_asm!(
            ".pushsection .text._start, \"ax\", @progbits",
            ".global _start",
            "_start:",
            "xor ebp, ebp",
            "and rsp, -16",
            "call {main}",
            "ud2",
            ".popsection",
            main = sym component_main,
        );
    };
}

/// The plan; `None` where it is of another version.
pub fn plan() -> Option<&'static Plan> {
    let pages = |bytes: usize| {
        // SAFETY: the root task maps the encoded plan in every component, read-only, and writes it only before: its first
        // page, and as many as its size says.
        unsafe { core::slice::from_raw_parts(PLAN as *const u8, bytes) }
    };
    Plan::parse(pages(Plan::size_of(pages(PAGE_SIZE))?))
}

/// Reports to the root task, with the words of the request, and waits until it has taken them. The first word of the answer, or
/// 0 where that has none.
pub fn report(label: u64, words: &[u64]) -> u64 {
    for (index, word) in words.iter().enumerate() {
        sel4::set_mr(index, *word);
    }
    meter::entry();
    let answer = ROOT_TASK.call(MessageInfo::new(label, 0, 0, words.len()));
    match answer.length() {
        0 => 0,
        _ => sel4::get_mr(0),
    }
}

/// Reports that the component has started, with the words of the request. Ticks of the time stamp counter in a microsecond; from now on
/// [`calendar`] tells what time it is.
pub fn report_ready(words: &[u64]) -> u64 {
    let ticks_per_microsecond = report(request::READY, words);
    calendar::set(ticks_per_microsecond, sel4::get_mr(1));
    ticks_per_microsecond
}

/// Has the root task print a line; what does not fit is cut off.
pub fn log(text: fmt::Arguments<'_>) {
    let mut line = Line::default();
    // Writing to a `Line` does not fail.
    let _ = line.write_fmt(text);
    let words = line.words();
    sel4::set_mr(0, line.length() as u64);
    for (index, word) in words.enumerate() {
        sel4::set_mr(1 + index, word);
    }
    let length = 1 + line.words().len();
    meter::entry();
    ROOT_TASK.call(MessageInfo::new(request::LOG, 0, 0, length));
}

/// Waits until the component is woken; the badges of all who woke it.
pub fn wait() -> u64 {
    meter::entry();
    let recorder = recorder();
    recorder.sleeps();
    let badges = OWN.wait();
    recorder.wakes(badges);
    badges
}

/// Where the component notes what it does. It has one thread.
#[inline(always)]
pub fn recorder() -> Recorder {
    if cfg!(feature = "timeline") {
        own_recorder()
    } else {
        Recorder::NONE
    }
}

fn own_recorder() -> Recorder {
    let bytes = plan().map_or(0, Plan::timeline_window_size);
    // SAFETY: the root task maps a window of this size there for each server, service and driver, and leaves it. The component has one
    // thread, and uses the window by recorders only.
    unsafe { Recorder::attach(TIMELINE as *mut u8, bytes) }
}

/// Notes that a life of the component begins.
pub fn note_begin() {
    recorder().note(Kind::Begins, 0);
}

/// The processor's time stamp counter.
pub fn ticks() -> u64 {
    // SAFETY: reads a counter; every user program may.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// Enters the kernel as often as blocking and being woken does, once on each side, and changes nothing: what a component
/// measures to know how long it pays to look for work.
pub fn like_blocking() {
    for _ in 0..2 {
        sel4::yield_now();
    }
}
