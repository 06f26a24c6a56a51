//! Vcores: entered in vcore context, each with its own storage; granted and given back.
//!
//! That a vcore's thread-local storage is what the image says is checked by its entry code, which panics otherwise.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::hint::spin_loop;
use core::sync::atomic::{AtomicU64, Ordering};

use atoll_runtime::guest::procinfo;
use atoll_runtime::{
    become_mcp, current_vcore, max_vcores, println, request_vcores, spawn, yield_now, yield_vcore,
};

use crate::{check, wrong};

/// Turns that a uthread takes at most while it waits for something.
const PATIENCE: usize = 100_000;

/// Pauses between two turns, in which others get the scheduler's lock.
const PAUSES: usize = 200;

/// Runs the probe. The plan must give the process at least three vcores.
pub fn probe() {
    let all = max_vcores();
    check(all >= 3, "the plan gives the probe three vcores");
    check(
        procinfo().granted == 1,
        "a single-core process has vcore 0 alone",
    );
    check(current_vcore() == 0, "a process begins on vcore 0");
    check(become_mcp().wait().is_ok(), "becoming a many-core process");
    check(
        procinfo().granted == 1,
        "a many-core process has what it had",
    );
    check(
        request_vcores(all).wait() == Ok(all),
        "all vcores are granted",
    );
    check(granted() == (1 << all) - 1, "procinfo says so");
    let used = everywhere(all);
    check(used == (1 << all) - 1, "uthreads run on every vcore");

    check(try_to_leave(0) == 0, "vcore 0 stays");
    leave(1);
    leave(2);
    check(
        granted() == ((1 << all) - 1) & !0b110,
        "two vcores were given back",
    );
    check(
        request_vcores(all - 1).wait() == Ok(all - 1),
        "one vcore is granted again",
    );
    check(
        granted() & 0b110 == 0b100,
        "it is the one that was given back last",
    );
    check(
        request_vcores(all).wait() == Ok(all),
        "and then the other one",
    );
    let again = everywhere(all);
    check(again == (1 << all) - 1, "uthreads run on every vcore again");
    println!(r#"result {{"vcores":{all},"used":{used},"again":{again}}}"#);
}

/// Lets others run.
fn turn() {
    for _ in 0..PAUSES {
        spin_loop();
    }
    yield_now();
}

fn granted() -> u64 {
    procinfo().granted
}

/// Keeps a uthread busy on each vcore until all of them have been seen; which ones were.
fn everywhere(all: usize) -> u64 {
    let seen = Arc::new(AtomicU64::new(0));
    let uthreads: Vec<_> = (0..2 * all)
        .map(|_| {
            let seen = Arc::clone(&seen);
            spawn(move || {
                for _ in 0..PATIENCE {
                    let now = seen.fetch_or(1 << current_vcore(), Ordering::Relaxed);
                    if now.count_ones() as usize == all {
                        break;
                    }
                    turn();
                }
            })
        })
        .collect();
    uthreads.into_iter().for_each(|uthread| uthread.join());
    seen.load(Ordering::Relaxed)
}

/// Gives one vcore back.
fn leave(vcore: usize) {
    // More than one where the server refused at first, because the vcore had completions that it had not taken.
    check(try_to_leave(vcore) >= 1, "a uthread gave the vcore back");
    for _ in 0..PATIENCE {
        if granted() & 1 << vcore == 0 {
            return;
        }
        turn();
    }
    wrong("a vcore that was given back stays granted")
}

/// Has uthreads that get to a vcore give it back; how many could.
fn try_to_leave(vcore: usize) -> usize {
    let uthreads: Vec<_> = (0..2 * max_vcores())
        .map(|_| spawn(move || leave_from(vcore)))
        .collect();
    let left = uthreads
        .into_iter()
        .map(|uthread| usize::from(uthread.join()));
    left.sum()
}

/// Gives the vcore back where the caller gets there before another uthread has.
fn leave_from(vcore: usize) -> bool {
    for _ in 0..PATIENCE {
        if granted() & 1 << vcore == 0 {
            return false;
        }
        if current_vcore() == vcore {
            return yield_vcore().is_ok();
        }
        turn();
    }
    false
}
