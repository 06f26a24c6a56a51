//! The queue that transmits (section 5.1.6.2).

use atoll_abi::layout::PAGE_SIZE;
use atoll_abi::net::ChecksumPlace;
use atoll_virtio::{Dma, MOST_DESCRIPTORS, Segment, SplitQueue, VirtioError};

use crate::features::ETHERNET_HEADER;
use crate::header::{HEADER_SIZE, outgoing};
use crate::statistics::Statistics;
use crate::{Abilities, DriverError, SendError};

/// Most segments of a frame: the largest one there may be, in pages, and one for headers that are apart.
pub const MOST_SEGMENTS: usize = 18;

/// Bytes between two headers.
const STRIDE: usize = 16;
/// Bytes of DMA memory for headers.
pub(crate) const HEADERS: usize = PAGE_SIZE;
const _: () = assert!(STRIDE * MOST_DESCRIPTORS <= HEADERS && HEADER_SIZE <= STRIDE);

/// A frame to transmit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutgoingFrame<'a> {
    /// What names it when it has been sent.
    pub token: u64,
    /// Its bytes from the Ethernet header on; the device's until it has been sent.
    pub segments: &'a [Segment],
    /// The checksum that the device makes, if any.
    pub checksum: Option<ChecksumPlace>,
}

/// A frame whose memory is the caller's again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// What names it.
    pub token: u64,
    /// Whether the device has taken it. If not, it may have been sent all the same, because the device was stopped.
    pub success: bool,
}

/// A frame that the device has.
#[derive(Clone, Copy, Debug, Default)]
struct Outgoing {
    token: u64,
    length: u32,
}

/// The queue.
#[derive(Debug)]
pub(crate) struct Transmitter {
    queue: SplitQueue,
    headers: Dma,
    /// By chain.
    frames: [Outgoing; MOST_DESCRIPTORS],
    makes_checksums: bool,
    most: u32,
}

impl Transmitter {
    /// A queue that has its headers in other memory than its rings.
    pub(crate) fn new(
        dma: Dma,
        headers: Dma,
        limit: u16,
        abilities: &Abilities,
    ) -> Result<Self, VirtioError> {
        headers.clear();
        Ok(Transmitter {
            queue: SplitQueue::new(dma, limit, 1 + MOST_SEGMENTS as u16)?,
            headers,
            frames: [Outgoing::default(); MOST_DESCRIPTORS],
            makes_checksums: abilities.checksums.transmit,
            most: abilities.largest_frame(),
        })
    }

    pub(crate) fn queue(&self) -> &SplitQueue {
        &self.queue
    }

    pub(crate) fn queue_mut(&mut self) -> &mut SplitQueue {
        &mut self.queue
    }

    /// Stages a frame for the device.
    pub(crate) fn stage(&mut self, frame: &OutgoingFrame<'_>) -> Result<(), SendError> {
        let count = frame.segments.len();
        let wrong = SendError::Segments { count };
        let (last, others) = frame.segments.split_last().ok_or(wrong)?;
        if count > MOST_SEGMENTS {
            return Err(wrong);
        }
        let lengths = frame.segments.iter().map(|it| u64::from(it.length));
        let length: u64 = lengths.sum();
        let most = self.most;
        if !(u64::from(ETHERNET_HEADER)..=most.into()).contains(&length) {
            return Err(SendError::Length { length, most });
        }
        let length = length as u32;
        if let Some(place) = frame.checksum
            && !(self.makes_checksums && place.is_within(length))
        {
            return Err(SendError::Checksum);
        }
        let mut staging = self.queue.begin(1 + count).ok_or(SendError::Full)?;
        let place = STRIDE * staging.chain();
        let (first, rest) = outgoing(frame.checksum);
        self.headers.store64(place, first);
        self.headers.store32(place + 8, rest);
        if let Some(own) = self.frames.get_mut(staging.chain()) {
            let token = frame.token;
            *own = Outgoing { token, length };
        }
        staging.link_readable(Segment {
            address: self.headers.physical(place),
            length: HEADER_SIZE as u32,
        });
        for segment in others {
            staging.link_readable(*segment);
        }
        staging.finish_readable(*last);
        Ok(())
    }

    /// Takes the next frame that the device has sent. Nothing is staged before.
    pub(crate) fn collect(
        &mut self,
        statistics: &mut Statistics,
    ) -> Result<Option<Sent>, DriverError> {
        let Some(used) = self.queue.collect()? else {
            return Ok(None);
        };
        let frame = self.frames.get(used.chain).copied().unwrap_or_default();
        statistics.sent.add(frame.length);
        Ok(Some(Sent {
            token: frame.token,
            success: true,
        }))
    }

    /// Takes back a frame from a device that was stopped.
    pub(crate) fn abandon(&mut self, statistics: &mut Statistics) -> Option<Sent> {
        let chain = self.queue.abandon()?;
        statistics.lost += 1;
        let frame = self.frames.get(chain)?;
        Some(Sent {
            token: frame.token,
            success: false,
        })
    }
}
