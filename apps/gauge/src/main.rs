//! `gauge`: tells at port 7070 of TCP, for each line that it receives, what the rings of the machine have counted so far: an array in JSON,
//! of which each element is a ring, in one line.
//!
//! Its plan makes it an observer. Where it also says `measured = true`, components tell what they have done on each of their rings. Its own
//! questions and answers are among what is counted.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::vec::Vec;
use core::fmt::{self, Write as _};

use atoll_abi::connection::{Client, Provider};
use atoll_abi::name::Name;
use atoll_abi::plan::Plan;
use atoll_channel::Telemetry;
use atoll_runtime::guest::observer;
use atoll_runtime::{Network, Status, connect, exit, println};
use atoll_serve::{Protocol, Server, Step};

atoll_runtime::entry!(main);

/// Exit status where it has no network, or may not look.
const NOT_ALLOWED: u64 = 1;

/// Its port.
const PORT: u16 = 7070;

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 4;

/// Tells what was counted.
struct Gauge(&'static Plan);

impl Protocol for Gauge {
    /// Lines that are not answered.
    type Peer = usize;

    fn begin(&mut self) -> usize {
        0
    }

    fn received(&mut self, lines: &mut usize, bytes: &[u8]) {
        *lines += bytes.iter().filter(|byte| **byte == b'\n').count();
    }

    fn step(&mut self, lines: &mut usize, answer: &mut Vec<u8>) -> Step {
        let Some(rest) = lines.checked_sub(1) else {
            return Step::Needs;
        };
        *lines = rest;
        // Writing to memory cannot fail.
        let _ = tell(self.0, &mut Text(answer));
        Step::More
    }
}

/// Bytes as what text is written to.
struct Text<'a>(&'a mut Vec<u8>);

impl fmt::Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend(text.bytes());
        Ok(())
    }
}

/// Writes all rings.
fn tell(plan: &Plan, out: &mut Text) -> fmt::Result {
    let service = |index: usize| plan.services().get(index).map(|it| it.name);
    let mut before = '[';
    for connection in plan.connections() {
        let client = match connection.client {
            Client::Service(index) => service(index),
            Client::Vcore { process, .. } => plan.processes().get(process).map(|it| it.name),
        };
        let provider = match connection.provider {
            Provider::Service(index) => service(index),
            Provider::Driver(index) => plan.devices().get(index).map(|it| it.name),
        };
        let (Some(client), Some(provider)) = (client, provider) else {
            continue;
        };
        for (ring, [from, to]) in [[client, provider], [provider, client]].iter().enumerate() {
            if let Some(told) = observer::telemetry(connection.number, ring) {
                out.write_char(before)?;
                before = ',';
                tell_ring(from, to, &told, out)?;
            }
        }
    }
    out.write_str("]\n")
}

/// Writes a ring. Names in a plan need no escapes.
fn tell_ring(from: &Name, to: &Name, told: &Telemetry, out: &mut Text) -> fmt::Result {
    let (from, to) = (from.as_str(), to.as_str());
    let Telemetry {
        sent,
        batches,
        doorbells,
        sleeps,
        work,
        ..
    } = told;
    write!(
        out,
        r#"{{"from":"{from}","to":"{to}","sent":{sent},"batches":{batches},"doorbells":{doorbells},"sleeps":{sleeps},"ticks":{},"entries":{},"copied":{}}}"#,
        work.ticks, work.entries, work.copied
    )
}

fn main() {
    let Some(plan) = observer::plan() else {
        println!("may not look; the plan must make it an observer");
        exit(NOT_ALLOWED)
    };
    let ended = match connect("net").wait() {
        Ok(service) => serve(service.network(), plan),
        Err(status) => Err(status),
    };
    if let Err(status) = ended {
        println!("cannot use the service `net`: {status:?}");
        exit(NOT_ALLOWED)
    }
}

/// Serves until the network is lost.
fn serve(network: Network, plan: &'static Plan) -> Result<(), Status> {
    network.address().wait()?;
    let mut gauge = Gauge(plan);
    let mut server = Server::new(network, PORT, BACKLOG, &mut gauge)?;
    println!("listening at port {PORT}");
    server.run()
}
