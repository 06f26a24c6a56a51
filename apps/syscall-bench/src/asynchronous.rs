//! Asynchronous syscalls: over the runtime, the rings and the server.

use alloc::vec;

use atoll_runtime::guest::{procinfo, timestamp};
use atoll_runtime::{Request, kernel_entries, println, submit_all};

use crate::wrong;

/// Calls before those that are counted.
const WARM_UP: usize = 2_000;

/// Calls that are counted: a multiple of every batch.
const CALLS: usize = 10_240;

/// Counts what calls of one kind cost: `count` of them with one publication, then a wait for all of them.
pub fn measure<T: Copy + PartialEq>(name: &str, request: Request<T>, expected: T, batch: usize) {
    let requests = vec![request; batch];
    let call = |_| {
        submit_all(&requests).wait(|answer| {
            if !answer.is_ok_and(|answer| answer == expected) {
                wrong("a syscall was answered wrongly")
            }
        });
    };
    (0..WARM_UP / batch).for_each(call);
    let (own, server) = (kernel_entries(), procinfo().server_kernel_entries);
    let start = timestamp();
    (0..CALLS / batch).for_each(call);
    let instructions = timestamp() - start;
    let own = kernel_entries() - own;
    let server = procinfo().server_kernel_entries - server;
    println!(
        r#"result {{"kind":"asynchronous","what":"{name}","batch":{batch},"calls":{CALLS},"instructions":{instructions},"entries":{own},"server_entries":{server}}}"#
    );
}
