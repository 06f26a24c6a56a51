//! Where atomics come from: the processor, alone or with a hook before each access, or loom's model of it.

#[cfg(not(loom))]
mod world {
    #[cfg(feature = "simulated")]
    pub(crate) use crate::simulated::AtomicU64;
    #[cfg(not(feature = "simulated"))]
    pub(crate) use core::sync::atomic::AtomicU64;
    pub(crate) use core::sync::atomic::{Ordering, fence};

    /// Slots of a ring.
    pub(crate) const SLOTS: usize = atoll_abi::layout::RING_SLOTS;
    /// Words of a slot's payload that are carried.
    pub(crate) const WORDS: usize = atoll_abi::message::MESSAGE_WORDS;
    /// Buckets of a histogram of latencies.
    pub(crate) const LATENCY_BUCKETS: usize = 32;
}

#[cfg(loom)]
mod world {
    pub(crate) use loom::sync::atomic::{AtomicU64, Ordering, fence};

    /// Slots of a ring: few, so that a model meets full rings and later laps.
    pub(crate) const SLOTS: usize = 2;
    /// Words of a slot's payload that are carried: one stands for all.
    pub(crate) const WORDS: usize = 1;
    /// Buckets of a histogram of latencies: nothing depends on them.
    pub(crate) const LATENCY_BUCKETS: usize = 1;
}

pub(crate) use world::*;
