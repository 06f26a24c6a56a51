//! A split virtqueue (section 2.7) whose chains all have the same shape.
//!
//! A block request is a chain of three descriptors: header, data, status (section 5.2.6). Chain `n` is always made of
//! the descriptors `3n`, `3n + 1` and `3n + 2`, with a header and a status byte of its own. So which descriptors are
//! free is one word in the driver's own memory, and nothing that the device can write is ever followed.

use core::sync::atomic::{Ordering, fence};

use crate::{Dma, DriverError};

/// Most descriptors of a queue.
const MOST_DESCRIPTORS: usize = 128;
/// Descriptors of one chain.
const CHAIN: u16 = 3;
/// Most chains of a queue.
pub(crate) const MOST_CHAINS: usize = MOST_DESCRIPTORS / CHAIN as usize;

// Places in the DMA memory. What only the driver writes and what only the device writes are in different pages.
const DESCRIPTORS: usize = 0;
const AVAILABLE: usize = DESCRIPTORS + 16 * MOST_DESCRIPTORS;
const HEADERS: usize = 0x1000;
const USED: usize = 0x2000;
const STATUSES: usize = 0x3000;
/// Bytes of DMA memory that a queue needs.
const NEEDED: usize = STATUSES + MOST_CHAINS;

const _: () = assert!(AVAILABLE + 4 + 2 * MOST_DESCRIPTORS <= HEADERS);
const _: () = assert!(HEADERS + 16 * MOST_CHAINS <= USED);
const _: () = assert!(USED + 4 + 8 * MOST_DESCRIPTORS <= STATUSES);
const _: () = assert!(MOST_CHAINS <= u64::BITS as usize);
const _: () = assert!(NEEDED <= atoll_abi::layout::DMA_PAGES * atoll_abi::layout::PAGE_SIZE);

/// Descriptor flags, section 2.7.5.
const NEXT: u16 = 1;
const DEVICE_WRITES: u16 = 2;
/// Flag of the available ring: the driver wants no interrupts (section 2.7.6).
const NO_INTERRUPT: u16 = 1;
/// Flag of the used ring: the device wants no notifications (section 2.7.8).
const NO_NOTIFY: u16 = 1;

/// Request type of a read, section 5.2.6.
const READ: u32 = 0;
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

/// A read from the device into memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// First sector.
    pub sector: u64,
    /// Physical address to read into.
    pub address: u64,
    /// Bytes to read.
    pub length: u32,
}

/// A chain that the device has finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FinishedChain {
    /// The chain.
    pub chain: usize,
    /// Whether the device said that all went well and wrote all of the data.
    pub success: bool,
}

/// The queue.
#[derive(Debug)]
pub struct Queue {
    dma: Dma,
    size: u16,
    /// Bit `n`: the device may have chain `n`, or will with the next publication.
    busy: u64,
    /// One bit for each chain there is.
    chains: u64,
    /// Bytes of data of each chain.
    lengths: [u32; MOST_CHAINS],
    /// Available index with what is staged, and without.
    staged: u16,
    published: u16,
    /// Used index up to which entries have been taken.
    seen: u16,
}

