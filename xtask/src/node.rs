//! The node: what `cargo xtask run` boots where nothing else is named. A machine with ports at 127.0.0.1, a disk that is kept, and programs
//! that clients of the host talk to until the user ends it.

mod closing;
mod disk;
mod status;

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use atoll_abi::plan::Plan;
use clap::{Args, ValueEnum};

use crate::cli::BootOptions;
use crate::locate;
use crate::lock::Lock;
use crate::progress::Progress;
use crate::simulate::{Forward, Forwarded, Volumes};
use crate::tools::Tools;

pub use closing::close;
pub use status::Status;

/// What is run where no plan is named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum App {
    /// A machine on a network, with a key-value store and a web server, until Ctrl-C.
    #[default]
    Node,
    /// A many-core process that digests a text and ends.
    Digest,
}

impl App {
    /// Its plan.
    pub fn plan(self) -> &'static str {
        match self {
            App::Node => "node",
            App::Digest => "2x2",
        }
    }
}

/// Options of the node.
#[derive(Args, Clone, Debug)]
pub struct NodeOptions {
    /// Begin with a new disk; what the one of earlier runs holds is lost.
    #[arg(long)]
    pub fresh: bool,
    /// The ports of this host, at 127.0.0.1, are those of the machine and so many more.
    #[arg(long, value_name = "PORT", default_value_t = PORT_BASE, value_parser = clap::value_parser!(u16).range(0..=MOST_BASE))]
    pub port_base: u16,
}

const PORT_BASE: u16 = 10_000;

/// With it the largest port of the machine still is one of the host.
const MOST_BASE: i64 = (u16::MAX - KV) as i64;

/// The port of the key-value store.
pub const KV: u16 = 6379;
/// The port of the web server.
pub const WEB: u16 = 80;

/// The ports of the machine that lead out of it.
const PORTS: [u16; 2] = [WEB, KV];

/// A node that is about to run: nobody else uses the disk that is kept meanwhile.
pub struct Node {
    _lock: Option<Lock>,
}

impl Node {
    /// Gives the options the disk that is kept, where they name none. Waits while another node uses it.
    ///
    /// # Errors
    /// Where the disk cannot be made, or is that of another plan, or the user asked to stop.
    pub fn prepare(
        plan: &Plan,
        node: &NodeOptions,
        options: &mut BootOptions,
        volumes: &Volumes,
        tools: &Tools,
    ) -> Result<Node> {
        if !options.disks.is_empty() {
            return Ok(Node { _lock: None });
        }
        let folder = folder();
        let lock = Lock::exclusive(&folder.join("lock"))?;
        let mut progress = Progress::new();
        let disk = disk::keep(plan, node.fresh, &folder, volumes, tools, &mut progress)?;
        options.disks.push(disk);
        // Its content is on the disk already.
        options.disk_from = None;
        Ok(Node { _lock: Some(lock) })
    }
}

/// The folder of what is kept.
fn folder() -> PathBuf {
    locate::output().join("node")
}

/// The folder whose content a disk has that is made, where none is named.
const CONTENT: &str = "docs";

/// Adds to the options what a node has: its ports, beside those that are named, and the content of a disk that has to be made.
///
/// # Errors
/// Where there are no such ports, or a new disk is wanted and one is named.
pub fn complete(node: &NodeOptions, options: &mut BootOptions) -> Result<()> {
    if node.fresh && !options.disks.is_empty() {
        bail!("--disk names the disk, so no new one is made; leave --fresh or --disk out");
    }
    let is_made = options.disks.is_empty() && (node.fresh || !disk::is_kept(&folder()));
    if is_made && options.disk_from.is_none() {
        options.disk_from = Some(locate::root().join(CONTENT));
    }
    for guest in PORTS {
        if options.forward.iter().all(|it| it.guest() != guest) {
            let host = node.port_base.checked_add(guest);
            let host = host.context("--port-base is too large; name a smaller one")?;
            options.forward.push(Forward::new(host, guest));
        }
    }
    Ok(())
}

/// How to talk to a node with these ports.
pub fn invitation(forwarded: &[Forwarded]) -> String {
    let mut text = String::from("the node serves:\n");
    for (guest, line) in [
        (
            WEB,
            "  curl http://127.0.0.1:PORT/        the live page, in a browser; files are at /files/",
        ),
        (
            KV,
            "  redis-cli -p PORT                  the key-value store",
        ),
    ] {
        if let Some(port) = forwarded.iter().find(|it| it.guest == guest) {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{}", line.replace("PORT", &port.host.to_string()));
        }
    }
    text.push_str("Ctrl-C ends it; its disk is kept, and --fresh begins with a new one.");
    text
}

/// The port of the host that leads to the key-value store.
fn kv_port(forwarded: &[Forwarded]) -> Option<u16> {
    let port = forwarded.iter().find(|it| it.guest == KV)?;
    Some(port.host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::Protocol;

    #[test]
    fn the_ports_are_those_of_the_machine_and_the_base_unless_they_are_named() {
        let node = |port_base| NodeOptions {
            fresh: false,
            port_base,
        };
        let mut options = BootOptions {
            forward: vec![Forward::parse("7:80").unwrap()],
            ..BootOptions::default()
        };
        complete(&node(10_000), &mut options).unwrap();
        let expected = ["7:80", "16379:6379"].map(|it| Forward::parse(it).unwrap());
        assert_eq!(options.forward, expected);
        let refused = complete(&node(u16::MAX), &mut BootOptions::default()).unwrap_err();
        assert!(refused.to_string().contains("smaller"), "{refused}");
        complete(&node(MOST_BASE as u16), &mut BootOptions::default()).unwrap();
    }

    #[test]
    fn the_invitation_names_the_ports() {
        let port = |host, guest| Forwarded {
            protocol: Protocol::Tcp,
            host,
            guest,
        };
        let text = invitation(&[port(1234, WEB), port(4321, KV)]);
        assert!(text.contains("http://127.0.0.1:1234/"), "{text}");
        assert!(text.contains("redis-cli -p 4321"), "{text}");
    }
}
