//! Badges of capabilities: who sends, and who wakes.

use super::MAX_VCORES;

/// Badges of the endpoint of the root task: who sends.
pub mod badge {
    /// Bits of a badge that number the sender within its kind.
    const INDEX_BITS: u64 = 20;
    /// A server; its index is its cluster.
    pub const SERVER: u64 = 1 << INDEX_BITS;
    /// A driver; its index is its device.
    pub const DRIVER: u64 = 2 << INDEX_BITS;
    /// A thread of a process: see [`of_vcore`].
    pub const PROCESS: u64 = 3 << INDEX_BITS;
    /// A service; its index is its index in the plan.
    pub const SERVICE: u64 = 4 << INDEX_BITS;
    /// No sender: the root task's comparator has interrupted it.
    pub const ALARM: u64 = 5 << INDEX_BITS;

    const _: () = assert!(crate::plan::MAX_PROCESSES * super::MAX_VCORES <= 1 << INDEX_BITS);

    /// The badge of a thread of a process, by its index in the plan.
    pub const fn of_vcore(process: usize, vcore: usize) -> u64 {
        PROCESS + (process * super::MAX_VCORES + vcore) as u64
    }

    /// The process of the index of a badge of [`PROCESS`].
    pub const fn process(index: usize) -> usize {
        index / super::MAX_VCORES
    }

    /// A badge as its kind and index.
    pub const fn split(badge: u64) -> (u64, usize) {
        (
            badge & !((1 << INDEX_BITS) - 1),
            (badge & ((1 << INDEX_BITS) - 1)) as usize,
        )
    }
}

/// Badges of a server's notification: who wakes it, and why.
pub mod server_badge {
    /// A service has written into its wake requests.
    pub const WAKE_REQUESTED: u64 = 1 << 62;
    /// The cluster's comparator: a server of another instance interrupts it, or its alarm is due.
    pub const INTERRUPT: u64 = 1 << 61;

    /// How many bits processes are divided among.
    pub const PROCESS_BITS: usize = 60;

    /// A process has something in its rings or its wake requests, has died, or is to be started or ended: the bit of its
    /// number in the cluster. Processes whose numbers differ by a multiple of the number of bits share one.
    pub const fn process(number: u32) -> u64 {
        1 << (number as usize % PROCESS_BITS)
    }

    /// The bits of all processes.
    pub const PROCESSES: u64 = (1 << PROCESS_BITS) - 1;
}

/// Badges of a service's or driver's notification: what has something for it.
pub mod service_badge {
    /// The ring of the driver.
    pub const DRIVER: u64 = 1 << 62;
    /// The device of a driver: it interrupts.
    pub const DEVICE: u64 = 1 << 63;
    /// The time has come for which it wanted to be woken: see [`crate::layout::request::WATCH`].
    pub const TIME: u64 = 1 << 61;
    /// How many bits clients are divided among.
    pub const CLIENT_BITS: usize = 61;

    /// The bit of the client of a slot; clients whose slots differ by a multiple of [`CLIENT_BITS`] share one.
    pub const fn client(slot: usize) -> u64 {
        1 << (slot % CLIENT_BITS)
    }
}
