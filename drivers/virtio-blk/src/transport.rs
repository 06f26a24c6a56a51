//! A modern virtio block device on PCI (section 4.1): finding, starting and stopping it.

mod configuration;
mod registers;

use atoll_pci::{
    BARS, Command, ConfigurationSpace, Function, MessageTable, VirtioKind, VirtioStructure,
};

use crate::disk::{Abilities, Device, Disk};
use crate::{Dma, DriverError, Queue, QueueAddresses};
use configuration::Features;
use registers::{common, fits, status};

pub use registers::{MAPPED_SIZE, Registers, reachable};

/// How often a register is read while waiting for the device. A QEMU device answers the first time.
const PATIENCE: u32 = 1_000_000;

/// Vendor identifier of virtio (section 4.1.2), and the block device's identifiers, modern and transitional.
const VENDOR: u16 = 0x1AF4;
const BLOCK: u16 = 0x1042;
const BLOCK_TRANSITIONAL: u16 = 0x1001;

/// No vector (section 4.1.5.1.2.1).
const NO_VECTOR: u16 = 0xFFFF;
/// The one queue, and its entry in the MSI-X table.
const QUEUE: u16 = 0;
const ENTRY: u16 = 0;

/// A message-signalled interrupt: what the device writes, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InterruptMessage {
    /// The physical address.
    pub address: u64,
    /// The value.
    pub data: u32,
}

impl InterruptMessage {
    /// The message that interrupts a core with a vector, the number that the processor sees.
    pub fn to_core(apic_id: u32, vector: u8) -> Result<InterruptMessage, DriverError> {
        if apic_id > 0xFF {
            return Err(DriverError::UnreachableCore { apic_id });
        }
        Ok(InterruptMessage {
            address: 0xFEE0_0000 | u64::from(apic_id) << 12,
            data: vector.into(),
        })
    }
}

/// The device's registers, once found.
#[derive(Debug)]
pub struct Transport<C, R> {
    function: Function<C>,
    registers: R,
    common: VirtioStructure,
    notify: VirtioStructure,
    device: VirtioStructure,
    messages: MessageTable,
    /// Where to notify the queue, in the notification BAR.
    doorbell: u32,
}

/// Finds the device, resets it and starts it with one queue in `dma`, whose interrupts are `message`.
///
/// On failure the device has been reset where that was possible, and cannot write memory.
pub fn start<C: ConfigurationSpace, R: Registers>(
    space: C,
    registers: impl FnOnce([u32; BARS]) -> R,
    dma: Dma,
    message: InterruptMessage,
) -> Result<Disk<Transport<C, R>>, DriverError> {
    let mut transport = Transport::find(space, registers)?;
    match transport.bring_up(dma, message) {
        Ok((queue, abilities)) => Ok(Disk::new(transport, queue, abilities)),
        Err(error) => {
            transport.add_status(status::FAILED);
            // The first error is the one to report.
            let _ = transport.stop();
            Err(error)
        }
    }
}

impl<C: ConfigurationSpace, R: Registers> Transport<C, R> {
    /// Finds the structures of the function, and makes it answer at its memory BARs but not write memory. `registers`
    /// gets the bytes of each BAR that can be reached.
    pub fn find(space: C, registers: impl FnOnce([u32; BARS]) -> R) -> Result<Self, DriverError> {
        let mut function = Function::new(space)?;
        let (vendor, device) = function.identity();
        if vendor != VENDOR || ![BLOCK, BLOCK_TRANSITIONAL].contains(&device) {
            return Err(DriverError::NotVirtioBlock { vendor, device });
        }
        let command = function.command() - Command::BUS_MASTER;
        function.set_command(command | Command::MEMORY | Command::NO_PIN_INTERRUPT);
        let reach = reachable(&function.bars()?);
        let structure = |kind, needed| {
            let found = function
                .virtio_structure(kind)
                .ok_or(DriverError::MissingStructure(kind))?;
            let within = fits(&reach, found.bar, found.offset, found.length);
            if !within || found.length < needed || found.offset % 4 != 0 {
                return Err(DriverError::StructureOutOfReach(kind));
            }
            Ok(found)
        };
        let common = structure(VirtioKind::Common, common::SIZE)?;
        let notify = structure(VirtioKind::Notify, 2)?;
        // Of the block device's configuration, the capacity.
        let device = structure(VirtioKind::Device, configuration::LEAST)?;
        let messages = function
            .message_table()
            .filter(|m| fits(&reach, m.bar, m.offset, 16 * u32::from(m.entries)))
            .ok_or(DriverError::NoMessageTable)?;
        Ok(Transport {
            function,
            registers: registers(reach),
            common,
            notify,
            device,
            messages,
            doorbell: 0,
        })
    }

