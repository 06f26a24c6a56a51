//! The operator beside `echo`: once there was some traffic it stops the driver of the network, and after some more the service.

use core::time::Duration;

use atoll_runtime::guest::observer::telemetry;
use atoll_runtime::guest::operator::{Component, stop};
use atoll_runtime::{exit, println, sleep};

/// Exit status where something was not stopped.
const NOT_STOPPED: u64 = 2;

/// Calls of `echo` before the driver is stopped, and then before the service is.
const CALLS: u64 = 300;

/// The connections: that of the service to the driver is the first one, those of `echo` follow.
const FIRST: usize = 1;

/// Calls that `echo` has made.
fn calls() -> u64 {
    let sent = (FIRST..).map_while(|connection| telemetry(connection, 0));
    sent.map(|telemetry| telemetry.sent).sum()
}

/// Stops one after the other, each once.
pub fn operate() {
    for (component, name) in [
        (Component::Driver(0), "driver"),
        (Component::Service(0), "service"),
    ] {
        let enough = calls() + CALLS;
        while calls() < enough {
            let _ = sleep(Duration::from_millis(5)).wait();
        }
        println!("the {name} is stopped after {} calls", calls());
        if !stop(component) {
            println!("the root task does not stop the {name}; is `operator = true` in the plan?");
            exit(NOT_STOPPED)
        }
    }
}
