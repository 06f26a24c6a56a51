//! Serves the ring of the server.

use core::fmt;

use atoll_abi::block::{BlockReply, BlockRequest};
use atoll_abi::layout::RING_SLOTS;
use atoll_abi::message::Payload;
use atoll_channel::{Endpoint, PeerFault, SendError};

use crate::DriverError;
use crate::driver::{Device, Driver, Submission};

/// How the server broke the protocol. The channel is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceError {
    /// It broke the protocol of a ring.
    Peer(PeerFault),
    /// It sent requests while the replies to earlier ones fill its ring.
    TooManyRequests,
    /// It died.
    ServerLost,
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
                "the server broke the channel's protocol ({fault}); restart the cluster"
            ),
            ServiceError::TooManyRequests => write!(
                f,
                "the server has more than {RING_SLOTS} requests outstanding; restart the cluster"
            ),
            ServiceError::ServerLost => {
                write!(f, "the server is gone; the device is stopped")
            }
        }
    }
}

impl core::error::Error for ServiceError {}

/// What one [`Service::step`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// The server sleeps and has to be signalled.
    pub wake: bool,
    /// Something was received or sent, so there may be more.
    pub progress: bool,
}

/// The driver and its channel.
pub struct Service<D> {
    endpoint: Endpoint,
    driver: Driver<D>,
    /// A reply for which the ring had no slot. While there is one, nothing is received or collected.
    held: Option<BlockReply>,
}

impl<D: Device> Service<D> {
    /// A service of `driver` for the peer of `endpoint`, which must not be armed.
    pub fn new(endpoint: Endpoint, mut driver: Driver<D>) -> Self {
        driver.set_interrupts(false);
        Service {
            endpoint,
            driver,
            held: None,
        }
    }

    /// The driver.
    pub fn driver(&self) -> &Driver<D> {
        &self.driver
    }

    /// Stops the device, because the server is not to be served any more.
    pub fn stop(&mut self) {
        self.driver.stop(DriverError::ServerLost);
    }

    /// Submits what the server asks for, while descriptors are free, with one notification of the device; then sends
    /// the replies that there are. Takes at most two rings' worth of messages, so a busy server cannot keep it here.
    pub fn step(&mut self) -> Result<Step, ServiceError> {
        if self.endpoint.receiver.peer_changed() {
            return Err(ServiceError::ServerLost);
        }
        let mut step = Step::default();
        if let Some(reply) = self.held.take() {
            self.send(reply, &mut step)?;
        }
        for _ in 0..RING_SLOTS {
            if self.held.is_some() || self.driver.is_full() {
                break;
            }
            let Some(message) = self.endpoint.receiver.receive()? else {
                break;
            };
            step.progress = true;
            match self.driver.submit(&BlockRequest::from_message(&message)) {
                Submission::Accepted => {}
                Submission::Answered(reply) => self.send(reply, &mut step)?,
                Submission::Full => unreachable!("the driver was not full before"),
            }
        }
        self.driver.publish();
        for _ in 0..RING_SLOTS {
            if self.held.is_some() {
                break;
            }
            let Some(reply) = self.driver.collect() else {
                break;
            };
            self.send(reply, &mut step)?;
        }
        if step.wake {
            self.endpoint.sender.note_doorbell();
        }
        Ok(step)
    }

    /// Prepares to block, and looks once more at everything that could have happened meanwhile. After `true`, wait and
    /// then call [`Service::awake`]; after `false`, go on.
    ///
    /// Without free descriptors only the device can help, so the ring stays unarmed: the server's requests wait in it.
    pub fn may_block(&mut self) -> Result<bool, ServiceError> {
        self.driver.set_interrupts(true);
        if self.held.is_some() {
            // A server that sends more before it has made room has too much outstanding; one that makes room
            // wakes the driver with its next request.
            return match self.endpoint.receiver.arm()? {
                true => Ok(true),
                false => Err(ServiceError::TooManyRequests),
            };
        }
        let quiet = !self.driver.has_replies()
            && (self.driver.is_full() || self.endpoint.receiver.arm()?);
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

    fn send(&mut self, reply: BlockReply, step: &mut Step) -> Result<(), ServiceError> {
        match self.endpoint.sender.send(&reply.to_message()) {
            Ok(wake) => {
                step.wake |= wake.needed();
                step.progress = true;
            }
            Err(SendError::Full) => self.held = Some(reply),
            Err(SendError::Peer(fault)) => return Err(fault.into()),
        }
        Ok(())
    }
}
