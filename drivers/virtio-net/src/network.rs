//! A started device, and its queues.

use atoll_virtio::{Dma, Segment, SplitQueue, VirtioError};

use crate::pair::{PAIRS, Pair};
use crate::receive::Step;
use crate::{
    Abilities, Card, DriverError, Headers, OutgoingFrame, PostError, Received, SendError, Sent,
    Statistics,
};

/// Status of the link, section 5.1.4: it is up.
const LINK_UP: u16 = 1;

/// A started device.
///
/// Posted buffers and frames to send are the device's from the next [`Network::publish`] on.
#[derive(Debug)]
pub struct Network<D, H> {
    device: D,
    headers: H,
    pairs: [Pair; PAIRS],
    abilities: Abilities,
    failure: Option<DriverError>,
    link_is_up: bool,
    statistics: Statistics,
}

impl<D: Card, H: Headers> Network<D, H> {
    /// A device that has been started with these queues.
    pub(crate) fn with(device: D, headers: H, pair: Pair, abilities: Abilities) -> Self {
        let mut network = Network {
            device,
            headers,
            pairs: [pair],
            abilities,
            failure: None,
            link_is_up: true,
            statistics: Statistics::default(),
        };
        network.link_is_up = network.read_link();
        network
    }

    /// A device that was started in another way than [`start`](crate::start), for tests: `limits` are the most descriptors of its
    /// queues. Its queues are those of [`Network::queues`].
    ///
    /// # Errors
    /// The memory is too small, or a queue too short.
    pub fn new(
        device: D,
        headers: H,
        dma: Dma,
        limits: [u16; 2],
        abilities: Abilities,
    ) -> Result<Self, VirtioError> {
        let pair = Pair::new(dma, limits, &abilities)?;
        Ok(Network::with(device, headers, pair, abilities))
    }

    /// What the device can do.
    pub fn abilities(&self) -> &Abilities {
        &self.abilities
    }

    /// The queues that receive and transmit.
    pub fn queues(&self) -> [&SplitQueue; 2] {
        let [pair] = &self.pairs;
        pair.queues()
    }

    /// Why the device was stopped, if it was.
    pub fn failure(&self) -> Option<DriverError> {
        self.failure
    }

    /// What the driver has done so far.
    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// Gives the device a buffer to receive into, under a number of the caller's. A page is enough for every device.
    ///
    /// # Errors
    /// It was not taken; see [`PostError`].
    pub fn post(&mut self, buffer: u32, segment: Segment) -> Result<(), PostError> {
        if self.failure.is_some() {
            return Err(PostError::Stopped);
        }
        let [pair] = &mut self.pairs;
        pair.receiver.post(buffer, segment)
    }

    /// Gives the device a frame to send.
    ///
    /// # Errors
    /// It was not taken; see [`SendError`].
    pub fn stage(&mut self, frame: &OutgoingFrame<'_>) -> Result<(), SendError> {
        let [pair] = &mut self.pairs;
        let staged = match self.failure {
            None => pair.transmitter.stage(frame),
            Some(_) => Err(SendError::Stopped),
        };
        self.statistics.refused += u64::from(staged.is_err());
        staged
    }

    /// Makes all that was posted and staged the device's, with at most one notification for each queue.
    pub fn publish(&mut self) {
        self.publish_buffers();
        self.publish_frames();
    }

    fn publish_buffers(&mut self) {
        for (queue, pair) in (0..).step_by(2).zip(&mut self.pairs) {
            if pair.receiver.queue_mut().publish() && self.failure.is_none() {
                self.device.notify(queue);
            }
        }
    }

    fn publish_frames(&mut self) {
        for (queue, pair) in (1..).step_by(2).zip(&mut self.pairs) {
            if pair.transmitter.queue_mut().publish() && self.failure.is_none() {
                self.device.notify(queue);
            }
        }
    }

