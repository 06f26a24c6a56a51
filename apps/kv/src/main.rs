//! `kv`: a key-value store at port 6379, for `redis-cli`, `redis-benchmark` and other clients of Redis.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::vec::Vec;
use core::time::Duration;

use atoll_kv::session::{Budget, Outcome, Session};
use atoll_kv::store::{Settings, Store};
use atoll_runtime::guest::{procinfo, timestamp};
use atoll_runtime::{Network, Status, connect, exit, println, sleep};
use atoll_serve::{Protocol, Server, Step};

atoll_runtime::entry!(main);

/// Exit status where there is no network.
const NO_NETWORK: u64 = 1;

/// The port of Redis.
const PORT: u16 = 6379;

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 128;

/// Of the heap, keys and values may have one of so many parts, and requests that are not complete another one. The rest is for answers.
const PARTS: u64 = 4;

/// The store, and its clients.
struct Kv {
    store: Store,
    budget: Budget,
    ticks_per_millisecond: u64,
}

impl Protocol for Kv {
    type Peer = Session;

    fn begin(&mut self) -> Session {
        Session::default()
    }

    fn end(&mut self, peer: Session) {
        peer.end(&mut self.store, &mut self.budget);
    }

    fn received(&mut self, peer: &mut Session, bytes: &[u8]) {
        self.store
            .set_time(timestamp() / self.ticks_per_millisecond);
        peer.received(&mut self.budget, bytes);
    }

    fn step(&mut self, peer: &mut Session, answer: &mut Vec<u8>) -> Step {
        match peer.step(&mut self.store, &mut self.budget, answer) {
            Outcome::Answered => Step::More,
            Outcome::Needs => Step::Needs,
            Outcome::Ends => Step::Close,
            Outcome::Stops => {
                println!(r#"result {{"keys":{}}}"#, self.store.len());
                exit(0)
            }
        }
    }
}

fn main() {
    let network = match connect("net").wait() {
        Ok(service) => service.network(),
        Err(status) => {
            println!("cannot use the service `net`: {status:?}; the plan must give it");
            exit(NO_NETWORK)
        }
    };
    let facts = procinfo();
    let part = (facts.heap_size / PARTS) as usize;
    let mut kv = Kv {
        store: Store::with(Settings {
            memory: part,
            seed: timestamp(),
            ..Settings::default()
        }),
        budget: Budget::new(part),
        ticks_per_millisecond: facts.ticks_per_microsecond.max(1) * 1000,
    };
    loop {
        if let Err(status) = serve(network, &mut kv) {
            println!("the network is lost: {status:?}; waiting for it");
            let _ = sleep(Duration::from_millis(20)).wait();
        }
    }
}

/// Serves until the network is lost. What is stored stays.
fn serve(network: Network, kv: &mut Kv) -> Result<(), Status> {
    let address = network.address().wait()?;
    let [a, b, c, d] = address.address;
    let mut server = Server::new(network, PORT, BACKLOG, kv)?;
    println!(
        "listening at {a}.{b}.{c}.{d}/{} port {PORT}",
        address.prefix
    );
    server.run()
}
