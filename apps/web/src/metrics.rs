//! What is known of a node at some moment, to be shown.
//!
//! Whoever knows the node fills a [`Node`] in; what is not known stays `None` or empty, and is then left out of the text for Prometheus and
//! `null` or empty in the JSON. Everything that counts grows from the start of what counts it and never shrinks but by its restart.

mod json;
mod prometheus;
#[cfg(test)]
mod sample;
mod text;

use alloc::string::String;
use alloc::vec::Vec;

/// A node.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Node {
    /// The name of its plan.
    pub name: Option<String>,
    /// The address of this server in its network, `10.0.2.15` say.
    pub address: Option<String>,
    /// Milliseconds since this server started.
    pub uptime_ms: Option<u64>,
    /// The clusters, in the order of the plan.
    pub clusters: Vec<Cluster>,
    /// The processes, in the order of the plan.
    pub processes: Vec<Process>,
    /// The channels, in any order.
    pub channels: Vec<Channel>,
    /// Calls of this server's process by who answered them.
    pub calls: Option<Calls>,
    /// What this server has done.
    pub traffic: Traffic,
    /// The memory of this server's process.
    pub memory: Memory,
}

/// A cluster.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cluster {
    /// Its name in the plan.
    pub name: String,
    /// Which kernel instance it is on, from 0 on: clusters with one number share a kernel.
    pub kernel: Option<u32>,
    /// Generation of its server, where that is known.
    pub generation: Option<u32>,
    /// Its cores.
    pub cores: Vec<Core>,
}

/// A core of a cluster.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Core {
    /// Its number in the machine (APIC identifier).
    pub number: u32,
    /// Who has it now.
    pub holders: Vec<Holder>,
}

/// Who has a core, or shares it.
#[derive(Clone, Debug, PartialEq)]
pub struct Holder {
    /// The name of a process or component in the plan.
    pub name: String,
    /// What it is.
    pub kind: HolderKind,
}

/// What has a core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HolderKind {
    /// A vcore of a process, by its number.
    Vcore(u32),
    /// The server of the cluster.
    Server,
    /// A service.
    Service,
    /// A driver.
    Driver,
}

/// A process.
#[derive(Clone, Debug, PartialEq)]
pub struct Process {
    /// Its name in the plan.
    pub name: String,
    /// Its cluster.
    pub cluster: Option<String>,
    /// What it does.
    pub state: ProcessState,
    /// Its generation: how often it was started.
    pub generation: Option<u32>,
    /// Vcores that are granted.
    pub vcores_granted: Option<u32>,
    /// Vcores that it may ever have.
    pub vcores_max: Option<u32>,
    /// The core of each vcore that is granted.
    pub cores: Vec<u32>,
}

/// What a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessState {
    /// Nobody knows.
    Unknown,
    /// It is a process with one core.
    SingleCore,
    /// It has become a many-core process.
    ManyCore,
    /// It has ended.
    Ended,
}

impl ProcessState {
    /// As a word.
    pub fn as_str(self) -> &'static str {
        match self {
            ProcessState::Unknown => "unknown",
            ProcessState::SingleCore => "single-core",
            ProcessState::ManyCore => "many-core",
            ProcessState::Ended => "ended",
        }
    }
}

/// A channel between a client and the one who answers its calls.
#[derive(Clone, Debug, PartialEq)]
pub struct Channel {
    /// Its number in the plan, which no other channel has.
    pub number: u32,
    /// The name of the client; of a process with several vcores, all of them have this one.
    pub client: String,
    /// The vcore of the client, where it is a process.
    pub vcore: Option<u32>,
    /// The name of the one who answers.
    pub provider: String,
    /// How far it leads.
    pub route: ChannelRoute,
    /// What the client has sent; nothing where nobody may look.
    pub to_provider: Option<Direction>,
    /// What the provider has sent.
    pub to_client: Option<Direction>,
    /// Slots of each ring.
    pub slots: Option<u32>,
    /// Its generation.
    pub generation: Option<u32>,
}

/// How far a channel leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelRoute {
    /// Nobody knows.
    Unknown,
    /// Both ends are on one kernel instance.
    SameKernel,
    /// The ends are on two kernel instances.
    OtherKernel,
}

impl ChannelRoute {
    /// As a word.
    pub fn as_str(self) -> &'static str {
        match self {
            ChannelRoute::Unknown => "unknown",
            ChannelRoute::SameKernel => "same-kernel",
            ChannelRoute::OtherKernel => "other-kernel",
        }
    }
}

/// What went one way on a channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Direction {
    /// Messages.
    pub messages: u64,
    /// Doorbells that were rung for them.
    pub doorbells: u64,
}

/// Calls by who answered them (`atoll_abi::syscall::Route`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// The runtime in the process itself.
    pub runtime: u64,
    /// The server of its cluster.
    pub server: u64,
    /// Services on the same kernel instance.
    pub service_here: u64,
    /// Services on other ones.
    pub service_elsewhere: u64,
}

/// What a server has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Requests that were answered.
    pub requests: u64,
    /// Answers by the first digit of their status: 1xx to 5xx.
    pub answers: [u64; 5],
    /// Bytes that were received.
    pub bytes_received: u64,
    /// Bytes that were sent.
    pub bytes_sent: u64,
    /// Connections that were accepted.
    pub connections_accepted: u64,
    /// Connections that there are.
    pub connections_open: u64,
    /// Connections that there may be at a time.
    pub connections_most: u64,
}

/// The memory of a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Bytes of its heap.
    pub heap: Option<u64>,
    /// Blocks of its pool.
    pub blocks: Option<u64>,
    /// Blocks that are in calls which ended early.
    pub blocks_in_flight: Option<u64>,
}

impl Node {
    /// As JSON: an object with the names of the fields here, enums as words.
    pub fn to_json(&self) -> String {
        json::write(self)
    }

    /// As Prometheus's text format, version 0.0.4.
    pub fn to_prometheus(&self) -> String {
        prometheus::write(self)
    }
}
