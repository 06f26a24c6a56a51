//! Stacks of uthreads: as many as the plan says, used again, each with a page below it that faults.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::hint::black_box;

use atoll_runtime::guest::procinfo;
use atoll_runtime::{
    JoinHandle, Monitor, SpawnError, become_mcp, max_vcores, println, request_vcores, spawn,
    try_spawn,
};

use crate::{check, wrong};

/// How often all stacks are used.
const ROUNDS: usize = 100;

/// Bytes of its stack that a uthread uses: most of it.
const USED: usize = 24 << 10;

/// Runs the probe.
pub fn probe() {
    let all = max_vcores();
    check(become_mcp().wait().is_ok(), "becoming a many-core process");
    check(
        request_vcores(all).wait() == Ok(all),
        "all vcores are granted",
    );
    let uthreads = procinfo().uthreads as usize;
    for round in 0..ROUNDS {
        let gate = Arc::new(Monitor::new(false));
        let begun: Vec<JoinHandle<bool>> = (0..uthreads)
            .map(|number| {
                let gate = gate.clone();
                try_spawn(move || keep(&gate, round ^ number))
                    .unwrap_or_else(|error| wrong(&alloc::format!("{number} in {round}: {error}")))
            })
            .collect();
        check(
            try_spawn(|| ()).err() == Some(SpawnError::NoStack),
            "no more uthreads than stacks",
        );
        gate.with_notify(|open| *open = true);
        let kept = begun.into_iter().all(JoinHandle::join);
        check(kept, "uthreads share no stack");
    }
    println!(r#"result {{"uthreads":{uthreads},"rounds":{ROUNDS}}}"#);
}

/// Writes on its stack, waits, and tells whether that is still there.
fn keep(gate: &Monitor<bool>, number: usize) -> bool {
    let mut own = [number as u8; USED];
    black_box(&mut own);
    gate.wait_for(|open| open.then_some(()));
    black_box(&own).iter().all(|&byte| byte == number as u8)
}

/// Calls itself until the stack is used up, which is a fault. Others' stacks are above and below.
pub fn overrun() -> ! {
    let gate = Arc::new(Monitor::new(false));
    for _ in 0..2 {
        let gate = gate.clone();
        spawn(move || keep(&gate, 1));
    }
    let deepest = spawn(|| recurse(0)).join();
    wrong(&alloc::format!("recursion without end came to {deepest}"))
}

#[allow(unconditional_recursion, reason = "that is what is tested")]
#[inline(never)]
fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 8]);
    recurse(depth + 1) + black_box(frame)[0]
}
