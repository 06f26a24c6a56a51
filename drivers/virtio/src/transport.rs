//! A modern virtio device on PCI (section 4.1): finding, starting and stopping it.

mod find;
mod registers;

use atoll_pci::{Command, ConfigurationSpace, Function, MessageTable, VirtioKind, VirtioStructure};

use crate::{Device, InterruptMessage, QueueAddresses, VirtioError};
use registers::{common, status};

pub use find::DeviceKind;
pub use registers::Registers;

/// Most queues of a device that a driver uses.
pub const MOST_QUEUES: usize = 4;

/// How often a register is read while waiting for the device. A QEMU device answers the first time.
const PATIENCE: u32 = 1_000_000;
/// How often the configuration is read until it has not changed meanwhile.
const READS: u32 = 100;
/// VIRTIO_F_VERSION_1, section 6.
const VERSION_1: u64 = 1 << 32;
/// No vector (section 4.1.5.1.2.1).
const NO_VECTOR: u16 = 0xFFFF;

/// The device's registers, once found.
#[derive(Debug)]
pub struct Transport<C, R> {
    function: Function<C>,
    registers: R,
    common: VirtioStructure,
    notify: VirtioStructure,
    device: VirtioStructure,
    messages: MessageTable,
    /// Where to notify each queue, in the notification BAR.
    doorbells: [u32; MOST_QUEUES],
}

/// Finds a device, resets it and starts it: `set_up` negotiates features and gives it its queues, and what it returns comes with
/// the transport. `registers` gets the bytes of each BAR that can be reached.
///
/// # Errors
/// What is wrong with the device, or what `set_up` says. The device has been reset where that was possible, and cannot write
/// memory.
pub fn start<C: ConfigurationSpace, R: Registers, T, E: From<VirtioError>>(
    space: C,
    kind: &DeviceKind,
    registers: R,
    set_up: impl FnOnce(&mut Transport<C, R>) -> Result<T, E>,
) -> Result<(Transport<C, R>, T), E> {
    let mut transport = Transport::find(space, kind, registers)?;
    match set_up(&mut transport) {
        Ok(done) => Ok((transport, done)),
        Err(error) => {
            transport.add_status(status::FAILED);
            // The first error is the one to report.
            let _ = transport.stop();
            Err(error)
        }
    }
}

/// Initialisation: the calls of a `set_up`, in the order of section 3.1.1.
impl<C: ConfigurationSpace, R: Registers> Transport<C, R> {
    /// Resets the device, and says that there is a driver for it. Tells the features that it offers.
    ///
    /// # Errors
    /// The device does not finish its reset, or is a legacy device.
    pub fn begin(&mut self) -> Result<u64, VirtioError> {
        self.reset()?;
        self.add_status(status::ACKNOWLEDGE);
        self.add_status(status::DRIVER);
        let [low, high] = [0, 1].map(|select| {
            self.write32(common::DEVICE_FEATURE_SELECT, select);
            u64::from(self.read32(common::DEVICE_FEATURE))
        });
        let offered = high << 32 | low;
        match offered & VERSION_1 {
            0 => Err(VirtioError::NotModern),
            _ => Ok(offered),
        }
    }

    /// Accepts features beside VIRTIO_F_VERSION_1.
    ///
    /// # Errors
    /// They are not enough for the device.
    pub fn accept(&mut self, features: u64) -> Result<(), VirtioError> {
        let features = features | VERSION_1;
        for (select, word) in [(0, features as u32), (1, (features >> 32) as u32)] {
            self.write32(common::DRIVER_FEATURE_SELECT, select);
            self.write32(common::DRIVER_FEATURE, word);
        }
        self.add_status(status::FEATURES_OK);
        match self.status() & status::FEATURES_OK {
            0 => Err(VirtioError::FeaturesRefused),
            _ => Ok(()),
        }
    }

    /// Programs the first MSI-X entries, all masked until they are whole, and allows the device to write memory. Changes of the
    /// configuration interrupt by an entry, or not at all.
    ///
    /// # Errors
    /// The device has fewer entries, or no resources for the interrupt.
    pub fn set_messages(
        &mut self,
        messages: &[InterruptMessage],
        configuration: Option<u16>,
    ) -> Result<(), VirtioError> {
        let MessageTable {
            bar,
            offset,
            entries,
            ..
        } = self.messages;
        if messages.len() > usize::from(entries) {
            return Err(VirtioError::NoMessageTable);
        }
        self.function.set_messages(&self.messages, true, true);
        for (entry, message) in (offset..).step_by(16).zip(messages) {
            let high = (message.address >> 32) as u32;
            self.registers.write32(bar, entry, message.address as u32);
            self.registers.write32(bar, entry + 4, high);
            self.registers.write32(bar, entry + 8, message.data);
            self.registers.write32(bar, entry + 12, 0);
        }
        self.function.set_messages(&self.messages, true, false);
        let command = self.function.command();
        self.function.set_command(command | Command::BUS_MASTER);
        match configuration {
            Some(entry) => self.set_vector(common::CONFIGURATION_VECTOR, entry)?,
            None => self.write16(common::CONFIGURATION_VECTOR, NO_VECTOR),
        }
        Ok(())
    }

