//! A queue of block requests.
//!
//! A request is a chain of descriptors (section 5.2.6): a header, its data, a status byte. The chain also says where its header and
//! its status byte are.

use atoll_virtio::{Dma, MOST_DESCRIPTORS, QueueAddresses, Segment, SplitQueue, VirtioError};

use crate::layout::{HEADERS, NEEDED, PAGE, RANGES, SPARE, STATUSES};

/// Descriptors of a chain beside those of its data: its header and its status.
const FRAME: usize = 2;
/// Least descriptors of a queue.
const LEAST: u16 = 4;
/// Most segments of one request's data.
pub const MOST_SEGMENTS: usize = 32;

/// What a status byte holds until the device has written it.
const STATUS_UNWRITTEN: u8 = 0xFF;

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

/// The queue.
#[derive(Debug)]
pub struct Queue {
    queue: SplitQueue,
    /// Headers, statuses and the spare page.
    dma: Dma,
}

/// A part of the driver's own memory.
fn part(dma: &Dma, offset: usize, length: u32) -> Segment {
    Segment {
        address: dma.physical(offset),
        length,
    }
}

impl Queue {
    /// A queue of at most `limit` descriptors in `dma`: the largest power of two up to [`MOST_DESCRIPTORS`].
    ///
    /// # Errors
    /// The memory is too small, or the queue too short for one request.
    pub fn new(dma: Dma, limit: u16) -> Result<Queue, VirtioError> {
        if dma.size() < NEEDED {
            return Err(VirtioError::DmaTooSmall {
                size: dma.size(),
                needed: NEEDED,
            });
        }
        let (rings, dma) = dma.split_at(SplitQueue::NEEDED);
        let queue = SplitQueue::new(rings, limit, LEAST)?;
        dma.clear();
        Ok(Queue { queue, dma })
    }

    /// Descriptors of the queue, for the device.
    pub fn size(&self) -> u16 {
        self.queue.size()
    }

    /// Where the queue is, for the device.
    pub fn addresses(&self) -> QueueAddresses {
        self.queue.addresses()
    }

    /// How many segments of data a request may have now; `None` where there is room for no request.
    pub fn room(&self) -> Option<usize> {
        let data = self.queue.free().checked_sub(FRAME)?;
        Some(data.min(MOST_SEGMENTS))
    }

    /// A spare page of the memory, which no request uses but those of the driver itself.
    pub fn spare(&self) -> Segment {
        part(&self.dma, SPARE, PAGE as u32)
    }

    /// A word of the spare page.
    pub fn spare_word(&self, index: usize) -> u64 {
        assert!(index < PAGE / 8);
        self.dma.load64(SPARE + 8 * index)
    }

    /// Makes the spare page zero.
    pub fn clear_spare(&mut self) {
        for index in 0..PAGE / 8 {
            self.dma.store64(SPARE + 8 * index, 0);
        }
    }

    /// Prepares a request for the next [`Queue::publish`] and tells its chain; `None` where too few descriptors are free.
    pub fn stage(&mut self, request: &Request<'_>) -> Option<usize> {
        let range = matches!(request.operation, Operation::Zero | Operation::Discard);
        let data = request.data.len() + usize::from(range);
        if data > MOST_SEGMENTS {
            return None;
        }
        let dma = &self.dma;
        let mut staging = self.queue.begin(FRAME + data)?;
        let chain = staging.chain();
        let header = HEADERS + 16 * chain;
        dma.store32(header, request.operation as u32);
        dma.store32(header + 4, 0);
        // Of a range, its own words say where it begins.
        let sector = if range { 0 } else { request.sector };
        dma.store64(header + 8, sector);
        dma.store8(STATUSES + chain, STATUS_UNWRITTEN);
        staging.link_readable(part(dma, header, 16));
        if range {
            let place = RANGES + 16 * chain;
            dma.store64(place, request.sector);
            dma.store32(place + 8, request.sectors);
            dma.store32(place + 12, 0);
            staging.link_readable(part(dma, place, 16));
        }
        match request.operation {
            Operation::Read => {
                for segment in request.data {
                    staging.link_writable(*segment);
                }
            }
            _ => {
                for segment in request.data {
                    staging.link_readable(*segment);
                }
            }
        }
        staging.finish_writable(part(dma, STATUSES + chain, 1));
        Some(chain)
    }

    /// Makes all staged requests available to the device at once. Tells whether the device has to be notified.
    #[must_use = "a device that waits and is not notified never sees the requests"]
    pub fn publish(&mut self) -> bool {
        self.queue.publish()
    }

    /// Takes the next chain that the device has finished.
    ///
    /// # Errors
    /// What the device has broken. The queue is of no more use then: stop the device, then [`Queue::abandon`].
    pub fn collect(&mut self) -> Result<Option<FinishedChain>, VirtioError> {
        let Some(used) = self.queue.collect()? else {
            return Ok(None);
        };
        let chain = used.chain;
        // Fewer bytes than the chain holds do not tell which are missing (section 2.7.8.2): then nothing is believed.
        let success = used.length == used.most && self.dma.load8(STATUSES + chain) == 0;
        Ok(Some(FinishedChain { chain, success }))
    }

    /// Whether the device has finished chains that have not been collected.
    pub fn has_used(&self) -> bool {
        self.queue.has_used()
    }

    /// Chains that are staged or with the device.
    pub fn in_flight(&self) -> usize {
        self.queue.in_flight()
    }

    /// How many chains have been staged so far.
    pub fn count(&self) -> u64 {
        self.queue.count()
    }

    /// Whether the device still has one of the first so many chains that were staged.
    pub fn has_of_the_first(&self, count: u64) -> bool {
        self.queue.has_of_the_first(count)
    }

    /// Whether a chain that is staged or with the device begins with a descriptor.
    pub fn is_chain(&self, head: usize) -> bool {
        self.queue.is_chain(head)
    }

    /// Asks for an interrupt with the next used chain, or for none. After asking for one, look at
    /// [`Queue::has_used`] once more before waiting for it.
    pub fn set_interrupts(&mut self, wanted: bool) {
        self.queue.set_interrupts(wanted);
    }

    /// Takes back one chain from a device that has been stopped; `None` when there is none.
    pub fn abandon(&mut self) -> Option<usize> {
        self.queue.abandon()
    }
}

const _: () = assert!(FRAME + MOST_SEGMENTS <= MOST_DESCRIPTORS);
