//! What the driver prepares for the device.

use super::layout::{AVAILABLE, DESCRIPTORS, DEVICE_WRITES, NEXT};
use super::{Chain, Segment, SplitQueue};

/// A chain that is being made: its segments one after the other, those that the device reads before those that it writes (section
/// 2.7.4.2), the last one by [`Staging::finish_readable`] or [`Staging::finish_writable`].
#[derive(Debug)]
#[must_use = "descriptors of a chain that is not finished are lost"]
pub struct Staging<'a> {
    queue: &'a mut SplitQueue,
    head: u8,
    /// The descriptor of the next segment.
    own: u8,
    /// Descriptors that were free before.
    free_before: u16,
    /// Bytes that the device may write.
    most: u32,
}

impl SplitQueue {
    /// Begins a chain of so many descriptors, one or more; `None` where fewer are free.
    #[inline]
    pub fn begin(&mut self, descriptors: usize) -> Option<Staging<'_>> {
        if self.free() < descriptors.max(1) {
            return None;
        }
        let free_before = self.free_count;
        let head = self.take_descriptor();
        Some(Staging {
            queue: self,
            head,
            own: head,
            free_before,
            most: 0,
        })
    }

    #[inline]
    fn take_descriptor(&mut self) -> u8 {
        self.free_count -= 1;
        self.free[usize::from(self.free_count)]
    }

    /// Writes a descriptor, section 2.7.5.
    #[inline]
    fn write(&self, own: u8, segment: Segment, flags: u16, next: u8) {
        let place = DESCRIPTORS + 16 * usize::from(own);
        self.dma.store64(place, segment.address);
        self.dma.store32(place + 8, segment.length);
        self.dma.store16(place + 12, flags);
        self.dma.store16(place + 14, next.into());
    }
}

impl Staging<'_> {
    /// Which chain it will be.
    #[inline]
    pub fn chain(&self) -> usize {
        self.head.into()
    }

    /// Adds memory that the device reads, and that other memory follows.
    #[inline]
    pub fn link_readable(&mut self, segment: Segment) {
        self.link(segment, 0);
    }

    /// Adds memory that the device writes, and that other memory follows.
    #[inline]
    pub fn link_writable(&mut self, segment: Segment) {
        self.most += segment.length;
        self.link(segment, DEVICE_WRITES);
    }

    /// Adds the last memory, which the device reads. The chain is published by the next [`SplitQueue::publish`].
    #[inline]
    pub fn finish_readable(self, segment: Segment) {
        self.finish(segment, 0);
    }

    /// Adds the last memory, which the device writes. The chain is published by the next [`SplitQueue::publish`].
    #[inline]
    pub fn finish_writable(mut self, segment: Segment) {
        self.most += segment.length;
        self.finish(segment, DEVICE_WRITES);
    }

    #[inline]
    fn link(&mut self, segment: Segment, flags: u16) {
        let next = self.queue.take_descriptor();
        self.queue.next[usize::from(self.own)] = next;
        self.queue.write(self.own, segment, flags | NEXT, next);
        self.own = next;
    }

    #[inline]
    fn finish(self, segment: Segment, flags: u16) {
        let queue = self.queue;
        queue.write(self.own, segment, flags, 0);
        queue.chains[usize::from(self.head)] = Chain {
            descriptors: self.free_before - queue.free_count,
            most: self.most,
            number: queue.count,
        };
        queue.count += 1;
        let entry = usize::from(queue.staged & (queue.size - 1));
        queue
            .dma
            .store16(AVAILABLE + 4 + 2 * entry, self.head.into());
        queue.staged = queue.staged.wrapping_add(1);
        queue.in_flight += 1;
    }
}
