//! What the driver asks of its device beside its queues.

use atoll_pci::ConfigurationSpace;
use atoll_virtio::{Device, Registers, SplitQueue, Transport, VirtioError};

use crate::features::{Features, STATUS};
use crate::start::{Vectors, give_queues, set_messages};

/// What the driver asks of its device beside what all drivers do.
pub trait Card: Device {
    /// The status of its configuration (section 5.1.4), of a device that tells its link.
    fn status(&self) -> u16;

    /// Whether it still works.
    ///
    /// # Errors
    /// It has failed, or needs a reset.
    fn check(&self) -> Result<(), VirtioError>;

    /// Starts it again after it was stopped, with the features that it had. Its queues are these, which are as they were at first.
    ///
    /// # Errors
    /// It cannot be used any more, and is to be stopped.
    fn start_again(&mut self, queues: [&SplitQueue; 2]) -> Result<(), VirtioError>;
}

/// A device on PCI that was started, with what it takes to start it again.
#[derive(Debug)]
pub struct Started<C, R> {
    pub(crate) transport: Transport<C, R>,
    pub(crate) features: Features,
    pub(crate) vectors: Vectors,
}

impl<C: ConfigurationSpace, R: Registers> Device for Started<C, R> {
    fn notify(&mut self, queue: u16) {
        self.transport.notify(queue);
    }

    fn stop(&mut self) -> Result<(), VirtioError> {
        self.transport.stop()
    }
}

impl<C: ConfigurationSpace, R: Registers> Card for Started<C, R> {
    fn status(&self) -> u16 {
        self.transport.configuration16(STATUS)
    }

    fn check(&self) -> Result<(), VirtioError> {
        self.transport.check()
    }

    fn start_again(&mut self, queues: [&SplitQueue; 2]) -> Result<(), VirtioError> {
        let device = &mut self.transport;
        device.begin()?;
        device.accept(self.features.bits())?;
        set_messages(device, self.vectors)?;
        give_queues(device, queues)?;
        device.run()
    }
}
