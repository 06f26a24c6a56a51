//! `syscall-bench`: counts the instructions and the kernel entries of asynchronous syscalls, beside those of `seL4_Call`
//! with `seL4_ReplyRecv`.
//!
//! A process named `echo-...` answers those that call it through the kernel; any other one measures, and takes the processes
//! after itself in the plan for the ones to call. Counts are exact where the machine counts instructions.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

extern crate alloc;

mod asynchronous;
mod synchronous;

use atoll_runtime::guest::procinfo;
use atoll_runtime::{become_mcp, exit, open, println, vcores_request};

atoll_runtime::entry!(main);

/// Exit status where a call was answered wrongly.
const WRONG: u64 = 2;

/// Calls that one publication carries.
const BATCHES: [usize; 3] = [1, 8, 32];

/// Those of which the parts are measured, where the peers are awake meanwhile.
const PARTS_BATCHES: [usize; 2] = [1, 32];

fn main() {
    let name = procinfo().name;
    if name.as_str().starts_with("echo-") {
        synchronous::answer();
        return;
    }
    let Ok(file) = open("input").wait() else {
        wrong("the volume has no file `input`")
    };
    if become_mcp().wait().is_err() {
        wrong("the process cannot become a many-core process")
    }
    // Served by the own server: it looks the process up, and answers how many vcores it has.
    for batch in BATCHES {
        asynchronous::measure("vcores", vcores_request(1), 1, batch);
    }
    // Served by the file service, on a channel of its own.
    for batch in BATCHES {
        asynchronous::measure("stat", file.stat_request(), file.length(), batch);
    }
    let together = name.as_str() == "bench-together";
    if !together {
        for batch in PARTS_BATCHES {
            asynchronous::measure_parts("vcores", vcores_request(1), 1, batch);
            asynchronous::measure_parts("stat", file.stat_request(), file.length(), batch);
        }
    }
    for (name, callee) in synchronous::CALLEES {
        if name == "far" && together {
            continue;
        }
        synchronous::measure(name, callee);
    }
}

/// Ends the process with what went wrong.
fn wrong(what: &str) -> ! {
    println!("wrong: {what}");
    exit(WRONG)
}
