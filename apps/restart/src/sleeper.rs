//! A vcore that has given itself back until an alarm when its server dies.

use core::hint::spin_loop;
use core::time::Duration;

use atoll_runtime::guest::operator::stop_server;
use atoll_runtime::guest::procinfo;
use atoll_runtime::{
    become_mcp, current_vcore, println, request_vcores, sleep, spawn, yield_now, yield_vcore,
};

use crate::wrong;

/// How long a uthread sleeps: longer than it takes until its vcore is given back and the server is dead.
const ASLEEP: Duration = Duration::from_secs(2);

/// Pauses between two turns, in which others get the scheduler's lock.
const PAUSES: usize = 200;

/// Stops the own server when a vcore has given itself back on which a uthread sleeps. The uthread is woken all the same.
pub fn sleep_through_a_restart() {
    if become_mcp().wait().is_err() || request_vcores(2).wait() != Ok(2) {
        wrong(format_args!("two vcores are not granted"));
    }
    let sleeper = spawn(|| {
        while current_vcore() == 0 {
            turn();
        }
        let asleep = sleep(ASLEEP);
        (yield_vcore(), asleep.wait())
    });
    while procinfo().granted != 1 {
        turn();
    }
    if !stop_server() {
        wrong(format_args!("the server cannot be stopped"));
    }
    match sleeper.join() {
        (Ok(()), Ok(())) => println!(r#"result {{"slept":true}}"#),
        other => wrong(format_args!("the sleep ended as {other:?}")),
    }
}

/// Lets others run.
fn turn() {
    for _ in 0..PAUSES {
        spin_loop();
    }
    yield_now();
}
