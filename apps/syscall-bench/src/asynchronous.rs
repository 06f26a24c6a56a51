//! Asynchronous syscalls: over the runtime, the rings and the server.

use alloc::vec;
use core::hint::spin_loop;

use atoll_runtime::guest::{server_info, timestamp};
use atoll_runtime::{Request, Status, kernel_entries, println, submit_all, yield_now};

use crate::wrong;

/// Calls before those that are counted.
const WARM_UP: usize = 2_000;

/// Calls that are counted: a multiple of every batch.
const CALLS: usize = 10_240;

/// Counts what calls of one kind cost: `count` of them with one publication, then a wait for all of them.
pub fn measure<T: Copy + PartialEq>(name: &str, request: Request<T>, expected: T, batch: usize) {
    let requests = vec![request; batch];
    let call = |_| submit_all(&requests).wait(|answer| check(answer, expected));
    (0..WARM_UP / batch).for_each(call);
    let (own, server) = (kernel_entries(), server_info().kernel_entries);
    let start = timestamp();
    (0..CALLS / batch).for_each(call);
    let instructions = timestamp() - start;
    let own = kernel_entries() - own;
    let server = server_info().kernel_entries - server;
    println!(
        r#"result {{"kind":"asynchronous","what":"{name}","batch":{batch},"calls":{CALLS},"instructions":{instructions},"entries":{own},"server_entries":{server}}}"#
    );
}

fn check<T: PartialEq>(answer: Result<T, Status>, expected: T) {
    if !answer.is_ok_and(|answer| answer == expected) {
        wrong("a syscall was answered wrongly")
    }
}

/// Pauses in which a peer that polls on another core answers a batch: at each of them the machine goes on with the next core.
/// No more than a few, or the peer goes to sleep.
const PAUSES: usize = 8;

/// Counts what the parts of such calls cost that the client can tell apart: it lets the peer answer all of them before it
/// looks.
pub fn measure_parts<T: Copy + PartialEq>(
    name: &str,
    request: Request<T>,
    expected: T,
    batch: usize,
) {
    let requests = vec![request; batch];
    let [mut submit, mut arrive, mut fetch, mut switch] = [0; 4];
    for round in 0..WARM_UP / batch + CALLS / batch {
        if round == WARM_UP / batch {
            [submit, arrive, fetch, switch] = [0; 4];
        }
        let start = timestamp();
        let replies = submit_all(&requests);
        let submitted = timestamp();
        (0..PAUSES).for_each(|_| spin_loop());
        let answered = timestamp();
        // The loop of the vcore takes the completions in on the way.
        yield_now();
        let arrived = timestamp();
        replies.wait(|answer| check(answer, expected));
        let fetched = timestamp();
        yield_now();
        let switched = timestamp() - fetched;
        submit += submitted - start;
        arrive += (arrived - answered).saturating_sub(switched);
        fetch += fetched - arrived;
        switch += switched;
    }
    let parts = [
        ("submit", submit),
        ("arrive", arrive),
        ("fetch", fetch),
        ("switch", switch),
    ];
    for (part, instructions) in parts {
        println!(
            r#"result {{"kind":"part","what":"{name}-{part}","batch":{batch},"calls":{CALLS},"instructions":{instructions},"entries":0,"server_entries":0}}"#
        );
    }
}
