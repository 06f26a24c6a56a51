//! Serves the ring of the client.

use core::fmt;

use atoll_abi::message::Payload;
use atoll_abi::syscall::{Completion, Syscall};
use atoll_channel::{Endpoint, PeerFault, SendError};

use crate::DriverError;
use crate::driver::{Device, Driver, Submission};

/// Why the client is not served any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceError {
    /// It broke the protocol of a ring.
    Peer(PeerFault),
    /// It died.
    ClientLost,
}

impl From<PeerFault> for ServiceError {
    fn from(fault: PeerFault) -> ServiceError {
        ServiceError::Peer(fault)
    }
}

/// The reason, a semicolon, and what to do.
impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServiceError::Peer(fault) => write!(
                f,
                "the client broke the channel's protocol ({fault}); restart the cluster"
            ),
            ServiceError::ClientLost => {
                write!(f, "the client is gone; the device is stopped")
            }
        }
    }
}

impl core::error::Error for ServiceError {}

/// What one [`Service::step`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// The client sleeps and has to be signalled.
    pub wake: bool,
    /// Something was received or sent, so there may be more.
    pub progress: bool,
}

/// The driver and the connection of its client.
///
/// A request is taken from the ring only where there is room for its completion, beside those of the requests that the
/// device has. So every completion finds a free slot, and a client that does not take its completions stops only itself.
pub struct Service<D> {
    endpoint: Endpoint,
    driver: Driver<D>,
}

impl<D: Device> Service<D> {
    /// A service of `driver` for the peer of `endpoint`, which must not be armed.
    pub fn new(endpoint: Endpoint, mut driver: Driver<D>) -> Self {
        driver.set_interrupts(false);
        Service { endpoint, driver }
    }

    /// The driver.
    pub fn driver(&self) -> &Driver<D> {
        &self.driver
    }

    /// Stops the device, because the client is not to be served any more.
    pub fn stop(&mut self) {
        self.driver.stop(DriverError::ClientLost);
    }

    /// Submits what the client asks for, while there are free descriptors and room for completions, with one notification
    /// of the device; then sends the completions that there are. Takes and sends at most a ring's worth of messages, so a
    /// busy client cannot keep it here.
    pub fn step(&mut self) -> Result<Step, ServiceError> {
        if self.endpoint.receiver.peer_changed() && !self.begin_anew() {
            return Err(ServiceError::ClientLost);
        }
        let mut step = Step::default();
        for _ in 0..self.room()? {
            if self.driver.is_full() {
                break;
            }
            let Some(message) = self.endpoint.receiver.receive()? else {
                break;
            };
            step.progress = true;
            match self.driver.submit(&Syscall::from_message(&message)) {
                Submission::Accepted => {}
                Submission::Answered(completion) => self.send(completion, &mut step)?,
                Submission::Full => unreachable!("the driver was not full before"),
            }
        }
        self.driver.publish();
        // At most as many as were in flight: nothing is submitted meanwhile.
        while let Some(completion) = self.driver.collect() {
            self.send(completion, &mut step)?;
        }
        if step.wake {
            self.endpoint.sender.note_doorbell();
        }
        Ok(step)
    }

    /// Begins the connection anew with another life of the client, where the device has nothing of the one before; whether it
    /// has. A client that is dead is none: its supervisor waits to hear that the device has stopped.
    fn begin_anew(&mut self) -> bool {
        let fresh = self.driver.in_flight() == 0 && !self.endpoint.receiver.peer_dead();
        fresh && self.endpoint.reattach()
    }

    /// Prepares to block, and looks once more at everything that could have happened meanwhile. After `true`, wait and
    /// then call [`Service::awake`]; after `false`, go on.
    ///
    /// Without free descriptors only the device can help, so the ring stays unarmed: the client's requests wait in it.
    ///
    /// It stays unarmed as well where requests wait in it and there is no room for their completions. No client is in that
    /// position that has at most [`atoll_channel::CAPACITY`] calls whose completions it has not taken. One that has more
    /// is served again after the next signal or interrupt that finds room.
    pub fn may_block(&mut self) -> Result<bool, ServiceError> {
        self.driver.set_interrupts(true);
        // The room after the ring: the driver that sees a request also sees which completions its client took before.
        let quiet = !self.driver.has_completions()
            && (self.driver.is_full() || self.endpoint.receiver.arm()? || self.room()? == 0);
        if !quiet {
            self.driver.set_interrupts(false);
        }
        Ok(quiet)
    }

    /// To be called after waiting.
    pub fn awake(&mut self) {
        self.endpoint.receiver.disarm();
        self.driver.set_interrupts(false);
    }

    /// How many requests may be taken: as many as there are slots for completions that no request in flight will need.
    fn room(&mut self) -> Result<usize, PeerFault> {
        let free = self.endpoint.sender.free()?;
        Ok(free.saturating_sub(self.driver.in_flight()))
    }

    fn send(&mut self, completion: Completion, step: &mut Step) -> Result<(), ServiceError> {
        match self.endpoint.sender.send(&completion.to_message()) {
            Ok(wake) => {
                step.wake |= wake.needed();
                step.progress = true;
                Ok(())
            }
            Err(SendError::Full) => unreachable!("there was room when the request was taken"),
            Err(SendError::Peer(fault)) => Err(fault.into()),
        }
    }
}
