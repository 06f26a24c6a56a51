//! `relay`: relays connections to where their clients say, and keeps a copy of what they send.
//!
//! When the service of its network dies, it waits for the next one, and begins anew: connections end with the service. The datagram
//! `end` ends the program when no connection is open any more.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

extern crate alloc;

mod connection;
mod kept;

use alloc::sync::Arc;
use core::time::Duration;

use atoll_relay::{END, PORT};
use atoll_runtime::{
    Block, Datagrams, Monitor, Network, Status, Stream, become_mcp, connect, exit, max_vcores,
    println, request_vcores, sleep, spawn,
};

use connection::Relayed;
use kept::Copies;

atoll_runtime::entry!(main);

/// Exit statuses.
const NO_NETWORK: u64 = 1;
const NO_PARTITION: u64 = 2;

/// Connections of clients that are relayed at a time. Each has two uthreads and two splices; the plan gives uthreads and blocks for them.
const CONNECTIONS: usize = 8;

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 64;

/// What all uthreads share.
struct Relay {
    network: Network,
    copies: Copies,
    /// What was relayed, and how many connections are open.
    state: Monitor<State>,
}

#[derive(Default)]
struct State {
    open: usize,
    connections: u64,
    total: Relayed,
}

fn main() {
    let network = match connect("net").wait() {
        Ok(service) => service.network(),
        Err(status) => {
            println!("cannot use the service `net`: {status:?}; the plan must give it");
            exit(NO_NETWORK)
        }
    };
    let service = connect("copies").wait();
    let partition = service.and_then(|service| service.partition().wait());
    let copies = match partition.and_then(Copies::open) {
        Ok(copies) => copies,
        Err(status) => {
            println!(
                "cannot use the service `copies`: {status:?}; the disk must have its partition"
            );
            exit(NO_PARTITION)
        }
    };
    // With one vcore it is slower, and no more than that.
    let _ = become_mcp().wait();
    let _ = request_vcores(max_vcores()).wait();
    let relay = Arc::new(Relay {
        network,
        copies,
        state: Monitor::new(State::default()),
    });
    loop {
        if let Err(status) = serve(&relay) {
            println!("the network is lost: {status:?}; waiting for it");
            let _ = sleep(Duration::from_millis(20)).wait();
        }
    }
}

/// Opens the sockets, and serves until the network is lost.
fn serve(relay: &Arc<Relay>) -> Result<(), Status> {
    let address = relay.network.address().wait()?;
    let [a, b, c, d] = address.address;
    let listener = relay.network.listen(PORT, BACKLOG).wait()?;
    let datagrams = relay.network.datagrams(PORT).wait()?;
    let all = relay.clone();
    spawn(move || wait_for_end(&all, datagrams));
    println!(
        "listening at {a}.{b}.{c}.{d}/{} port {PORT}",
        address.prefix
    );
    loop {
        // Who comes when all are taken waits to be accepted.
        relay.state.wait_for(|state| {
            let has_room = state.open < CONNECTIONS;
            state.open += usize::from(has_room);
            has_room.then_some(())
        });
        match listener.accept().wait() {
            Ok(client) => {
                let relay = relay.clone();
                spawn(move || relay_one(&relay, client));
            }
            Err(status) => {
                relay.state.with_notify(|state| state.open -= 1);
                match status {
                    // One may have ended before it was accepted.
                    Status::ConnectionReset => {}
                    status => return Err(status),
                }
            }
        }
    }
}

/// Relays a connection to its end.
fn relay_one(relay: &Relay, client: Stream) {
    let relayed = connection::relay(relay, client);
    relay.state.with_notify(|state| {
        state.open -= 1;
        state.connections += 1;
        state.total += relayed;
    });
}

/// Waits for the datagram that ends the program, and then for all connections.
fn wait_for_end(relay: &Relay, datagrams: Datagrams) {
    loop {
        match datagrams.receive(Block::acquire()).wait() {
            Ok((block, _)) if block.bytes() == END => break,
            Ok(_) => {}
            // The network is lost.
            Err(_) => return,
        }
    }
    let (connections, total) = relay.state.wait_for(|state| {
        // One place is that of the next client.
        (state.open <= 1).then_some((state.connections, state.total))
    });
    let Relayed {
        there,
        back,
        copied,
        kept,
    } = total;
    println!(
        r#"result {{"connections":{connections},"there":{there},"back":{back},"copied":{copied},"kept":{kept}}}"#
    );
    exit(0)
}
