//! What a booted system has said.

use serde::Serialize;

use crate::event::{Held, Untyped};
use crate::report::Verdict;

/// What an instance said about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Started {
    /// Cores in its boot information.
    pub cores: usize,
    /// Whether its kernel is of the multicore configuration.
    pub smp: bool,
    /// Milliseconds between its timer ticks.
    pub tick_ms: u32,
    /// First byte of its memory, and the first one after it.
    pub memory: (u64, u64),
}

/// What an instance holds.
#[derive(Clone, Debug, Default)]
pub struct Holdings {
    /// Frames, by physical address.
    pub frames: Vec<Held>,
    /// Untyped memory.
    pub untyped: Vec<Untyped>,
    /// I/O ports, first and last.
    pub ports: Vec<Held>,
}

/// What one instance said so far.
#[derive(Clone, Debug, Default)]
pub struct InstanceState {
    /// Its `instance` event.
    pub started: Option<Started>,
    /// Its `audit` events.
    pub holdings: Holdings,
    /// Whether the last `audit` event was seen.
    pub audited: bool,
    /// Whether it is `ready`.
    pub ready: bool,
    /// Whether it is `done`.
    pub done: bool,
}

/// How a process ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The most vcores it was granted.
    pub vcores: u64,
    /// Its exit status.
    pub status: u64,
}

/// What crossed the channel between a vcore of a process and a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelCounts {
    /// Number of the connection.
    pub connection: usize,
    /// Index of the process.
    pub process: usize,
    /// Index of the service.
    pub service: usize,
    /// The vcore.
    pub vcore: usize,
    /// Messages that the vcore sent.
    pub sent: u64,
    /// Messages that it received.
    pub received: u64,
    /// Doorbells that it rang.
    pub doorbells: u64,
    /// Doorbells that the service rang.
    pub peer_doorbells: u64,
    /// How often the vcore looks for work in vain before it blocks.
    pub poll_budget: u64,
}

/// How long it pays for a server or a service to look for work before it blocks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PollBudget {
    /// The component, as events name it.
    pub who: String,
    /// How often it looks in vain.
    pub looks: u64,
}

/// A fault of a component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultSeen {
    /// The component, as events name it.
    pub who: String,
    /// What happened, for a person.
    pub text: String,
}

/// A component was started again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Restarted {
    /// The component, as events name it.
    pub who: String,
    /// How many times it has been started, this one included.
    pub generation: u32,
}

/// Why the run ended before the system was finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The kind of failure.
    pub verdict: Verdict,
    /// What happened, for a person.
    pub reason: String,
}
