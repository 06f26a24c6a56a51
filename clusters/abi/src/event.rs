//! Events: what the loader and the root tasks say on the serial ports, one JSON object in a line.
//!
//! `docs/serial-protocol.md` defines them. [`write`] needs no allocator. With the feature `read-events` an event can be
//! deserialized, which does need one.

use core::fmt;

use serde::Serialize;

/// What begins a line that holds an event.
pub const EVENT_PREFIX: &str = "@atoll ";

/// Frames, untyped capabilities or port ranges that one `audit` event may list. What is longer takes several events.
pub const AUDIT_RANGES: usize = 16;

/// Bytes of the longest event: of an `audit` event whose lists are full and whose numbers and names are the longest.
pub const EVENT_SIZE: usize = 4096;

/// A range of addresses, first byte and first byte after it, or of ports, first and last; and its holder.
pub type Held<Text> = (u64, u64, Text);

/// A range of untyped memory, first byte and first byte after it; and whether it is device memory.
pub type Untyped = (u64, u64, bool);

/// An event as it is written: nothing is allocated for its parts.
pub type Written<'a> = Event<fmt::Arguments<'a>, &'a [Held<&'a str>], &'a [Untyped]>;

/// An event; a program that reads events chooses types that own their text and lists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "read-events", derive(serde::Deserialize))]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Event<Text, HeldList, UntypedList> {
    /// A step of the loader.
    Loader {
        /// What it did or is about to do.
        stage: Text,
    },
    /// The loader or a root task has read its plan.
    Plan {
        /// `loader`, or `root-task` and the index of its instance.
        who: Text,
        /// The plan's name.
        plan: Text,
        /// [`Machine::fingerprint`](crate::plan::Machine::fingerprint), as sixteen hexadecimal digits.
        fingerprint: Text,
    },
    /// The loader stopped.
    Refused {
        /// What the machine lacks, or what failed.
        reason: Text,
    },
    /// A root task has started.
    Instance {
        /// Index of its instance.
        instance: usize,
        /// Cores that its kernel started.
        cores: usize,
        /// Whether its kernel is of the multicore configuration.
        smp: bool,
        /// Milliseconds between the kernel's timer ticks.
        tick_ms: u32,
        /// First byte of the instance's memory, and the first one after it.
        memory: (u64, u64),
    },
    /// What a root task and its children hold; a part of the lists unless `last`.
    Audit {
        /// Index of the instance.
        instance: usize,
        /// Frames.
        frames: HeldList,
        /// Untyped capabilities.
        untyped: UntypedList,
        /// I/O ports.
        ports: HeldList,
        /// Whether nothing more follows.
        last: bool,
    },
    /// Each component of an instance has started, or stays down.
    Ready {
        /// Index of the instance.
        instance: usize,
    },
    /// A process has started.
    Started {
        /// Its name.
        process: Text,
        /// Its cluster's name.
        cluster: Text,
        /// The most vcores that it may have.
        vcores: u32,
    },
    /// A process has ended.
    Process {
        /// Its name.
        process: Text,
        /// Its cluster's name.
        cluster: Text,
        /// The most vcores that it was granted.
        vcores: u64,
        /// Its exit status.
        status: u64,
    },
    /// What crossed the channel between a vcore of a process and a service.
    Channel {
        /// Name of the process.
        process: Text,
        /// Name of the service.
        service: Text,
        /// The vcore.
        vcore: usize,
        /// Messages that the vcore sent.
        sent: u64,
        /// Messages that it received.
        received: u64,
        /// Doorbells that it rang.
        doorbells: u64,
        /// Doorbells that the service rang.
        peer_doorbells: u64,
        /// How often the vcore looks for work in vain before it blocks.
        poll_budget: u64,
    },
    /// A server or a service has measured how long it pays to look for work before it blocks.
    Budget {
        /// The component, named as in a fault.
        who: Text,
        /// How often it looks in vain before it blocks.
        looks: u64,
    },
    /// The server of a cluster was stopped.
    Stopped {
        /// The cluster's name.
        cluster: Text,
    },
    /// A component or process took a fault, or did not start.
    Fault {
        /// `server:CLUSTER`, `service:NAME`, `driver:DEVICE` or `process:NAME`.
        who: Text,
        /// The fault.
        reason: Text,
    },
    /// A component was started again.
    Restarted {
        /// The component, named as in a fault.
        who: Text,
        /// How many times it has been started, this one included.
        generation: u32,
    },
    /// A component stays down: it was started again as often as the plan allows.
    Down {
        /// The component, named as in a fault.
        who: Text,
        /// How many times it was started again.
        restarts: u32,
    },
    /// A root task panicked.
    Panic {
        /// Which program.
        who: Text,
        /// The panic.
        reason: Text,
    },
    /// Every process of an instance has ended.
    Done {
        /// Index of the instance.
        instance: usize,
    },
}

/// Writes the line of an event, in one piece. An event that is longer than any that the protocol has is replaced by a
/// `panic` event, so that it is not lost unseen.
///
/// # Errors
/// Those of the output.
pub fn write(event: &Written<'_>, output: &mut impl fmt::Write) -> fmt::Result {
    let mut line = [0; EVENT_PREFIX.len() + EVENT_SIZE + 1];
    let length = match encode(event, &mut line) {
        Some(length) => length,
        None => {
            let reason = format_args!("an event is longer than {EVENT_SIZE} bytes");
            let who = format_args!("serial port");
            encode(&Event::Panic { who, reason }, &mut line).ok_or(fmt::Error)?
        }
    };
    let text = line.get(..length).ok_or(fmt::Error)?;
    output.write_str(core::str::from_utf8(text).map_err(|_| fmt::Error)?)
}

/// Fills `line` with the line of an event; its length, or `None` where it does not fit.
fn encode(event: &Written<'_>, line: &mut [u8]) -> Option<usize> {
    let (prefix, rest) = line.split_at_mut_checked(EVENT_PREFIX.len())?;
    prefix.copy_from_slice(EVENT_PREFIX.as_bytes());
    let length = serde_json_core::to_slice(event, rest).ok()?;
    *rest.get_mut(length)? = b'\n';
    Some(EVENT_PREFIX.len() + length + 1)
}
