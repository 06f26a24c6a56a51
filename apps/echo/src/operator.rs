//! Operators, for tests. The one beside `echo` stops the driver of the network once there was some traffic, and after some more the service;
//! others stop what their name says.

use core::time::Duration;

use atoll_runtime::guest::observer::{plan, telemetry};
use atoll_runtime::guest::operator::{Component, stop};
use atoll_runtime::{exit, println, sleep};

/// Exit status where something was not stopped.
const NOT_STOPPED: u64 = 2;

/// Calls of `echo` before the driver is stopped, and then before the service is.
const CALLS: u64 = 300;

/// The connections: that of the service to the driver is the first one, those of `echo` follow.
const FIRST: usize = 1;

/// As [`CALLS`], of the machine's clients, before a process is stopped and before a service is.
const CALLS_BEFORE_PROCESS: u64 = 500;
const CALLS_BEFORE_SERVICE: u64 = 4000;

/// Stops the process or service of a name, once its machine's connections have seen some calls. The operator is an observer too, and so knows
/// the plan.
pub fn stop_named(name: &str) {
    let Some(plan) = plan() else {
        println!("the plan is not to be read; is `observer = true` in it?");
        exit(NOT_STOPPED)
    };
    let mut processes = plan.processes().iter();
    let process = processes.position(|it| it.name.as_str() == name);
    let mut services = plan.services().iter();
    let service = services.position(|it| it.name.as_str() == name);
    let (component, enough) = match (process, service) {
        (Some(index), _) => (Component::Process(index), CALLS_BEFORE_PROCESS),
        (None, Some(index)) => (Component::Service(index), CALLS_BEFORE_SERVICE),
        (None, None) => {
            println!("the plan has no process and no service {name}; name one in `stops-NAME`");
            exit(NOT_STOPPED)
        }
    };
    let calls = || -> u64 {
        let counted = plan.connections().filter_map(|it| telemetry(it.number, 0));
        counted.map(|telemetry| telemetry.sent).sum()
    };
    while calls() < enough {
        let _ = sleep(Duration::from_millis(5)).wait();
    }
    println!("{name} is stopped after {} calls", calls());
    if !stop(component) {
        println!(
            "the root task does not stop {name}; is it of this kernel, and `operator = true` in the plan?"
        );
        exit(NOT_STOPPED)
    }
}

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