    /// The descriptors that the device allows for a queue; 0 where it has none of that number.
    ///
    /// # Errors
    /// The queue is in use.
    pub fn queue_limit(&mut self, queue: u16) -> Result<u16, VirtioError> {
        self.write16(common::QUEUE_SELECT, queue);
        let limit = self.read16(common::QUEUE_SIZE);
        match self.read16(common::QUEUE_ENABLE) {
            0 => Ok(limit),
            _ => Err(VirtioError::QueueInUse { queue }),
        }
    }

    /// Gives the device a queue, section 4.1.5.1.3, which interrupts by an MSI-X entry.
    ///
    /// # Errors
    /// The device has no resources for the interrupt, or no place to notify the queue at.
    ///
    /// # Panics
    /// Where the queue is beyond [`MOST_QUEUES`].
    pub fn set_queue(
        &mut self,
        queue: u16,
        size: u16,
        addresses: QueueAddresses,
        entry: u16,
    ) -> Result<(), VirtioError> {
        self.write16(common::QUEUE_SELECT, queue);
        self.write16(common::QUEUE_SIZE, size);
        self.set_vector(common::QUEUE_VECTOR, entry)?;
        self.write64(common::QUEUE_DESCRIPTORS, addresses.descriptors);
        self.write64(common::QUEUE_DRIVER, addresses.available);
        self.write64(common::QUEUE_DEVICE, addresses.used);
        // Section 4.1.4.4: both are the device's word, so with a check.
        let doorbell = u32::from(self.read16(common::QUEUE_NOTIFY_OFFSET))
            .checked_mul(self.notify.multiplier)
            .filter(|offset| offset % 2 == 0 && *offset <= self.notify.length - 2)
            .ok_or(VirtioError::StructureOutOfReach(VirtioKind::Notify))?;
        self.doorbells[usize::from(queue)] = self.notify.offset + doorbell;
        self.write16(common::QUEUE_ENABLE, 1);
        Ok(())
    }

    /// Starts the device.
    ///
    /// # Errors
    /// It has failed.
    pub fn run(&mut self) -> Result<(), VirtioError> {
        self.add_status(status::DRIVER_OK);
        self.check()
    }

    /// Whether the device still works.
    ///
    /// # Errors
    /// It has failed, or needs a reset (section 2.1.2).
    pub fn check(&self) -> Result<(), VirtioError> {
        let status = self.status();
        match status & (status::FAILED | status::NEEDS_RESET) {
            0 => Ok(()),
            _ => Err(VirtioError::DeviceFailed { status }),
        }
    }

    /// Reads the device's own configuration, with its generation around the reads (section 2.5.1).
    ///
    /// # Errors
    /// What `read` says, or the configuration does not stop changing.
    pub fn configuration<T, E: From<VirtioError>>(
        &self,
        read: impl Fn(&Self) -> Result<T, E>,
    ) -> Result<T, E> {
        for _ in 0..READS {
            let before = self.read8(common::GENERATION);
            let found = read(self);
            if self.read8(common::GENERATION) == before {
                return found;
            }
        }
        Err(VirtioError::ConfigurationUnstable.into())
    }

    /// Resets the device; afterwards it uses no memory (section 2.4).
    fn reset(&mut self) -> Result<(), VirtioError> {
        self.write_status(0);
        for _ in 0..PATIENCE {
            // Section 4.1.4.3.2: it reads as zero when the reset is done.
            if self.status() == 0 {
                return Ok(());
            }
            core::hint::spin_loop();
        }
        Err(VirtioError::ResetTimeout)
    }

    /// Section 4.1.5.1.2.2: a device without resources for the vector says so here.
    fn set_vector(&mut self, field: u32, entry: u16) -> Result<(), VirtioError> {
        self.write16(field, entry);
        match self.read16(field) == entry {
            true => Ok(()),
            false => Err(VirtioError::VectorRefused),
        }
    }
}

impl<C: ConfigurationSpace, R: Registers> Device for Transport<C, R> {
    fn notify(&mut self, queue: u16) {
        // Section 4.1.5.2: without VIRTIO_F_NOTIFICATION_DATA, the queue's number.
        let doorbell = self.doorbells[usize::from(queue)];
        self.registers.write16(self.notify.bar, doorbell, queue);
    }

    fn stop(&mut self) -> Result<(), VirtioError> {
        // Even where the reset fails, a function that is no bus master writes no memory.
        let result = self.reset();
        let command = self.function.command();
        self.function.set_command(command - Command::BUS_MASTER);
        self.function.set_messages(&self.messages, false, false);
        result
    }
}
