//! What happens at a certain time.

use crate::faults::Task;
use crate::state::Id;

/// What happens at the top level only, where no actor is in the middle of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    /// An actor takes a step.
    Step(Id),
    /// A fault happens, or a supervisor notices one.
    Task(Task),
}

/// What may happen between any two steps of an actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Signal {
    /// A doorbell arrives, with the badge that says who rang.
    Doorbell(Id, u64),
    /// A deadline that an actor sleeps for.
    Timer(Id),
    /// A component that died is announced dead to its clients.
    AnnounceService(usize),
    /// A driver that died stays down, for a while or for good.
    LeaveDriverDown,
    /// A component that died starts again, and attaches its rings.
    Restart(Id),
    /// A process that ended begins a new life, where the one that ended was this.
    Begin(usize, u32),
}
