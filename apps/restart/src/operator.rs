//! The process that stops components.

use alloc::vec::Vec;
use core::time::Duration;

use atoll_runtime::guest::operator::{Component, hold, stop, stop_and_hold};
use atoll_runtime::guest::procinfo;
use atoll_runtime::{Block, Status, open, println, request_vcores, sleep, with_timeout};

use crate::wrong;

/// How often each component is stopped.
pub const ROUNDS: u32 = 3;

/// Pause between two looks whether something works again.
const PAUSE: Duration = Duration::from_millis(3);

/// A call takes no longer, or else something is wrong.
const LONG: Duration = Duration::from_secs(5);

/// What hangs in its start has been noticed by then: twice the time that the plan gives it.
const NOTICED: Duration = Duration::from_secs(20);

/// Looks until something has to work again: enough for a start that hangs until it is noticed.
const PATIENCE: u32 = 100_000;

/// The process `victim` is the one behind this one in the plan; the service and its device are the plan's first ones.
fn components() -> [Component; 4] {
    let information = procinfo();
    [
        Component::Service(0),
        Component::Driver(0),
        Component::Server(information.cluster as usize),
        Component::Process(information.process as usize + 1),
    ]
}

/// Stops each component several times, and waits each time until calls are answered again.
pub fn stop_everything() {
    let mut stops = 0;
    for _ in 0..ROUNDS {
        for component in components() {
            settle();
            if !stop(component) {
                wrong(format_args!("{component:?} cannot be stopped"));
            }
            stops += 1;
            println!("progress {stops} stops: {component:?}");
        }
    }
    settle();
    println!(r#"result {{"stops":{stops}}}"#);
}

/// Waits until the own server and the file service answer, and the device can be read.
fn settle() {
    let mut last = None;
    for _ in 0..PATIENCE {
        let works = with_timeout(LONG, answers);
        let _ = sleep(PAUSE).wait();
        match works {
            Ok(()) => return,
            Err(status) => last = Some(status),
        }
    }
    wrong(format_args!(
        "what was stopped does not come back: {last:?}"
    ));
}

/// Makes one call of each kind; which one has failed, and how.
fn answers() -> Result<(), (&'static str, Status)> {
    match request_vcores(1).wait() {
        // A single-core process may not ask for vcores: that is an answer too.
        Ok(_) | Err(Status::NotAllowed) => {}
        Err(status) => return Err(("the server", status)),
    }
    let file = open("input").wait().map_err(|status| ("open", status))?;
    let reading = file.read(0, 4096, Block::acquire()).wait();
    let closed = file.close().wait();
    reading.map_err(|error| ("read", error.status))?;
    closed.map_err(|status| ("close", status))
}

/// Stops the file service once more than the plan lets it be started again. Everything else goes on.
pub fn wear_out() {
    settle();
    let service = Component::Service(0);
    if !stop(service) {
        wrong(format_args!("the service cannot be stopped"));
    }
    settle();
    if !stop(service) {
        wrong(format_args!("the service cannot be stopped again"));
    }
    let lost = lose_calls();
    // The own server goes on.
    println!(r#"result {{"lost":{lost}}}"#);
}

/// Calls the file service until enough calls in a row were lost; so many.
fn lose_calls() -> u32 {
    let mut lost = 0;
    while lost < 20 {
        match open("input").wait() {
            Err(Status::PeerLost) => lost += 1,
            Ok(_) => lost = 0,
            Err(status) => wrong(format_args!("a lost service answers {status:?}")),
        }
        let _ = sleep(PAUSE).wait();
    }
    lost
}

/// Has the next life of each component hang in its start, and waits each time until the one after it works. Then the service
/// hangs in its last start.
pub fn have_starts_hang() {
    let [service, driver, server, _] = components();
    for component in [service, driver, server] {
        settle();
        if !stop_and_hold(component, 1) {
            wrong(format_args!("{component:?} cannot be stopped"));
        }
    }
    settle();
    if !stop_and_hold(service, 1) {
        wrong(format_args!("the service cannot be stopped again"));
    }
    let lost = lose_calls();
    // The run ends with this process, and is to tell that the service stays down.
    let _ = sleep(NOTICED).wait();
    println!(r#"result {{"lost":{lost}}}"#);
}

/// Hangs.
pub fn hang() -> ! {
    loop {
        let _ = sleep(LONG).wait();
    }
}

/// Has the file service stand still with calls under way: each ends by its deadline, and so does each later one.
pub fn hold_service() {
    let Ok(file) = open("input").wait() else {
        wrong(format_args!("no input"))
    };
    let mut late = 0;
    if !hold(Component::Service(0)) {
        wrong(format_args!("the service cannot be held"));
    }
    let replies: Vec<_> = (1..=16)
        .map(|number| with_timeout(PAUSE * number, || file.stat()))
        .collect();
    let block = Block::acquire();
    let reading = with_timeout(PAUSE, || file.read(0, 4096, block));
    for reply in replies {
        match reply.wait() {
            Err(Status::TimedOut) => late += 1,
            other => wrong(format_args!("a call to what hangs ends with {other:?}")),
        }
    }
    match reading.wait() {
        // Its block stays in flight: the service may still use it.
        Err(error) if error.status == Status::TimedOut && error.block.is_none() => late += 1,
        other => wrong(format_args!("a read of what hangs ends with {other:?}")),
    }
    println!(r#"result {{"late":{late}}}"#);
}

/// Has its server stand still, the process behind it in the plan stopped, which waits for the server to end it, and then the
/// server stopped for good. Nothing prints for it any more: its exit status says that it was done.
pub fn strand_a_process() {
    let information = procinfo();
    let server = Component::Server(information.cluster as usize);
    let process = Component::Process(information.process as usize + 1);
    for (done, what) in [
        (hold(server), "the server cannot be held"),
        (stop(process), "the process cannot be stopped"),
        (stop(server), "the server cannot be stopped"),
    ] {
        if !done {
            wrong(format_args!("{what}"));
        }
    }
}

/// Has the process behind it in the plan stopped.
pub fn stop_a_process() {
    if !stop(Component::Process(procinfo().process as usize + 1)) {
        wrong(format_args!("the process cannot be stopped"));
    }
}

/// Sleeps until it is stopped; in its next life it ends.
pub fn sleep_until_stopped() {
    while procinfo().generation == 1 {
        let _ = sleep(LONG).wait();
    }
}
