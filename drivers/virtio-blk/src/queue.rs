//! A split virtqueue (section 2.7) of block requests.
//!
//! A request is a chain of descriptors (section 5.2.6): a header, its data, a status byte. Which descriptors are free, and
//! which of them follow each other, is kept in the driver's own memory as well, so nothing that the device can write is ever
//! followed. A chain is named by its first descriptor, which also says where its header and its status byte are.

mod layout;
mod used;

use core::sync::atomic::{Ordering, fence};

use crate::{Dma, DriverError};
use layout::{
    AVAILABLE, DESCRIPTORS, DEVICE_WRITES, HEADERS, NEEDED, NEXT, NO_NOTIFY, RANGES, SPARE,
    STATUSES, USED,
};

/// Most descriptors of a queue.
pub(crate) const MOST_DESCRIPTORS: usize = 256;
/// Descriptors of a chain beside those of its data: its header and its status.
const FRAME: u16 = 2;
/// Most segments of one request's data.
pub const MOST_SEGMENTS: usize = 32;

/// What a status byte holds until the device has written it.
const STATUS_UNWRITTEN: u8 = 0xFF;

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

/// What a request asks of the device; the numbers are those of section 5.2.6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Operation {
    /// Transfers sectors into memory.
    Read = 0,
    /// Transfers memory to sectors.
    Write = 1,
    /// Puts on stable storage what was written.
    Flush = 4,
    /// Says that what sectors hold is not needed any more.
    Discard = 11,
    /// Writes zeroes.
    Zero = 13,
}

/// Memory of a transfer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Segment {
    /// Its physical address.
    pub address: u64,
    /// Its bytes.
    pub length: u32,
}

/// A request, for the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// What it asks.
    pub operation: Operation,
    /// First sector; 0 of a flush.
    pub sector: u64,
    /// How many; 0 of a flush.
    pub sectors: u32,
    /// The memory of a read or write, of as many bytes as the sectors.
    pub data: &'a [Segment],
}

/// A chain that the device has finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FinishedChain {
    /// The chain.
    pub chain: usize,
    /// Whether the device said that all went well and transferred all of the data.
    pub success: bool,
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
pub struct Queue {
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

impl Queue {
    /// A queue of at most `limit` descriptors in `dma`: the largest power of two up to [`MOST_DESCRIPTORS`].
    ///
    /// # Errors
    /// The memory is too small, or the queue too short for one request.
    pub fn new(dma: Dma, limit: u16) -> Result<Queue, DriverError> {
        if dma.size() < NEEDED {
            return Err(DriverError::DmaTooSmall {
                size: dma.size(),
                needed: NEEDED,
            });
        }
        if limit < FRAME + 2 {
            return Err(DriverError::QueueUnusable { size: limit });
        }
        let size = 1 << limit.min(MOST_DESCRIPTORS as u16).ilog2();
        for offset in (0..NEEDED).step_by(8) {
            dma.store64(offset, 0);
        }
        Ok(Queue {
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

    /// How many segments of data a request may have now; `None` where there is room for no request.
    pub fn room(&self) -> Option<usize> {
        let data = self.free_count.checked_sub(FRAME)?;
        Some(usize::from(data).min(MOST_SEGMENTS))
    }

    /// A spare page of the memory, which no request uses but those of the driver itself.
    pub fn spare(&self) -> Segment {
        Segment {
            address: self.dma.physical(SPARE),
            length: layout::PAGE as u32,
        }
    }

    /// A word of the spare page.
    pub fn spare_word(&self, index: usize) -> u64 {
        assert!(index < layout::PAGE / 8);
        self.dma.load64(SPARE + 8 * index)
    }

    /// Makes the spare page zero.
    pub fn clear_spare(&mut self) {
        for index in 0..layout::PAGE / 8 {
            self.dma.store64(SPARE + 8 * index, 0);
        }
    }

    fn take_descriptor(&mut self) -> u8 {
        self.free_count -= 1;
        self.free[usize::from(self.free_count)]
    }

    /// Prepares a request for the next [`Queue::publish`] and tells its chain; `None` where too few descriptors are free.
    pub fn stage(&mut self, request: &Request<'_>) -> Option<usize> {
        let range = matches!(request.operation, Operation::Zero | Operation::Discard);
        let data = request.data.len() + usize::from(range);
        if self.room()? < data {
            return None;
        }
        let head = self.take_descriptor();
        let chain = usize::from(head);
        let header = HEADERS + 16 * chain;
        self.dma.store32(header, request.operation as u32);
        self.dma.store32(header + 4, 0);
        // Of a range, its own words say where it begins.
        let sector = if range { 0 } else { request.sector };
        self.dma.store64(header + 8, sector);
        self.dma.store8(STATUSES + chain, STATUS_UNWRITTEN);
        let reads = request.operation == Operation::Read;
        let mut own = self.link(head, self.dma.physical(header), 16, 0);
        if range {
            let place = RANGES + 16 * chain;
            self.dma.store64(place, request.sector);
            self.dma.store32(place + 8, request.sectors);
            self.dma.store32(place + 12, 0);
            own = self.link(own, self.dma.physical(place), 16, 0);
        }
        let mut bytes = 0;
        for segment in request.data {
            let flags = if reads { DEVICE_WRITES } else { 0 };
            own = self.link(own, segment.address, segment.length, flags);
            bytes += segment.length;
        }
        let status = self.dma.physical(STATUSES + chain);
        self.write(own, status, 1, DEVICE_WRITES, 0);
        self.chains[chain] = Chain {
            descriptors: FRAME + data as u16,
            most: 1 + if reads { bytes } else { 0 },
            number: self.count,
        };
        self.count += 1;
        let entry = usize::from(self.staged & (self.size - 1));
        self.dma.store16(AVAILABLE + 4 + 2 * entry, head.into());
        self.staged = self.staged.wrapping_add(1);
        self.in_flight += 1;
        Some(chain)
    }

    /// Writes a descriptor that another one follows, and gives that.
    fn link(&mut self, own: u8, address: u64, length: u32, flags: u16) -> u8 {
        let next = self.take_descriptor();
        self.next[usize::from(own)] = next;
        self.write(own, address, length, flags | NEXT, next);
        next
    }

    /// Writes a descriptor, section 2.7.5.
    fn write(&self, own: u8, address: u64, length: u32, flags: u16, next: u8) {
        let place = DESCRIPTORS + 16 * usize::from(own);
        self.dma.store64(place, address);
        self.dma.store32(place + 8, length);
        self.dma.store16(place + 12, flags);
        self.dma.store16(place + 14, next.into());
    }

    /// Makes all staged chains available to the device at once. Tells whether the device has to be notified.
    #[must_use = "a device that waits and is not notified never sees the requests"]
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
