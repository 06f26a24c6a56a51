//! Finding and starting the device.

use atoll_pci::ConfigurationSpace;
use atoll_virtio::{DeviceKind, Dma, InterruptMessage, Registers, Transport};

use crate::configuration::{Features, LEAST, abilities};
use crate::disk::QUEUE;
use crate::{Abilities, Disk, DriverError, Queue};

/// A block device: of its configuration each has the capacity.
pub const BLOCK: DeviceKind = DeviceKind {
    name: "block",
    identifiers: [0x1042, 0x1001],
    configuration: LEAST,
};

/// The queue's entry in the MSI-X table.
const ENTRY: u16 = 0;

/// Finds the device, resets it and starts it with one queue in `dma`, whose interrupts are `message`.
///
/// # Errors
/// The device cannot be used. It has been reset where that was possible, and cannot write memory.
pub fn start<C: ConfigurationSpace, R: Registers>(
    space: C,
    registers: R,
    dma: Dma,
    message: InterruptMessage,
) -> Result<Disk<Transport<C, R>>, DriverError> {
    let set_up = |device: &mut Transport<C, R>| set_up(device, dma, message);
    let (device, (queue, abilities)) = atoll_virtio::start(space, &BLOCK, registers, set_up)?;
    Ok(Disk::new(device, queue, abilities))
}

fn set_up<C: ConfigurationSpace, R: Registers>(
    device: &mut Transport<C, R>,
    dma: Dma,
    message: InterruptMessage,
) -> Result<(Queue, Abilities), DriverError> {
    let features = Features::accepted(device.begin()?, device.configuration_length());
    device.accept(features.bits())?;
    device.set_messages(&[message], None)?;
    let limit = device.queue_limit(QUEUE)?;
    let queue = Queue::new(dma, limit)?;
    device.set_queue(QUEUE, queue.size(), queue.addresses(), ENTRY)?;
    device.run()?;
    let abilities = device.configuration(|device| abilities(device, features))?;
    Ok((queue, abilities))
}