impl Queue {
    /// A queue of at most `limit` descriptors in `dma`: the largest power of two up to 128.
    pub fn new(dma: Dma, limit: u16) -> Result<Queue, DriverError> {
        if dma.size() < NEEDED {
            return Err(DriverError::DmaTooSmall {
                size: dma.size(),
                needed: NEEDED,
            });
        }
        if limit < CHAIN + 1 {
            return Err(DriverError::QueueUnusable { size: limit });
        }
        let size = 1 << limit.min(MOST_DESCRIPTORS as u16).ilog2();
        let chains = size / CHAIN;
        for offset in (0..STATUSES).step_by(8) {
            dma.store64(offset, 0);
        }
        for chain in 0..usize::from(chains) {
            let first = usize::from(CHAIN) * chain;
            let header = dma.physical(HEADERS + 16 * chain);
            let status = dma.physical(STATUSES + chain);
            write_descriptor(&dma, first, header, 16, NEXT);
            write_descriptor(&dma, first + 1, 0, 0, NEXT | DEVICE_WRITES);
            write_descriptor(&dma, first + 2, status, 1, DEVICE_WRITES);
            dma.store8(STATUSES + chain, STATUS_UNWRITTEN);
        }
        Ok(Queue {
            dma,
            size,
            busy: 0,
            chains: (1 << chains) - 1,
            lengths: [0; MOST_CHAINS],
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

    /// Chains that are free.
    pub fn free(&self) -> usize {
        (self.chains & !self.busy).count_ones() as usize
    }

    /// Whether a chain is staged or with the device.
    pub fn is_busy(&self, chain: usize) -> bool {
        chain < MOST_CHAINS && self.busy & (1 << chain) != 0
    }

    /// Prepares a read for the next [`Queue::publish`] and tells its chain; `None` where no chain is free.
    pub fn stage(&mut self, transfer: Transfer) -> Option<usize> {
        let chain = (self.chains & !self.busy).trailing_zeros() as usize;
        if chain >= MOST_CHAINS {
            return None;
        }
        let header = HEADERS + 16 * chain;
        self.dma.store32(header, READ);
        self.dma.store32(header + 4, 0);
        self.dma.store64(header + 8, transfer.sector);
        self.dma.store8(STATUSES + chain, STATUS_UNWRITTEN);
        let head = usize::from(CHAIN) * chain;
        write_descriptor(
            &self.dma,
            head + 1,
            transfer.address,
            transfer.length,
            NEXT | DEVICE_WRITES,
        );
        let entry = usize::from(self.staged & (self.size - 1));
        self.dma.store16(AVAILABLE + 4 + 2 * entry, head as u16);
        self.staged = self.staged.wrapping_add(1);
        self.busy |= 1 << chain;
        self.lengths[chain] = transfer.length;
        Some(chain)
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

    /// Takes the next chain that the device has finished.
    ///
    /// After an error the queue is of no more use: stop the device, then [`Queue::abandon`].
    pub fn collect(&mut self) -> Result<Option<FinishedChain>, DriverError> {
        debug_assert_eq!(self.staged, self.published, "published before collected");
        let found = self.dma.load16(USED + 2);
        let in_flight = self.busy.count_ones() as u16;
        match found.wrapping_sub(self.seen) {
            0 => return Ok(None),
            new if new <= in_flight => {}
            _ => {
                return Err(DriverError::UsedIndex {
                    found,
                    seen: self.seen,
                    in_flight,
                });
            }
        }
        // The index before what it makes visible: the entry, the status and the data.
        fence(Ordering::Acquire);
        let entry = USED + 4 + 8 * usize::from(self.seen & (self.size - 1));
        let id = self.dma.load32(entry);
        let length = self.dma.load32(entry + 4);
        let chain = (id / u32::from(CHAIN)) as usize;
        if !id.is_multiple_of(u32::from(CHAIN)) || !self.is_busy(chain) {
            return Err(DriverError::UsedId { id });
        }
        let most = self.lengths[chain] + 1;
        if length > most {
            return Err(DriverError::UsedLength { length, most });
        }
        self.seen = self.seen.wrapping_add(1);
        self.busy &= !(1 << chain);
        // Fewer bytes than the chain holds do not tell which are missing (section 2.7.8.2): then nothing is believed.
        let success = length == most && self.dma.load8(STATUSES + chain) == 0;
        Ok(Some(FinishedChain { chain, success }))
    }

    /// Whether the device has finished chains that have not been collected.
    pub fn has_used(&self) -> bool {
        self.dma.load16(USED + 2) != self.seen
    }

    /// Chains that are staged or with the device.
    pub fn in_flight(&self) -> usize {
        self.busy.count_ones() as usize
    }

    /// Asks for an interrupt with the next used chain, or for none. After asking for one, look at
    /// [`Queue::has_used`] once more before waiting for it.
    pub fn set_interrupts(&mut self, wanted: bool) {
        let flags = if wanted { 0 } else { NO_INTERRUPT };
        self.dma.store16(AVAILABLE, flags);
        // The flag before the next look at the used index (section 2.7.7).
        fence(Ordering::SeqCst);
    }

    /// Takes back one chain from a device that has been stopped; `None` when there is none.
    pub fn abandon(&mut self) -> Option<usize> {
        if self.busy == 0 {
            return None;
        }
        let chain = self.busy.trailing_zeros() as usize;
        self.busy &= !(1 << chain);
        Some(chain)
    }
}

/// Writes a descriptor, section 2.7.5. Its successor is the next one of the table.
fn write_descriptor(dma: &Dma, index: usize, address: u64, length: u32, flags: u16) {
    let place = DESCRIPTORS + 16 * index;
    let next = if flags & NEXT != 0 { index + 1 } else { 0 };
    dma.store64(place, address);
    dma.store32(place + 8, length);
    dma.store16(place + 12, flags);
    dma.store16(place + 14, next as u16);
}
