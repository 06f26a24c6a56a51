//! The queue that receives: posted buffers, and how they become frames (sections 5.1.6.3 and 5.1.6.4).

use atoll_abi::net::Checksum;
use atoll_virtio::{Dma, MOST_DESCRIPTORS, Segment, SplitQueue, VirtioError};

use crate::features::ETHERNET_HEADER;
use crate::header::{HEADER_SIZE, Header, Headers};
use crate::statistics::Statistics;
use crate::{Abilities, DriverError, PostError};

/// Most buffers of a frame: the largest one there may be, in pages.
pub const MOST_PARTS: usize = 17;

/// A part of a received frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// The buffer, by the number that it was posted with.
    pub buffer: u32,
    /// Where the part begins in it.
    pub offset: u32,
    /// Bytes of the part.
    pub length: u32,
}

/// A received frame. Its buffers are the caller's again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received<'a> {
    /// Where it is, in order.
    pub parts: &'a [Part],
    /// Bytes of all parts.
    pub length: u32,
    /// What is known of its checksums.
    pub checksum: Checksum,
}

/// A posted buffer.
#[derive(Clone, Copy, Debug, Default)]
struct Buffer {
    number: u32,
    segment: Segment,
}

/// The frame whose buffers are being collected, or that was collected last.
#[derive(Debug)]
struct Frame {
    parts: [Part; MOST_PARTS],
    /// Memory of the parts.
    segments: [Segment; MOST_PARTS],
    /// How many of its buffers have been collected, and are still the driver's.
    count: usize,
    /// How many parts the frame has that the caller was given last.
    given: usize,
    /// How many are yet to come; none where no frame has begun.
    missing: u16,
    length: u32,
    header: Header,
    /// Buffers of it were posted again because it has too many.
    is_cut: bool,
}

/// The queue.
#[derive(Debug)]
pub(crate) struct Receiver {
    queue: SplitQueue,
    /// By chain.
    buffers: [Buffer; MOST_DESCRIPTORS],
    frame: Frame,
    mergeable: bool,
    checksums: bool,
    most: u32,
}

/// What became of a used buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// There was none.
    Idle,
    /// It is part of a frame that is not complete, or was dropped.
    More,
    /// It is the last one of a frame.
    Frame,
}

/// Why a frame is of no use.
enum Useless {
    Short,
    Long,
    Header,
}

impl Receiver {
    pub(crate) fn new(dma: Dma, limit: u16, abilities: &Abilities) -> Result<Self, VirtioError> {
        Ok(Receiver {
            queue: SplitQueue::new(dma, limit, 1)?,
            buffers: [Buffer::default(); MOST_DESCRIPTORS],
            frame: Frame {
                parts: [Part::default(); MOST_PARTS],
                segments: [Segment::default(); MOST_PARTS],
                count: 0,
                given: 0,
                missing: 0,
                length: 0,
                header: Header::read([0; HEADER_SIZE], false),
                is_cut: false,
            },
            mergeable: abilities.mergeable,
            checksums: abilities.checksums.receive,
            most: abilities.largest_frame(),
        })
    }

    pub(crate) fn queue(&self) -> &SplitQueue {
        &self.queue
    }

    pub(crate) fn queue_mut(&mut self) -> &mut SplitQueue {
        &mut self.queue
    }

    /// Least bytes of a buffer (section 5.1.6.3.1): a whole frame where it cannot be in several, and a few of it in any case.
    fn least(&self) -> u32 {
        let frame = match self.mergeable {
            true => ETHERNET_HEADER,
            false => self.most,
        };
        HEADER_SIZE as u32 + frame
    }

    /// Stages a buffer for the device.
    pub(crate) fn post(&mut self, number: u32, segment: Segment) -> Result<(), PostError> {
        let (length, least) = (segment.length, self.least());
        if length < least {
            return Err(PostError::TooShort { length, least });
        }
        // The frame that is being collected may be dropped, and then its buffers need their places again.
        let has_room = self.queue.free() > self.frame.count;
        match has_room && self.stage(number, segment) {
            true => Ok(()),
            false => Err(PostError::Full),
        }
    }

    /// Whether there was room.
    fn stage(&mut self, number: u32, segment: Segment) -> bool {
        let Some(staging) = self.queue.begin(1) else {
            return false;
        };
        if let Some(place) = self.buffers.get_mut(staging.chain()) {
            *place = Buffer { number, segment };
        }
        staging.finish_writable(segment);
        true
    }

