//! A pair of queues, and its memory.

use atoll_abi::layout::{DMA_PAGES, PAGE_SIZE};
use atoll_virtio::{Dma, SplitQueue, VirtioError};

use crate::Abilities;
use crate::receive::Receiver;
use crate::transmit::{HEADERS, Transmitter};

/// Pairs of queues, one that receives and one that transmits. More take VIRTIO_NET_F_MQ and its control queue (section 5.1.6.5.5).
pub const PAIRS: usize = 1;

/// Bytes of DMA memory of a pair.
const NEEDED: usize = 2 * SplitQueue::NEEDED + HEADERS;
const _: () = assert!(PAIRS * NEEDED <= DMA_PAGES * PAGE_SIZE);

/// A pair of queues.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) receiver: Receiver,
    pub(crate) transmitter: Transmitter,
}

impl Pair {
    /// Queues of at most so many descriptors.
    ///
    /// # Errors
    /// The memory is too small, or a queue too short.
    pub(crate) fn new(
        dma: Dma,
        [receive, transmit]: [u16; 2],
        abilities: &Abilities,
    ) -> Result<Pair, VirtioError> {
        let size = dma.size();
        if size < NEEDED {
            let needed = NEEDED;
            return Err(VirtioError::DmaTooSmall { size, needed });
        }
        let (first, rest) = dma.split_at(SplitQueue::NEEDED);
        let (second, headers) = rest.split_at(SplitQueue::NEEDED);
        Ok(Pair {
            receiver: Receiver::new(first, receive, abilities)?,
            transmitter: Transmitter::new(second, headers, transmit, abilities)?,
        })
    }

    /// Whether one of them has memory of the caller.
    pub(crate) fn has_memory(&self) -> bool {
        self.receiver.has_buffers() || self.transmitter.queue().in_flight() > 0
    }

    /// Both as they were at first; all chains were taken back.
    pub(crate) fn begin_anew(&mut self) {
        self.receiver.begin_anew();
        self.transmitter.queue_mut().begin_anew();
    }

    /// The queues that receive and transmit.
    pub(crate) fn queues(&self) -> [&SplitQueue; 2] {
        [self.receiver.queue(), self.transmitter.queue()]
    }
}
