//! What a booted system has said.

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

/// What one end of a channel counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// Index of the channel.
    pub channel: usize,
    /// Index of the cluster.
    pub cluster: usize,
    /// Messages sent.
    pub sent: u64,
    /// Messages received.
    pub received: u64,
    /// Doorbells rung by this end.
    pub doorbells: u64,
    /// Doorbells rung by the other end.
    pub peer_doorbells: u64,
}

/// Why the run ended before the system was finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The kind of failure.
    pub verdict: Verdict,
    /// What happened, for a person.
    pub reason: String,
}
