//! A split virtqueue (section 2.7), the driver's side.
//!
//! Which descriptors are free, and which of them follow each other, is kept in the driver's own memory as well, so nothing that the
//! device can write is ever followed. A chain is named by its first descriptor.

mod layout;
mod staging;
mod used;

use core::sync::atomic::{Ordering, fence};

use crate::{Dma, VirtioError};
use layout::{AVAILABLE, DESCRIPTORS, NEEDED, NO_NOTIFY, USED};

pub use staging::Staging;
pub use used::UsedChain;

/// Most descriptors of a queue.
pub const MOST_DESCRIPTORS: usize = 256;

/// Physical addresses of a queue's parts, for the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueAddresses {
    /// The descriptor table.
    pub descriptors: u64,
    /// The available ring.
    pub available: u64,
    /// The used ring.
    pub used: u64,
}

/// Memory of a transfer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Segment {
    /// Its physical address.
    pub address: u64,
    /// Its bytes.
    pub length: u32,
}

/// What the driver keeps of a chain, by its first descriptor.
#[derive(Clone, Copy, Debug, Default)]
struct Chain {
    /// How many descriptors it has; none where no chain begins here.
    descriptors: u16,
    /// Most bytes that the device may write.
    most: u32,
    /// How many chains were staged before it.
    number: u64,
}

/// The queue.
#[derive(Debug)]
pub struct SplitQueue {
    dma: Dma,
    size: u16,
    /// Free descriptors: the first `free_count` of these.
    free: [u8; MOST_DESCRIPTORS],
    free_count: u16,
    /// For each descriptor of a chain, the next one.
    next: [u8; MOST_DESCRIPTORS],
    chains: [Chain; MOST_DESCRIPTORS],
    in_flight: u16,
    /// How many chains have been staged.
    count: u64,
    /// Available index with what is staged, and without.
    staged: u16,
    published: u16,
    /// Used index up to which entries have been taken.
    seen: u16,
}

impl SplitQueue {
    /// Bytes of DMA memory that a queue needs.
    pub const NEEDED: usize = NEEDED;

    /// A queue of at most `limit` descriptors in `dma`: the largest power of two up to [`MOST_DESCRIPTORS`].
    ///
    /// # Errors
    /// The memory is too small, or the queue shorter than `needed` descriptors, which are one or more.
    pub fn new(dma: Dma, limit: u16, needed: u16) -> Result<SplitQueue, VirtioError> {
        if dma.size() < NEEDED {
            return Err(VirtioError::DmaTooSmall {
                size: dma.size(),
                needed: NEEDED,
            });
        }
        if limit < needed.max(1) {
            return Err(VirtioError::QueueUnusable {
                size: limit,
                needed,
            });
        }
        let size = 1 << limit.min(MOST_DESCRIPTORS as u16).ilog2();
        dma.clear();
        Ok(SplitQueue {
            dma,
            size,
            // The first one is taken from the end.
            free: core::array::from_fn(|place| (size - 1).wrapping_sub(place as u16) as u8),
            free_count: size,
            next: [0; MOST_DESCRIPTORS],
            chains: [Chain::default(); MOST_DESCRIPTORS],
            in_flight: 0,
            count: 0,
            staged: 0,
            published: 0,
            seen: 0,
        })
    }

    /// Makes the queue as it was at first, for a device that was reset and is started again. All chains were taken back.
    pub fn begin_anew(&mut self) {
        debug_assert_eq!(self.in_flight, 0, "chains are taken back before");
        self.dma.clear();
        self.staged = 0;
        self.published = 0;
        self.seen = 0;
    }

    /// Descriptors of the queue, for the device.
    pub fn size(&self) -> u16 {
        self.size
    }

    /// Where the queue is, for the device.
    pub fn addresses(&self) -> QueueAddresses {
        QueueAddresses {
            descriptors: self.dma.physical(DESCRIPTORS),
            available: self.dma.physical(AVAILABLE),
            used: self.dma.physical(USED),
        }
    }

    /// Descriptors that no chain has.
    #[inline]
    pub fn free(&self) -> usize {
        self.free_count.into()
    }

    /// Makes all staged chains available to the device at once. Tells whether the device has to be notified.
    #[must_use = "a device that waits and is not notified never sees the chains"]
    #[inline]
    pub fn publish(&mut self) -> bool {
        if self.staged == self.published {
            return false;
        }
        // The chains before the index that makes them visible (section 2.7.13.2) ...
        fence(Ordering::Release);
        self.dma.store16(AVAILABLE + 2, self.staged);
        self.published = self.staged;
        // ... and the index before the look at whether the device sleeps (section 2.7.13.4): a load that must not be
        // done before an earlier store, which takes a full fence on every processor.
        fence(Ordering::SeqCst);
        self.dma.load16(USED) & NO_NOTIFY == 0
    }
}
