//! Where the fields of a window are, for tests that play a hostile peer and for tools that look from outside.

use core::mem::offset_of;

use atoll_abi::layout::{PAGE_SIZE, RING_WINDOW_SIZE};

use crate::generation::Generation;
use crate::memory::{Header, ReceivedCounts, SentCounts};

/// Bytes of one ring of a window.
pub const RING: usize = RING_WINDOW_SIZE / 2;
/// In a ring: the consumer's index.
pub const CONSUMED: usize = offset_of!(Header, consumed);
/// In a ring: the word that says that the consumer sleeps.
pub const ASLEEP: usize = offset_of!(Header, asleep);
/// In a ring: the incarnation of the side that produces.
pub const INCARNATION: usize = offset_of!(Header, incarnation);
/// In a ring: messages sent, told by the producer.
pub const SENT: usize = offset_of!(Header, sent) + offset_of!(SentCounts, messages);
/// In a ring: doorbells rung, told by the producer.
pub const DOORBELLS: usize = offset_of!(Header, sent) + offset_of!(SentCounts, doorbells);
/// In a ring: messages received, told by the consumer.
pub const RECEIVED: usize = offset_of!(Header, received) + offset_of!(ReceivedCounts, messages);
/// In a ring: the first slot, which begins with its stamp.
pub const SLOTS: usize = PAGE_SIZE;

/// The stamp of a count of messages in a channel whose sides have these incarnation numbers.
pub fn stamp(incarnations: [u64; 2], count: u64) -> u64 {
    Generation::of(incarnations[0], incarnations[1]).stamp(count)
}
