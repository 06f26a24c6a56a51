//! `kv`: a key-value store at port 6379, for `redis-cli`, `redis-benchmark` and other clients of Redis.
//!
//! It has a shard and a loop that serves for each vcore that the plan gives it. A connection belongs to one loop; which commands it sends is
//! its own affair, and any loop takes any shard. Loops are uthreads, which any vcore runs: there are as many as vcores, so that none
//! of these waits while two loops have something to do.
//!
//! Where the plan gives it a service `log`, what is stored lasts: see [`persistence`].

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

extern crate alloc;

mod clock;
mod persistence;
mod serving;
mod shared;

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use atoll_kv::store::MOST_SHARDS;
use atoll_runtime::guest::procinfo;
use atoll_runtime::{
    Network, Status, become_mcp, connect, exit, max_vcores, println, request_vcores, sleep, spawn,
};
use atoll_serve::{Acceptor, Server};

use serving::Serving;
use shared::Shared;

atoll_runtime::entry!(main);

/// Exit statuses.
const NO_NETWORK: u64 = 1;
const NO_JOURNAL: u64 = 2;

/// The port of Redis.
const PORT: u16 = 6379;

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 1024;

/// Between two looks for what is lost and may come back.
const PAUSE: Duration = Duration::from_millis(20);

fn main() {
    let network = match connect("net").wait() {
        Ok(service) => service.network(),
        Err(status) => {
            println!("cannot use the service `net`: {status:?}; the plan must give it");
            exit(NO_NETWORK)
        }
    };
    let loops = max_vcores().min(MOST_SHARDS);
    if loops > 1 {
        let granted = become_mcp()
            .wait()
            .and_then(|()| request_vcores(loops).wait());
        if let Err(status) = granted {
            println!("no more vcores ({status:?}); going on with one");
        }
    }
    let mut before = None;
    loop {
        let shared = Arc::new(Shared::open(loops, before.as_ref()));
        while !shared.is_lost() {
            if let Err(status) = serve(network, &shared) {
                println!("serving has ended: {status:?}; it begins anew");
                let _ = sleep(PAUSE).wait();
            }
        }
        // The loops have ended, and the journal ends before the log is opened again.
        before = Arc::into_inner(shared).map(Shared::into_store);
    }
}

/// Serves until the network or the journal is lost.
fn serve(network: Network, shared: &Arc<Shared>) -> Result<(), Status> {
    let address = network.address().wait()?;
    let [a, b, c, d] = address.address;
    let listening = || {
        println!(
            "listening at {a}.{b}.{c}.{d}/{} port {PORT}",
            address.prefix
        );
    };
    let loops = shared.loops();
    if loops == 1 {
        let mut serving = Serving::new(shared.clone(), 0);
        let mut server = Server::new(network, PORT, BACKLOG, &mut serving)?;
        listening();
        return server.run();
    }
    let blocks = procinfo().pool_blocks as usize;
    let (acceptor, inboxes) = Acceptor::new(network, PORT, BACKLOG, loops, blocks)?;
    let serve_one = |(number, inbox)| {
        let mut serving = Serving::new(shared.clone(), number);
        spawn(move || Server::beside(inbox, &mut serving).run())
    };
    let running: Vec<_> = inboxes.into_iter().enumerate().map(serve_one).collect();
    listening();
    let ended = acceptor.run();
    let all = running.into_iter().map(|it| it.join());
    // What a loop has lost says more than that a loop has ended.
    let why = all.filter(|it| *it != Err(Status::Cancelled));
    why.fold(ended, |ended, it| if it.is_err() { it } else { ended })
}
