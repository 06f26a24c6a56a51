//! `probe`: tests the system from inside. What it does is its process's name, after `probe-`.

#![no_std]
#![no_main]
#![deny(unsafe_code)]

extern crate alloc;

mod attacks;
mod calls;
mod stacks;
mod time;
mod vcores;

use atoll_runtime::guest::procinfo;
use atoll_runtime::{exit, println};

atoll_runtime::entry!(main);

/// Exit status of a probe that is not known, or that found something wrong.
const WRONG: u64 = 3;

/// Exit status of the probe that only ends.
const ENDED: u64 = 7;

fn main() {
    let name = procinfo().name;
    match name.as_str() {
        "probe-vcores" => vcores::probe(),
        "probe-calls" => calls::probe(),
        "probe-stacks" => stacks::probe(),
        name if name.starts_with("probe-time") => time::probe(),
        "probe-exit" => exit(ENDED),
        "probe-panic" => panic!("as it was told to"),
        "probe-hang" => attacks::hang(),
        "probe-write" => attacks::write_nowhere(),
        "probe-jump" => attacks::jump_nowhere(),
        "probe-pool" => attacks::read_beyond_the_pool(),
        "probe-overrun" => stacks::overrun(),
        name if name.starts_with("probe-frame-") => attacks::touch_what_it_gave(),
        "probe-steal" => attacks::receive_for_the_root_task(),
        "probe-escape" => attacks::use_other_capabilities(),
        _ => {
            println!("there is no probe `{name}`");
            exit(WRONG)
        }
    }
}

/// Ends the process with what went wrong.
fn wrong(what: &str) -> ! {
    println!("wrong: {what}");
    exit(WRONG)
}

/// Ends the process unless something holds.
fn check(holds: bool, what: &str) {
    if !holds {
        wrong(what);
    }
}
