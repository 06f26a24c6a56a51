//! What the root task and the components say to each other: how a component is entered, and what it asks for.

/// Kinds of component that an operator may stop.
pub mod component {
    /// The server of a cluster.
    pub const SERVER: u64 = 0;
    /// A service.
    pub const SERVICE: u64 = 1;
    /// The driver of a device.
    pub const DRIVER: u64 = 2;
    /// A process.
    pub const PROCESS: u64 = 3;
}

/// The first number that a component is entered with: its index in the plan, and its life.
pub mod entry {
    const INDEX_BITS: u64 = 16;
    const RESTARTS: u64 = (1 << INDEX_BITS) - 1;
    /// For a driver: it only has its device write nothing any more, says [`super::request::STOPPED`], and does nothing more.
    pub const QUIESCE: u64 = 1 << 63;

    /// The number of a component that was started so many times before.
    pub const fn number(index: usize, restarts: u64) -> u64 {
        index as u64 | (restarts & RESTARTS) << INDEX_BITS
    }

    /// The component's index in the plan.
    pub const fn index(number: u64) -> usize {
        (number & ((1 << INDEX_BITS) - 1)) as usize
    }

    /// How often it was started before.
    pub const fn restarts(number: u64) -> u64 {
        number >> INDEX_BITS & RESTARTS
    }
}

/// Labels of the messages that a component sends to its root task.
pub mod request {
    /// Print text: the message registers hold its bytes, the first one its length. Answered with an empty message.
    pub const LOG: u64 = 0x1000;
    /// The sender has started and can be used. Registers: how often it looks for work in vain before it blocks, which a driver
    /// leaves out. Answered with two registers: how often the time stamp counter ticks in a microsecond, and microseconds since 1970 when it would
    /// have been 0, or 0 (see [`crate::boot::Calendar`]). From a process, which has
    /// begun its main function: no registers, and not answered.
    pub const READY: u64 = 0x1001;
    /// A life of a process of the sender, a server, has ended. Registers: process, generation, exit status, most vcores granted at
    /// once.
    pub const EXITED: u64 = 0x1002;
    /// The sender cannot start; it has said why. Registers, of a driver: 1 where its device writes nothing any more all the same.
    pub const FAILED: u64 = 0x1004;
    /// A process whose server is gone ends. Registers: exit status. Not answered.
    pub const EXIT_WITHOUT_SERVER: u64 = 0x1005;
    /// An operator has a component of its kernel instance stopped, as if it had taken a fault. Registers: a kind of
    /// [`super::component`], its index in the plan, and how many of the lives that follow stand still from their start on, as
    /// if they hung (none of a process). Answered with a message whose label is 0 where that was begun.
    pub const STOP: u64 = 0x1006;
    /// An operator has a component of its kernel instance stand still, as if it hung. Registers: the first two of [`STOP`],
    /// and answered as that.
    pub const HOLD: u64 = 0x1008;
    /// The sender, a driver, has made its device quiet, which was all that it was to do: it writes nothing any more.
    pub const STOPPED: u64 = 0x1007;
    /// The device of the sender, a driver, writes nothing any more for a service that is gone. Registers: the service's slot
    /// among the services of the device.
    pub const QUIET: u64 = 0x1009;
    /// The sender, a driver or a service, wants to be woken after a time, once, with [`super::service_badge::TIME`]. Registers:
    /// milliseconds from now. It takes the place of a wish that the sender had before, and ends with this life of the sender.
    /// Answered with an empty message.
    pub const WATCH: u64 = 0x100A;
    /// The sender, a driver, wants to know how much of its device's memory is mapped for it. Answered with a register for each base
    /// address register: bytes, 0 where it is not one of memory.
    pub const DEVICE_MEMORY: u64 = 0x100B;
    /// Bytes of text that one [`LOG`] message carries.
    pub const LOG_SIZE: usize = 512;
}