    /// The next received frame, whose buffers are the caller's again. Once the device has broken the protocol it is stopped, and
    /// there is none any more.
    pub fn collect(&mut self) -> Option<Received<'_>> {
        loop {
            if self.failure.is_some() {
                return None;
            }
            // Also the buffers of a frame that was dropped.
            self.publish_buffers();
            let [pair] = &mut self.pairs;
            match pair.receiver.collect(&self.headers, &mut self.statistics) {
                Ok(Step::Idle) => return None,
                Ok(Step::More) => {}
                Ok(Step::Frame) => break,
                Err(error) => self.stop(error),
            }
        }
        let [pair] = &self.pairs;
        Some(pair.receiver.frame())
    }

    /// The next frame that is over. Once the device has broken the protocol it is stopped, and each frame that it had is over without
    /// success.
    pub fn collect_sent(&mut self) -> Option<Sent> {
        if self.failure.is_none() {
            self.publish_frames();
            let [pair] = &mut self.pairs;
            match pair.transmitter.collect(&mut self.statistics) {
                Ok(sent) => return sent,
                Err(error) => self.stop(error),
            }
        }
        let [pair] = &mut self.pairs;
        pair.transmitter.abandon(&mut self.statistics)
    }

    /// The next buffer that a device had which was stopped, by its number.
    pub fn take_back(&mut self) -> Option<u32> {
        let [pair] = &mut self.pairs;
        self.failure.and_then(|_| pair.receiver.abandon())
    }

    /// Stops the device, and says why. It stays so until [`Network::restart`].
    pub fn stop(&mut self, error: impl Into<DriverError>) {
        if self.failure.is_none() {
            self.failure = Some(error.into());
            // Buffers go back to their owners after this, so the device must be quiet first. A reset that is not
            // confirmed is no reason to keep them: the function is no bus master any more.
            let _ = self.device.stop();
        }
    }

    /// Starts a device again that was stopped, once all that it had was collected and taken back; before, this does nothing. One that
    /// cannot be used any more is stopped: see [`Network::failure`]. What is counted goes on.
    pub fn restart(&mut self) {
        if self.failure.is_none() || self.has_finished() {
            return;
        }
        self.failure = None;
        let [pair] = &mut self.pairs;
        pair.begin_anew();
        match self.device.start_again(pair.queues()) {
            Ok(()) => {
                self.look_at_link();
            }
            Err(error) => self.stop(error),
        }
    }

    /// Whether something is to be collected or taken back.
    pub fn has_finished(&self) -> bool {
        let stopped = self.failure.is_some();
        self.pairs.iter().any(|pair| match stopped {
            false => pair.receiver.queue().has_used() || pair.transmitter.queue().has_used(),
            true => pair.has_memory(),
        })
    }

    /// Whether the device has buffers or frames, or will have them with the next [`Network::publish`].
    pub fn has_memory(&self) -> bool {
        self.pairs.iter().any(Pair::has_memory)
    }

    /// Asks for an interrupt with the next received frame, and with the next one that was sent, or for none. After asking for one,
    /// look at [`Network::has_finished`] once more before waiting for it.
    pub fn set_interrupts(&mut self, received: bool, sent: bool) {
        for pair in &mut self.pairs {
            pair.receiver.queue_mut().set_interrupts(received);
            pair.transmitter.queue_mut().set_interrupts(sent);
        }
    }

    /// Whether the link was up when it was looked at last. It is where the device does not tell.
    pub fn link_is_up(&self) -> bool {
        self.link_is_up
    }

    /// Looks at the link and the device: to be called after an interrupt for a change of the configuration, or now and then. Tells
    /// the link where it has changed. A device that has failed is stopped.
    pub fn look_at_link(&mut self) -> Option<bool> {
        if self.failure.is_some() {
            return None;
        }
        if let Err(error) = self.device.check() {
            self.stop(error);
            return None;
        }
        let up = self.read_link();
        if up == self.link_is_up {
            return None;
        }
        self.link_is_up = up;
        self.statistics.link_changes += 1;
        Some(up)
    }

    fn read_link(&self) -> bool {
        !self.abilities.tells_link || self.device.status() & LINK_UP != 0
    }
}
