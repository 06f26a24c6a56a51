//! `web`: a server of the files of a volume over HTTP/1.1 at port 80, and of a page on which the node shows itself.
//!
//! Each connection has a uthread of its own, whose calls block it and nothing else. There are at most as many as there are stacks, blocks and
//! heap for; more connections wait until they are accepted. What a connection wants done the library says (`atoll_web::connection`); the
//! modules of `program` carry it out.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

extern crate alloc;

mod program;

use alloc::sync::Arc;
use core::time::Duration;

use atoll_runtime::{
    Network, SocketOption, Status, Stream, become_mcp, connect, exit, max_vcores, println,
    request_vcores, sleep, try_spawn,
};
use program::shared::Shared;
use program::{carry, upload};

atoll_runtime::entry!(main);

/// Exit status where there is no network.
const NO_NETWORK: u64 = 1;

/// The port of HTTP.
const PORT: u16 = 80;

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 128;

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
    loop {
        if let Err(status) = serve(network, &shared) {
            println!("the network is lost: {status:?}; waiting for it");
            let _ = sleep(SHORT).wait();
        }
    }
}

/// Accepts connections until the network is lost. Those that there are end then by themselves.
fn serve(network: Network, shared: &Arc<Shared>) -> Result<(), Status> {
    let host = network.address().wait()?;
    let listener = network.listen(PORT, BACKLOG).wait()?;
    listener.set(SocketOption::NoDelay, 1).wait()?;
    shared.set_address(host.address);
    let [a, b, c, d] = host.address;
    println!("listening at {a}.{b}.{c}.{d}/{} port {PORT}", host.prefix);
    loop {
        shared.wait_for_room();
        match listener.accept().wait() {
            Ok(stream) => {
                shared.enter();
                begin(shared, stream);
            }
            Err(status @ (Status::PeerLost | Status::BadHandle | Status::NoService)) => {
                return Err(status);
            }
            Err(_) => {
                // It has ended before it was accepted, or there is no room for it now.
                let _ = sleep(SHORT).wait();
            }
        }
    }
}

/// Gives a connection its uthread.
fn begin(shared: &Arc<Shared>, stream: Stream) {
    loop {
        let own = shared.clone();
        let begun = try_spawn(move || {
            carry::serve(&own, stream);
            own.leave();
        });
        if begun.is_ok() {
            return;
        }
        // The stack of a connection that has just left is not free yet.
        let _ = sleep(Duration::from_millis(1)).wait();
    }
}
