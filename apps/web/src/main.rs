//! `web`: a server of the files of a volume over HTTP/1.1 at port 80, and of a page on which the node shows itself.
//!
//! A connection on which there is something to do has a uthread, whose calls block it and nothing else; the others wait in a lobby
//! (`atoll_web::lobby`), as many as there is heap for. Where there is no room for one more, one that waits for a request makes room. What a
//! connection wants done the library says (`atoll_web::connection`); the modules of `program` carry it out.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

extern crate alloc;

mod program;

use alloc::sync::Arc;
use core::time::Duration;

use atoll_runtime::{
    Network, Status, become_mcp, connect, exit, max_vcores, println, request_vcores, sleep, spawn,
};
use program::reception::Reception;
use program::shared::Shared;
use program::{reception, upload};

atoll_runtime::entry!(main);

/// Exit status where there is no network.
const NO_NETWORK: u64 = 1;

/// The port of HTTP.
const PORT: u16 = 80;

/// How long is waited for something that is being started again, or that others have.
const SHORT: Duration = Duration::from_millis(20);

fn main() {
    let network = match connect("net").wait() {
        Ok(service) => service.network(),
        Err(status) => {
            println!("cannot use the service `net`: {status:?}; the plan must give it");
            exit(NO_NETWORK)
        }
    };
    // Where there are fewer cores than there could be, fewer will do.
    let _ = become_mcp().wait();
    let _ = request_vcores(max_vcores()).wait();
    let shared = Arc::new(Shared::new());
    upload::remove_left(shared.volume);
    for _ in 0..shared.workers {
        let own = shared.clone();
        drop(spawn(move || reception::work(&own)));
    }
    loop {
        if let Err(status) = serve(network, &shared) {
            println!("the network is lost: {status:?}; waiting for it");
            let _ = sleep(SHORT).wait();
        }
    }
}

/// Serves connections until the network is lost.
fn serve(network: Network, shared: &Arc<Shared>) -> Result<(), Status> {
    let host = network.address().wait()?;
    let reception = Reception::open(shared, network, PORT)?;
    shared.set_address(host.address);
    let [a, b, c, d] = host.address;
    println!("listening at {a}.{b}.{c}.{d}/{} port {PORT}", host.prefix);
    reception.run()
}
