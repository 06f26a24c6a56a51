//! What the personality is told, and what it has done.

use atoll_abi::frame::FrameState;
use atoll_abi::process::ProcessId;
use atoll_abi::syscall::{Completion, Syscall};

use crate::vcore::VcoreSets;

/// What happened.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// A process of the cluster is to start: for the first time, or again, in a later generation, after it has ended.
    Start {
        /// The process.
        process: ProcessId,
    },
    /// A process runs that an earlier life of the server has started.
    Adopt {
        /// The process.
        process: ProcessId,
        /// Its vcores, as they were noted: see [`Actions::publish_vcores`].
        vcores: VcoreSets,
        /// It is a many-core process.
        many_core: bool,
    },
    /// What an earlier life of the server has noted of the cluster's frames, by number, when every process that runs was adopted.
    AdoptFrames {
        /// As they were noted: see [`Actions::publish_frame`].
        states: &'a [FrameState],
        /// How many lives the server had before.
        life: u32,
    },
    /// Calls were taken from the ring of a vcore: at most [`room`](crate::Personality::room).
    Calls {
        /// The process.
        process: ProcessId,
        /// The vcore.
        vcore: usize,
        /// Completions that the vcore has not taken from its ring.
        unread: usize,
        /// The calls, in order.
        calls: &'a [Syscall],
    },
    /// A process broke the protocol of a ring.
    BrokenRing {
        /// The process.
        process: ProcessId,
    },
    /// A process cannot go on: one of its vcores took a fault, say. None of its vcores runs.
    Faulted {
        /// The process.
        process: ProcessId,
        /// The exit status that it gets.
        status: u64,
    },
    /// The rings of a process that [is dying](crate::Personality::is_dying) are empty.
    Drained {
        /// The process.
        process: ProcessId,
    },
    /// Time has passed: alarms may be due, or ends of leases.
    Time,
}

/// What the personality has done. Every function does bounded work and never blocks.
pub trait Actions {
    /// Puts completions into the ring of a vcore, with one publication, and wakes the vcore where it sleeps. There is room
    /// for them, unless the process broke the ring, which is told by [`Event::BrokenRing`].
    fn complete(&mut self, process: ProcessId, vcore: usize, completions: &[Completion]);

    /// Lets a vcore run: for the first time at its entry, later from where it was stopped.
    fn start_vcore(&mut self, process: ProcessId, vcore: usize);

    /// Stops a vcore. It has stopped when this returns.
    fn stop_vcore(&mut self, process: ProcessId, vcore: usize);

    /// Wakes a vcore that sleeps; where it does not sleep it is woken from its next sleep.
    fn wake_vcore(&mut self, process: ProcessId, vcore: usize);

    /// Tells a process which vcores are granted now, and notes its vcores where the note outlives the server: before a vcore is
    /// started or stopped, and after it.
    fn publish_vcores(&mut self, process: ProcessId, vcores: VcoreSets);

    /// Tells a process which of its vcores have an alarm that has not rung: before the call that sets one is answered, and before a
    /// vcore is woken by one that rings.
    fn publish_alarms(&mut self, process: ProcessId, vcores: u64);

    /// Notes where it outlives the server that a process has become a many-core process.
    fn publish_many_core(&mut self, process: ProcessId);

    /// Takes a frame of the cluster, by its number, from the process that has it, and maps it for another one, by its index in the
    /// plan. When this returns nobody else reaches it.
    fn place_frame(&mut self, frame: usize, process: usize);

    /// Tells the processes of the cluster who has a frame, and notes it where it outlives the server: before the frame moves, and
    /// after it.
    fn publish_frame(&mut self, frame: usize, state: FrameState);

    /// Prints one line of a process, without its end. The text is at most [`crate::print::LINE_SIZE`] bytes and holds no
    /// control characters.
    fn print_line(&mut self, process: ProcessId, line: &str);

    /// A process is dead: none of its vcores runs. Told once for each life of a process.
    fn process_ended(&mut self, process: ProcessId, status: u64, max_granted: u32);
}
