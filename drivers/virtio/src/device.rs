//! What a driver asks of a device beside the memory of its queues.

use crate::VirtioError;

/// A device that has been started.
pub trait Device {
    /// Tells the device that a queue has new chains.
    fn notify(&mut self, queue: u16);
    /// Makes the device stop all use of memory.
    ///
    /// # Errors
    /// It has not confirmed that; it is no bus master any more all the same.
    fn stop(&mut self) -> Result<(), VirtioError>;
}

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
    ///
    /// # Errors
    /// The core has an identifier beyond those of messages.
    pub fn to_core(apic_id: u32, vector: u8) -> Result<InterruptMessage, VirtioError> {
        if apic_id > 0xFF {
            return Err(VirtioError::UnreachableCore { apic_id });
        }
        Ok(InterruptMessage {
            address: 0xFEE0_0000 | u64::from(apic_id) << 12,
            data: vector.into(),
        })
    }
}
