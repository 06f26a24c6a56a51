//! `outage`: a server and its services die with calls in flight, and those who made them account for every one.
//!
//! The process `operator` runs in the cluster with the files. It watches the connections of the process `client`, which the
//! plan has after it and which runs in another cluster, and once there were many calls it has its own server stopped; the
//! root task stops the services of the cluster with it. The client calls and calls until it is told that its peer is lost.
//! Each of its calls has to end once, as done or as lost, and nothing else of it may suffer.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::vec::Vec;

use atoll_runtime::guest::observer::telemetry;
use atoll_runtime::guest::operator::stop_server;
use atoll_runtime::guest::procinfo;
use atoll_runtime::{
    File, Status, become_mcp, exit, max_vcores, open, println, request_vcores, spawn, yield_now,
};

atoll_runtime::entry!(main);

/// Exit statuses.
const NO_FILE: u64 = 1;
const WRONG: u64 = 2;
const NOT_STOPPED: u64 = 3;

/// Calls that one uthread has under way at once.
const BATCH: usize = 16;

/// Uthreads on each vcore.
const PER_VCORE: usize = 2;

/// Messages of the client that the operator waits for.
const MANY: u64 = 2_000;

#[derive(Clone, Copy, Default)]
struct Account {
    made: usize,
    done: usize,
    lost: usize,
    wrong: usize,
}

impl Account {
    /// Makes a batch of calls and books how each of them ends.
    fn batch(&mut self, file: File) {
        let replies: Vec<_> = (0..BATCH).map(|_| file.stat()).collect();
        self.made += BATCH;
        for reply in replies {
            match reply.wait() {
                Ok(length) if length == file.length() => self.done += 1,
                Err(Status::PeerLost) => self.lost += 1,
                _ => self.wrong += 1,
            }
        }
    }

    fn add(&mut self, part: Account) {
        self.made += part.made;
        self.done += part.done;
        self.lost += part.lost;
        self.wrong += part.wrong;
    }

    fn agrees(&self) -> bool {
        self.wrong == 0 && self.lost > 0 && self.made == self.done + self.lost
    }
}

fn main() {
    let file = match open("input").wait() {
        Ok(file) => file,
        Err(status) => {
            println!("cannot open `input`: {status:?}; the volume must hold a file of that name");
            exit(NO_FILE)
        }
    };
    if procinfo().name.as_str() == "operator" {
        operate(file);
    } else {
        call(file);
    }
}

/// Messages that the client has sent to the service: those of the connections that follow the operator's own.
fn sent_by_client() -> u64 {
    let own = procinfo();
    let first = own.ports[0].first_connection + own.max_vcores;
    let sent = (first as usize..).map_while(|connection| telemetry(connection, 0));
    sent.map(|telemetry| telemetry.sent).sum()
}

/// Stops the own server while the client has calls in flight, and while this process has some itself.
fn operate(file: File) {
    while sent_by_client() < MANY {
        if file.stat().wait() != Ok(file.length()) {
            exit(WRONG);
        }
        yield_now();
    }
    let replies: Vec<_> = (0..BATCH).map(|_| file.stat()).collect();
    if !stop_server() {
        println!("the root task does not stop the server; is `operator = true` in the plan?");
        exit(NOT_STOPPED);
    }
    for reply in replies {
        match reply.wait() {
            Ok(length) if length == file.length() => {}
            Err(Status::PeerLost) => {}
            _ => exit(WRONG),
        }
    }
    // Its service is gone, too, and it can still end.
    if open("input").wait() != Err(Status::PeerLost) {
        exit(WRONG);
    }
}

/// Calls until the peer is lost.
fn call(file: File) {
    let granted = become_mcp()
        .wait()
        .and_then(|()| request_vcores(max_vcores()).wait())
        .unwrap_or(1);
    let callers: Vec<_> = (0..PER_VCORE * granted)
        .map(|_| {
            spawn(move || {
                let mut account = Account::default();
                while account.lost == 0 && account.wrong == 0 {
                    account.batch(file);
                }
                account
            })
        })
        .collect();
    let mut total = Account::default();
    for caller in callers {
        total.add(caller.join());
    }
    // From now on every call ends so, at once.
    let mut after = Account::default();
    after.batch(file);
    let reopened = open("input").wait().err();
    println!(
        r#"result {{"made":{},"done":{},"lost":{},"wrong":{},"later":{},"later_lost":{},"vcores":{granted}}}"#,
        total.made, total.done, total.lost, total.wrong, after.made, after.lost
    );
    let lost = after.agrees() && after.done == 0 && reopened == Some(Status::PeerLost);
    if !total.agrees() || total.done == 0 || !lost {
        exit(WRONG);
    }
}
