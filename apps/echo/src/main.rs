//! `echo`: sends back what it receives, at port 7 of TCP (RFC 862) and of UDP.
//!
//! When the service of its network dies, it waits for the next one, and begins anew: connections end with the service. The datagram
//! `end` ends the program. In a process of the name `operator`, or of one that begins with `stops-`, it stops parts of the machine instead,
//! for a test.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

extern crate alloc;

mod operator;

use alloc::vec::Vec;
use core::time::Duration;

use atoll_runtime::{
    Block, Datagrams, Network, Status, connect, exit, println, process_name, sleep, spawn,
};
use atoll_serve::{Protocol, Server, Step};

atoll_runtime::entry!(main);

/// Exit status where there is no network.
const NO_NETWORK: u64 = 1;

/// The port of the echo protocol.
const PORT: u16 = 7;

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 64;

/// A datagram that ends the program.
const END: &[u8] = b"end";

/// Says what it hears.
struct Echo;

impl Protocol for Echo {
    /// What was heard and not said.
    type Peer = Vec<u8>;

    fn begin(&mut self) -> Vec<u8> {
        Vec::new()
    }

    fn received(&mut self, peer: &mut Vec<u8>, bytes: &[u8]) {
        peer.extend(bytes);
    }

    fn step(&mut self, peer: &mut Vec<u8>, answer: &mut Vec<u8>) -> Step {
        answer.append(peer);
        Step::Needs
    }
}

fn main() {
    let name = process_name();
    if name.as_str() == "operator" {
        return operator::operate();
    }
    if let Some(component) = name.as_str().strip_prefix("stops-") {
        return operator::stop_named(component);
    }
    let network = match connect("net").wait() {
        Ok(service) => service.network(),
        Err(status) => {
            println!("cannot use the service `net`: {status:?}; the plan must give it");
            exit(NO_NETWORK)
        }
    };
    loop {
        if let Err(status) = serve(network) {
            println!("the network is lost: {status:?}; waiting for it");
            let _ = sleep(Duration::from_millis(20)).wait();
        }
    }
}

/// Opens the sockets, and serves until the network is lost.
fn serve(network: Network) -> Result<(), Status> {
    let address = network.address().wait()?;
    let [a, b, c, d] = address.address;
    let mut echo = Echo;
    let mut server = Server::new(network, PORT, BACKLOG, &mut echo)?;
    let datagrams = network.datagrams(PORT).wait()?;
    spawn(move || answer_datagrams(datagrams));
    println!(
        "listening at {a}.{b}.{c}.{d}/{} port {PORT}",
        address.prefix
    );
    server.run()
}

fn answer_datagrams(datagrams: Datagrams) {
    let mut count = 0;
    loop {
        let Ok((block, from)) = datagrams.receive(Block::acquire()).wait() else {
            return;
        };
        count += 1;
        if block.bytes() == END {
            println!(r#"result {{"datagrams":{count}}}"#);
            exit(0)
        }
        let length = block.bytes().len();
        if datagrams.send(from, length, block.alone()).wait().is_err() {
            return;
        }
    }
}
