//! The layout of a ring in shared memory.

use core::ops::Deref;

use crate::payload::Payload;
use crate::sync::{AtomicU64, LATENCY_BUCKETS, SLOTS};

/// What one side writes, alone on its cache line.
#[repr(C, align(64))]
pub(crate) struct Line<T>(pub(crate) T);

/// What the producer tells about what it sent; nothing depends on it.
#[repr(C)]
pub(crate) struct SentCounts {
    pub(crate) messages: AtomicU64,
    /// Messages that were published together with an earlier one. A publication of one message leaves it alone.
    pub(crate) followers: AtomicU64,
    pub(crate) doorbells: AtomicU64,
    pub(crate) full: AtomicU64,
}

/// What the consumer tells about what it received; nothing depends on it.
#[repr(C)]
pub(crate) struct ReceivedCounts {
    pub(crate) messages: AtomicU64,
    pub(crate) poll_hits: AtomicU64,
    pub(crate) sleeps: AtomicU64,
    pub(crate) spurious: AtomicU64,
    pub(crate) stale: AtomicU64,
    pub(crate) poll_budget: AtomicU64,
}

/// What the producer tells about its work, on this channel and elsewhere; nothing depends on it.
#[repr(C)]
pub(crate) struct WorkCounts {
    pub(crate) ticks: AtomicU64,
    pub(crate) entries: AtomicU64,
    pub(crate) copied: AtomicU64,
}

/// The first page of a ring.
#[repr(C)]
#[cfg_attr(not(loom), repr(align(4096)))]
pub(crate) struct Header {
    /// Messages consumed so far; the consumer writes it.
    pub(crate) consumed: Line<AtomicU64>,
    /// Whether the consumer sleeps; the consumer sets it. The producer clears it before it rings, or the consumer when
    /// it is awake.
    pub(crate) asleep: Line<AtomicU64>,
    /// The incarnation of the side that produces: even while it lives, odd from its death on until it comes back. The
    /// producer writes it, and its supervisor when it died.
    pub(crate) incarnation: Line<AtomicU64>,
    pub(crate) sent: Line<SentCounts>,
    pub(crate) received: Line<ReceivedCounts>,
    /// The consumer's: how many answers took how long.
    pub(crate) latency: Line<[AtomicU64; LATENCY_BUCKETS]>,
    pub(crate) work: Line<WorkCounts>,
}

/// One slot: the stamp of its message, and the message.
#[repr(C)]
#[cfg_attr(not(loom), repr(align(64)))]
pub(crate) struct Slot {
    pub(crate) stamp: AtomicU64,
    pub(crate) payload: Payload,
}

/// A ring: a header page and a page of slots. Zeroed memory is an empty ring of generation 0.
#[repr(C)]
pub(crate) struct Ring {
    pub(crate) header: Header,
    slots: [Slot; SLOTS],
}

impl Ring {
    /// The slot of message number `index`.
    #[inline(always)]
    pub(crate) fn slot(&self, index: u64) -> &Slot {
        &self.slots[(index & crate::MASK) as usize]
    }

    /// The first two words of each of so many messages from number `index` on.
    pub(crate) fn beginnings(&self, index: u64, count: u64) -> impl Iterator<Item = [u64; 2]> + '_ {
        (index..index + count).map(|index| self.slot(index).payload.load_first())
    }

    /// The slots of so many messages from number `index` on, at most all: those up to the end of the page, and those that
    /// follow at its beginning.
    #[inline(always)]
    pub(crate) fn slots(&self, index: u64, count: usize) -> [&[Slot]; 2] {
        let (before, from) = self.slots.split_at((index & crate::MASK) as usize);
        let (from, _) = from.split_at(count.min(from.len()));
        let (before, _) = before.split_at((count - from.len()).min(before.len()));
        [from, before]
    }
}

#[cfg(not(loom))]
mod shared {
    use core::mem::offset_of;
    use core::ptr::NonNull;

    use atoll_abi::layout::{PAGE_SIZE, RING_WINDOW_SIZE};
    use atoll_abi::message::SLOT_SIZE;

    use super::{Header, Ring, SLOTS, Slot};

    const SLOTS_AT: usize = offset_of!(Ring, slots);

    const _: () = assert!(size_of::<Header>() == PAGE_SIZE);
    const _: () = assert!(size_of::<Slot>() == SLOT_SIZE);
    // The payload's words from the second one on are at multiples of sixteen bytes: `payload` copies them by pairs.
    const _: () = assert!(offset_of!(Slot, payload) == 8);
    const _: () = assert!(size_of::<Ring>() == 2 * PAGE_SIZE);
    const _: () = assert!(2 * size_of::<Ring>() == RING_WINDOW_SIZE);

    /// A ring that lies in a window of shared memory: where its slots are, behind its header. Most accesses are to a slot,
    /// whose place then takes one addition less.
    #[derive(Clone)]
    pub(crate) struct Shared(NonNull<[Slot; SLOTS]>);

    // SAFETY: a ring is made of atomics, so any thread may use a reference to it.
    unsafe impl Send for Shared {}

    impl Shared {
        /// # Safety
        /// `ring` is aligned to a page and points to a ring's bytes, which stay mapped for as long as the value lives
        /// and which every component that maps them accesses atomically.
        pub(crate) unsafe fn new(ring: *mut u8) -> Shared {
            debug_assert!(ring.cast::<Ring>().is_aligned());
            // SAFETY: the slots are in the ring, and an address that a ring is mapped at is not null, says the caller.
            Shared(unsafe { NonNull::new_unchecked(ring.add(SLOTS_AT).cast()) })
        }

        #[inline(always)]
        pub(super) fn get(&self) -> &Ring {
            // SAFETY: `new` added what is taken away. Its caller promised that the ring is mapped, aligned and accessed
            // atomically only; every bit pattern is a valid ring.
            unsafe { &*self.0.as_ptr().byte_sub(SLOTS_AT).cast::<Ring>() }
        }
    }
}

#[cfg(loom)]
mod shared {
    extern crate std;

    use core::array::from_fn;

    use loom::sync::Arc;

    use super::{
        AtomicU64, Header, Line, Payload, ReceivedCounts, Ring, SentCounts, Slot, WorkCounts,
    };

    /// A ring that lies on loom's heap.
    #[derive(Clone)]
    pub(crate) struct Shared(Arc<Ring>);

    impl Shared {
        pub(crate) fn new() -> Shared {
            let zero = || AtomicU64::new(0);
            Shared(Arc::new(Ring {
                header: Header {
                    consumed: Line(zero()),
                    asleep: Line(zero()),
                    incarnation: Line(zero()),
                    sent: Line(SentCounts {
                        messages: zero(),
                        followers: zero(),
                        doorbells: zero(),
                        full: zero(),
                    }),
                    received: Line(ReceivedCounts {
                        messages: zero(),
                        poll_hits: zero(),
                        sleeps: zero(),
                        spurious: zero(),
                        stale: zero(),
                        poll_budget: zero(),
                    }),
                    latency: Line(from_fn(|_| zero())),
                    work: Line(WorkCounts {
                        ticks: zero(),
                        entries: zero(),
                        copied: zero(),
                    }),
                },
                slots: from_fn(|_| Slot {
                    stamp: zero(),
                    payload: Payload::new(),
                }),
            }))
        }

        pub(super) fn get(&self) -> &Ring {
            &self.0
        }
    }
}

pub(crate) use shared::Shared;

impl Deref for Shared {
    type Target = Ring;

    #[inline(always)]
    fn deref(&self) -> &Ring {
        self.get()
    }
}
