//! A started device: what it can do, and the requests that it has.

use atoll_abi::disk::Properties;
use atoll_virtio::{Device, Segment, VirtioError};

use crate::Queue;
use crate::queue::{FinishedChain, Request};

/// The one queue.
pub(crate) const QUEUE: u16 = 0;

/// What a device says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abilities {
    /// Sectors that it has.
    pub sectors: u64,
    /// Its blocks, and how it may be used.
    pub properties: Properties,
    /// Most segments of the data of one request.
    pub segments: usize,
    /// Most sectors that one request may zero; 0 where it cannot.
    pub zero: u32,
    /// Most sectors that one request may discard; 0 where it cannot.
    pub discard: u32,
}

/// A started device and its queue.
#[derive(Debug)]
pub struct Disk<D> {
    device: D,
    queue: Queue,
    abilities: Abilities,
    failure: Option<VirtioError>,
}

impl<D: Device> Disk<D> {
    /// A device that has been started with this queue.
    pub fn new(device: D, queue: Queue, abilities: Abilities) -> Disk<D> {
        Disk {
            device,
            queue,
            abilities,
            failure: None,
        }
    }

    /// What the device can do.
    pub fn abilities(&self) -> &Abilities {
        &self.abilities
    }

    /// Why the device was stopped, if it was.
    pub fn failure(&self) -> Option<VirtioError> {
        self.failure
    }

    /// Requests that the device has, or will have with the next [`Disk::publish`].
    pub fn in_flight(&self) -> usize {
        self.queue.in_flight()
    }

    /// How many segments of data a request may have now; `None` where there is room for no request.
    pub fn room(&self) -> Option<usize> {
        let room = self.queue.room()?;
        Some(room.min(self.abilities.segments))
    }

    /// The driver's own page: see [`Queue::spare`].
    pub fn spare(&self) -> Segment {
        self.queue.spare()
    }

    /// The queue.
    pub fn queue(&self) -> &Queue {
        &self.queue
    }

    /// The queue, to change its spare page.
    pub fn queue_mut(&mut self) -> &mut Queue {
        &mut self.queue
    }

    /// Prepares a request, and tells its chain; `None` where there is no room for it, or the device was stopped.
    pub fn stage(&mut self, request: &Request<'_>) -> Option<usize> {
        if self.failure.is_some() {
            return None;
        }
        self.queue.stage(request)
    }

    /// Hands all prepared requests to the device, with at most one notification.
    pub fn publish(&mut self) {
        if self.queue.publish() && self.failure.is_none() {
            self.device.notify(QUEUE);
        }
    }

    /// The next request that is over. Once the device has broken the protocol it is stopped, and each request that it had
    /// fails.
    pub fn collect(&mut self) -> Option<FinishedChain> {
        if self.failure.is_none() {
            match self.queue.collect() {
                Ok(finished) => return finished,
                Err(error) => self.stop(error),
            }
        }
        let chain = self.queue.abandon()?;
        let success = false;
        Some(FinishedChain { chain, success })
    }

    /// Stops the device for good, and says why.
    pub fn stop(&mut self, error: VirtioError) {
        if self.failure.is_none() {
            self.failure = Some(error);
            // Blocks go back to their owners after this, so the device must be quiet first. A reset that is not
            // confirmed is no reason to keep them: the function is no bus master any more.
            let _ = self.device.stop();
        }
    }

    /// Whether [`Disk::collect`] has something.
    pub fn has_finished(&self) -> bool {
        match self.failure {
            None => self.queue.has_used(),
            Some(_) => self.queue.in_flight() > 0,
        }
    }

    /// Asks for an interrupt with the next finished request, or for none; see [`Queue::set_interrupts`].
    pub fn set_interrupts(&mut self, wanted: bool) {
        self.queue.set_interrupts(wanted);
    }
}