    /// Initialisation, in the order of section 3.1.1. Tells the queue, and what the device can do.
    fn bring_up(
        &mut self,
        dma: Dma,
        message: InterruptMessage,
    ) -> Result<(Queue, Abilities), DriverError> {
        self.reset()?;
        self.add_status(status::ACKNOWLEDGE);
        self.add_status(status::DRIVER);
        let features = self.negotiate()?;
        self.set_message(message);
        let command = self.function.command();
        self.function.set_command(command | Command::BUS_MASTER);

        self.write16(common::CONFIGURATION_VECTOR, NO_VECTOR);
        self.write16(common::QUEUE_SELECT, QUEUE);
        let limit = self.read16(common::QUEUE_SIZE);
        if self.read16(common::QUEUE_ENABLE) != 0 {
            return Err(DriverError::QueueUnusable { size: limit });
        }
        let queue = Queue::new(dma, limit)?;
        self.set_queue(queue.size(), queue.addresses())?;

        self.add_status(status::DRIVER_OK);
        let status = self.status();
        if status & (status::FAILED | status::NEEDS_RESET) != 0 {
            return Err(DriverError::DeviceFailed { status });
        }
        Ok((queue, self.abilities(features)?))
    }

    /// Resets the device; afterwards it uses no memory (section 2.4).
    fn reset(&mut self) -> Result<(), DriverError> {
        self.write_status(0);
        for _ in 0..PATIENCE {
            // Section 4.1.4.3.2: it reads as zero when the reset is done.
            if self.status() == 0 {
                return Ok(());
            }
            core::hint::spin_loop();
        }
        Err(DriverError::ResetTimeout)
    }

    /// Accepts of what the device offers what the driver uses: see [`Features`].
    fn negotiate(&mut self) -> Result<Features, DriverError> {
        let offered = [0, 1].map(|select| {
            self.write32(common::DEVICE_FEATURE_SELECT, select);
            self.read32(common::DEVICE_FEATURE)
        });
        let accepted = Features::accepted(offered, self.device.length)?;
        for (select, features) in (0..).zip(accepted.words()) {
            self.write32(common::DRIVER_FEATURE_SELECT, select);
            self.write32(common::DRIVER_FEATURE, features);
        }
        self.add_status(status::FEATURES_OK);
        if self.status() & status::FEATURES_OK == 0 {
            return Err(DriverError::FeaturesRefused);
        }
        Ok(accepted)
    }

    /// Programs the MSI-X entry; all is masked until it is whole.
    fn set_message(&mut self, message: InterruptMessage) {
        let MessageTable { bar, offset, .. } = self.messages;
        let entry = offset + 16 * u32::from(ENTRY);
        self.function.set_messages(&self.messages, true, true);
        self.registers.write32(bar, entry, message.address as u32);
        self.registers
            .write32(bar, entry + 4, (message.address >> 32) as u32);
        self.registers.write32(bar, entry + 8, message.data);
        self.registers.write32(bar, entry + 12, 0);
        self.function.set_messages(&self.messages, true, false);
    }

    /// Gives the device its queue, section 4.1.5.1.3.
    fn set_queue(&mut self, size: u16, addresses: QueueAddresses) -> Result<(), DriverError> {
        self.write16(common::QUEUE_SIZE, size);
        self.write16(common::QUEUE_VECTOR, ENTRY);
        // Section 4.1.5.1.2.2: a device without resources for the vector says so here.
        if self.read16(common::QUEUE_VECTOR) != ENTRY {
            return Err(DriverError::VectorRefused);
        }
        self.write64(common::QUEUE_DESCRIPTORS, addresses.descriptors);
        self.write64(common::QUEUE_DRIVER, addresses.available);
        self.write64(common::QUEUE_DEVICE, addresses.used);
        // Section 4.1.4.4: both are the device's word, so with a check.
        let doorbell = u32::from(self.read16(common::QUEUE_NOTIFY_OFFSET))
            .checked_mul(self.notify.multiplier)
            .filter(|offset| offset % 2 == 0 && *offset <= self.notify.length - 2)
            .ok_or(DriverError::StructureOutOfReach(VirtioKind::Notify))?;
        self.doorbell = self.notify.offset + doorbell;
        self.write16(common::QUEUE_ENABLE, 1);
        Ok(())
    }
}

impl<C: ConfigurationSpace, R: Registers> Device for Transport<C, R> {
    fn notify(&mut self) {
        // Section 4.1.5.2: without VIRTIO_F_NOTIFICATION_DATA, the queue's number.
        self.registers
            .write16(self.notify.bar, self.doorbell, QUEUE);
    }

    fn stop(&mut self) -> Result<(), DriverError> {
        // Even where the reset fails, a function that is no bus master writes no memory.
        let result = self.reset();
        let command = self.function.command();
        self.function.set_command(command - Command::BUS_MASTER);
        self.function.set_messages(&self.messages, false, false);
        result
    }
}