    /// Takes the next buffer that the device has used. Nothing is staged before; buffers of a frame that is dropped are staged after.
    pub(crate) fn collect(
        &mut self,
        headers: &impl Headers,
        statistics: &mut Statistics,
    ) -> Result<Step, DriverError> {
        let Some(used) = self.queue.collect()? else {
            return Ok(Step::Idle);
        };
        let buffer = self.buffers.get(used.chain).copied().unwrap_or_default();
        let begins = self.frame.missing == 0;
        // Kept whatever comes: it is the driver's.
        let offset = if begins { HEADER_SIZE as u32 } else { 0 };
        let part = Part {
            buffer: buffer.number,
            offset,
            length: used.length.saturating_sub(offset),
        };
        let is_kept = self.frame.keep(part, buffer.segment);
        if begins {
            let length = used.length;
            if length < offset {
                return Err(DriverError::ShortHeader { length });
            }
            let header = Header::read(headers.read(buffer.number), self.checksums);
            self.begin(header)?;
        }
        if !is_kept {
            self.frame.is_cut = true;
            self.post_again(buffer.number, buffer.segment);
        }
        self.frame.length = self.frame.length.saturating_add(part.length);
        self.frame.missing -= 1;
        if self.frame.missing > 0 {
            return Ok(Step::More);
        }
        let Some(reason) = self.useless() else {
            statistics.received.add(self.frame.length);
            self.frame.given = core::mem::take(&mut self.frame.count);
            return Ok(Step::Frame);
        };
        let dropped = &mut statistics.dropped;
        match reason {
            Useless::Short => dropped.short += 1,
            Useless::Long => dropped.long += 1,
            Useless::Header => dropped.header += 1,
        }
        while let Some((number, segment)) = self.frame.take_back() {
            self.post_again(number, segment);
        }
        Ok(Step::More)
    }

    /// A frame begins with a header.
    fn begin(&mut self, header: Header) -> Result<(), DriverError> {
        let posted = 1 + self.queue.in_flight();
        let buffers = match self.mergeable {
            true => header.buffers,
            // It is to say 1, which older ones do not.
            false => 1,
        };
        if buffers == 0 || usize::from(buffers) > posted {
            let found = buffers;
            return Err(DriverError::BufferCount { found, posted });
        }
        self.frame.missing = buffers;
        self.frame.length = 0;
        self.frame.header = header;
        self.frame.is_cut = false;
        Ok(())
    }

    /// Why the frame that was collected is of no use, if it is of none.
    fn useless(&self) -> Option<Useless> {
        let Frame { length, header, .. } = self.frame;
        match header.checksum {
            _ if length < ETHERNET_HEADER => Some(Useless::Short),
            _ if length > self.most || self.frame.is_cut => Some(Useless::Long),
            // The driver asks for whole frames only.
            _ if header.is_segmented => Some(Useless::Header),
            Checksum::Partial(place) if !place.is_within(length) => Some(Useless::Header),
            _ => None,
        }
    }

    /// The device gets a buffer again. There is room: it had it before, and [`Receiver::post`] has left its place free.
    fn post_again(&mut self, number: u32, segment: Segment) {
        let posted = self.stage(number, segment);
        debug_assert!(posted, "a buffer that was posted is posted again");
    }

    /// The frame that was collected last; its buffers are the caller's.
    pub(crate) fn frame(&self) -> Received<'_> {
        let Frame {
            parts,
            given,
            length,
            header,
            ..
        } = &self.frame;
        Received {
            parts: parts.get(..*given).unwrap_or_default(),
            length: *length,
            checksum: header.checksum,
        }
    }

    /// Takes back a buffer from a device that was stopped.
    pub(crate) fn abandon(&mut self) -> Option<u32> {
        if let Some((number, _)) = self.frame.take_back() {
            return Some(number);
        }
        let chain = self.queue.abandon()?;
        self.buffers.get(chain).map(|buffer| buffer.number)
    }

    /// As it was at first; all buffers were taken back.
    pub(crate) fn begin_anew(&mut self) {
        self.queue.begin_anew();
        // What was to come of a frame that had begun does not come.
        self.frame.missing = 0;
    }

    /// Whether [`Receiver::abandon`] has something.
    pub(crate) fn has_buffers(&self) -> bool {
        self.frame.count > 0 || self.queue.in_flight() > 0
    }
}

impl Frame {
    /// Keeps a part, where there is room for it.
    fn keep(&mut self, part: Part, segment: Segment) -> bool {
        let places = self.parts.get_mut(self.count);
        let (Some(place), Some(memory)) = (places, self.segments.get_mut(self.count)) else {
            return false;
        };
        (*place, *memory) = (part, segment);
        self.count += 1;
        true
    }

    /// Takes a buffer out of it.
    fn take_back(&mut self) -> Option<(u32, Segment)> {
        let last = self.count.checked_sub(1)?;
        let part = self.parts.get(last)?;
        let segment = self.segments.get(last)?;
        self.count = last;
        Some((part.buffer, *segment))
    }
}
