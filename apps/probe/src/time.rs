//! Calls with time-outs, sleeps, and sleeps that are cancelled. Nothing here depends on how long something takes.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use atoll_runtime::guest::server_info;
use atoll_runtime::{File, Monitor, Reply, Status, open, println, sleep, spawn, with_timeout};

use crate::{check, wrong};

/// Sleeps that end by themselves, each longer than the one before.
const SLEEPS: u32 = 12;

/// Sleeps one after the other, with no call under way.
const ALONE: u32 = 10;

/// How much longer, and how long a sleep alone is.
const STEP: Duration = Duration::from_millis(15);

/// Longer than the test may run.
const FOR_EVER: Duration = Duration::from_secs(24 * 3600);

/// Calls with a time-out that they never reach, and calls with one that they may reach.
const CALLS: u64 = 200;

/// Outstanding calls of each kind.
const BATCH: u64 = 20;

/// Runs the probe. The plan may give the process one vcore only, so that uthreads run in the order in which completions
/// come.
pub fn probe() {
    let file = open("input").wait().unwrap_or_else(|_| wrong("no input"));
    let ended = Arc::new(Monitor::new(Vec::new()));
    // Later deadlines come after earlier ones, whatever delays the process between two of them; those that never come are
    // before, between and behind them.
    let mut endless = Vec::new();
    let mut threads = Vec::new();
    for number in 1..=SLEEPS {
        if number % 4 == 1 {
            endless.push(sleep(FOR_EVER));
        }
        let reply = sleep(STEP * number);
        let ended = ended.clone();
        threads.push(spawn(move || {
            let status = reply.wait();
            ended.with_notify(|ended| ended.push((number, status)));
        }));
    }
    endless.push(sleep(FOR_EVER));

    let (done, late) = calls(file);
    threads.into_iter().for_each(|thread| thread.join());
    let all: Vec<_> = (1..=SLEEPS).map(|number| (number, Ok(()))).collect();
    check(
        ended.with(|ended| *ended == all),
        "sleeps end in the order of their deadlines",
    );

    // Nothing but its alarm wakes the vcore now.
    for _ in 0..ALONE {
        check(
            sleep(STEP).wait().is_ok(),
            "a sleep while nothing else happens",
        );
    }

    let sleepers = endless.len();
    for reply in endless {
        cancel(reply);
    }
    check(file.close().wait().is_ok(), "closing the input");
    println!(
        r#"result {{"slept":{SLEEPS},"alone":{ALONE},"cancelled":{sleepers},"in_time":{done},"in_time_or_late":{late},"interrupts":{}}}"#,
        server_info().interrupts,
    );
}

/// Makes calls while the sleeps sleep. How many ended in time, of those that could not be late, and how many ended at all,
/// of those that could.
fn calls(file: File) -> (u64, u64) {
    let (mut done, mut ended) = (0, 0);
    for _ in 0..CALLS / BATCH {
        let calm: Vec<_> = (0..BATCH)
            .map(|_| with_timeout(FOR_EVER, || file.stat()))
            .collect();
        let hasty: Vec<_> = (0..BATCH)
            .map(|call| with_timeout(Duration::from_micros(1 << call), || file.stat()))
            .collect();
        for reply in calm {
            check(
                reply.wait() == Ok(file.length()),
                "a call with much time is done",
            );
            done += 1;
        }
        for reply in hasty {
            let status = reply.wait();
            check(
                status == Ok(file.length()) || status == Err(Status::TimedOut),
                "a call with little time is done or late",
            );
            ended += 1;
        }
    }
    (done, ended)
}

/// Cancels a sleep that would not end, and tries again.
fn cancel(reply: Reply<()>) {
    let first = reply.cancel();
    let second = reply.cancel();
    check(
        reply.wait() == Err(Status::Cancelled),
        "a sleep that is cancelled ends so",
    );
    check(first.wait() == Ok(true), "cancelling it ends it");
    check(
        second.wait() == Ok(false),
        "cancelling it again does nothing",
    );
}
