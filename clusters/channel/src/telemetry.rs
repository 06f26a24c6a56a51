//! What both sides of a ring tell about it, in the ring's first page: a component that has the window can read it.
//!
//! Nothing depends on these numbers. A peer can write anything in its own, and a reader sees each of them at a moment of
//! its own.

use crate::memory::{Header, ReceivedCounts, WorkCounts};
use crate::sync::{AtomicU64, LATENCY_BUCKETS, Ordering};

/// Buckets of a histogram of latencies; bucket `n` counts those from 2^n to below 2^(n+1) ticks, bucket 0 also zero.
pub const BUCKETS: usize = LATENCY_BUCKETS;

/// Bytes that one message moves.
const MESSAGE_BYTES: u64 = atoll_abi::message::SLOT_SIZE as u64;

/// What a component has done, on all its channels and beside them: a component that is built to count it tells it on each ring
/// on which it sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Ticks of its clock in which it did something; not those of looks that found nothing.
    pub ticks: u64,
    /// How often it entered the kernel.
    pub entries: u64,
    /// Bytes that it copied from or to blocks of its clients.
    pub copied: u64,
}

impl Work {
    pub(crate) fn of(counts: &WorkCounts) -> Work {
        let get = |word: &AtomicU64| word.load(Ordering::Relaxed);
        Work {
            ticks: get(&counts.ticks),
            entries: get(&counts.entries),
            copied: get(&counts.copied),
        }
    }

    pub(crate) fn tell(&self, counts: &WorkCounts) {
        counts.ticks.store(self.ticks, Ordering::Relaxed);
        counts.entries.store(self.entries, Ordering::Relaxed);
        counts.copied.store(self.copied, Ordering::Relaxed);
    }
}

/// One direction of a channel, counted since its window was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Telemetry {
    /// Messages sent.
    pub sent: u64,
    /// Publications: each made a batch of messages visible at once.
    pub batches: u64,
    /// Doorbells that the producer rang.
    pub doorbells: u64,
    /// Sends that found the ring full.
    pub full_waits: u64,
    /// Messages received.
    pub received: u64,
    /// Times that polling found something in a ring that had been empty.
    pub poll_hits: u64,
    /// Times that the consumer blocked.
    pub sleeps: u64,
    /// Doorbells that woke the consumer for nothing.
    pub spurious: u64,
    /// Messages of an earlier generation that were refused.
    pub stale: u64,
    /// How often the consumer looks for work in vain before it blocks.
    pub poll_budget: u64,
    /// How many answers took how many ticks of the consumer's clock from their request on: see [`BUCKETS`].
    pub latency: [u64; BUCKETS],
    /// What the producer has done; nothing where it is not built to count it.
    pub work: Work,
}

impl Telemetry {
    /// Bytes sent, slots counted whole.
    pub fn bytes(&self) -> u64 {
        self.sent.wrapping_mul(MESSAGE_BYTES)
    }

    /// Publications that needed no doorbell, because the consumer was awake.
    pub fn suppressed(&self) -> u64 {
        self.batches.saturating_sub(self.doorbells)
    }

    /// Reads what a ring tells, from outside.
    ///
    /// # Safety
    /// `page` points to the first page of a ring, which is mapped readable and used as such only.
    #[cfg(not(loom))]
    pub unsafe fn read(page: *const u8) -> Telemetry {
        // SAFETY: the caller promises the page; a header is made of atomics only, and every bit pattern is one.
        Telemetry::of(unsafe { &*page.cast::<Header>() })
    }

    pub(crate) fn of(header: &Header) -> Telemetry {
        let get = |word: &AtomicU64| word.load(Ordering::Relaxed);
        let (sent, received) = (&header.sent.0, &header.received.0);
        let messages = get(&sent.messages);
        let mut latency = [0; BUCKETS];
        for (count, word) in latency.iter_mut().zip(&header.latency.0) {
            *count = get(word);
        }
        Telemetry {
            sent: messages,
            batches: messages.saturating_sub(get(&sent.followers)),
            doorbells: get(&sent.doorbells),
            full_waits: get(&sent.full),
            received: get(&received.messages),
            poll_hits: get(&received.poll_hits),
            sleeps: get(&received.sleeps),
            spurious: get(&received.spurious),
            stale: get(&received.stale),
            poll_budget: get(&received.poll_budget),
            latency,
            work: Work::of(&header.work.0),
        }
    }
}

/// The producer's counts, as it keeps them, beside the messages that it sent.
#[derive(Default)]
pub(crate) struct Sent {
    pub(crate) followers: u64,
    pub(crate) doorbells: u64,
    pub(crate) full: u64,
}

/// The consumer's counts, as it keeps them, beside the messages that it received.
#[derive(Default)]
pub(crate) struct Received {
    pub(crate) poll_hits: u64,
    pub(crate) sleeps: u64,
    pub(crate) spurious: u64,
    pub(crate) stale: u64,
}

impl Received {
    pub(crate) fn publish(&self, messages: u64, counts: &ReceivedCounts) {
        counts.messages.store(messages, Ordering::Relaxed);
        counts.poll_hits.store(self.poll_hits, Ordering::Relaxed);
        counts.sleeps.store(self.sleeps, Ordering::Relaxed);
        counts.spurious.store(self.spurious, Ordering::Relaxed);
        counts.stale.store(self.stale, Ordering::Relaxed);
    }
}

/// Counts answers that took so many ticks. Only the consumer of a ring writes its latencies, so that an atomic addition is not
/// needed.
#[inline]
pub(crate) fn note_latency(header: &Header, ticks: u64, answers: u64) {
    let bucket = (ticks.max(1).ilog2() as usize).min(BUCKETS - 1);
    let count = &header.latency.0[bucket];
    count.store(
        count.load(Ordering::Relaxed).wrapping_add(answers),
        Ordering::Relaxed,
    );
}

/// The latencies of answers that came together: those to requests that were made together are counted at once.
pub struct Latencies<'a> {
    header: &'a Header,
    now: u64,
    /// The time of the requests whose answers are not counted yet.
    asked: u64,
    answers: u64,
}

impl<'a> Latencies<'a> {
    /// Those of answers that have come now.
    pub(crate) fn new(header: &'a Header, now: u64) -> Latencies<'a> {
        Latencies {
            header,
            now,
            asked: 0,
            answers: 0,
        }
    }

    /// An answer to a request that was made at that time.
    #[inline(always)]
    pub fn add(&mut self, asked: u64) {
        if asked != self.asked {
            self.tell();
            self.asked = asked;
        }
        self.answers += 1;
    }

    /// Counts what is not counted yet.
    #[inline]
    pub(crate) fn tell(&mut self) {
        if self.answers > 0 {
            let ticks = self.now.wrapping_sub(self.asked);
            note_latency(self.header, ticks, self.answers);
            self.answers = 0;
        }
    }
}
