//! `frames`: gives frames of 2 MiB from process to process. What a process does is its name up to the first dash; what follows
//! says which processes belong together: `giver-x` gives to `taker-x`, and for a time to `late-x`, which does not give back; `bench-x`
//! measures what it takes to give to `echo-x`, which gives back at once.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

extern crate alloc;

mod bench;
mod late;
mod message;
mod rounds;

use alloc::format;

use atoll_runtime::guest::procinfo;
use atoll_runtime::{Recipient, Status, exit, println};

atoll_runtime::entry!(main);

/// Exit status where something is not as it must be.
const WRONG: u64 = 3;

fn main() {
    let name = procinfo().name;
    match name.as_str().split_once('-') {
        Some(("giver", pair)) => {
            rounds::give(pair);
            late::give(pair);
            rounds::end("taker", pair);
        }
        Some(("bench", pair)) => bench::measure(pair),
        Some(("echo", _)) => bench::answer(),
        Some(("taker", pair)) => rounds::take(pair),
        Some(("late", _)) => late::keep(),
        _ => wrong("this process has no part", name.as_str()),
    }
}

/// The process of a part among those that belong together.
fn partner(part: &str, pair: &str) -> Recipient {
    let name = format!("{part}-{pair}");
    match Recipient::find(&name).wait() {
        Ok(recipient) => recipient,
        Err(status) => wrong(&name, status),
    }
}

/// What something gave, or the end of the process.
fn must<T>(what: &str, result: Result<T, Status>) -> T {
    result.unwrap_or_else(|status| wrong(what, status))
}

/// Ends the process with what went wrong.
fn wrong(what: &str, how: impl core::fmt::Debug) -> ! {
    println!("wrong: {what}: {how:?}");
    exit(WRONG)
}
