//! The registers of the function: where they are, and how they are reached.

use atoll_pci::{BARS, ConfigurationSpace, VirtioStructure};

use super::Transport;

/// Common configuration, section 4.1.4.3.
pub(super) mod common {
    pub const DEVICE_FEATURE_SELECT: u32 = 0;
    pub const DEVICE_FEATURE: u32 = 4;
    pub const DRIVER_FEATURE_SELECT: u32 = 8;
    pub const DRIVER_FEATURE: u32 = 12;
    pub const CONFIGURATION_VECTOR: u32 = 16;
    pub const DEVICE_STATUS: u32 = 20;
    pub const GENERATION: u32 = 21;
    pub const QUEUE_SELECT: u32 = 22;
    pub const QUEUE_SIZE: u32 = 24;
    pub const QUEUE_VECTOR: u32 = 26;
    pub const QUEUE_ENABLE: u32 = 28;
    pub const QUEUE_NOTIFY_OFFSET: u32 = 30;
    pub const QUEUE_DESCRIPTORS: u32 = 32;
    pub const QUEUE_DRIVER: u32 = 40;
    pub const QUEUE_DEVICE: u32 = 48;
    /// Bytes of the structure up to the fields that this driver uses.
    pub const SIZE: u32 = 56;
}

/// Device status, section 2.1.
pub(super) mod status {
    pub const ACKNOWLEDGE: u8 = 1;
    pub const DRIVER: u8 = 2;
    pub const DRIVER_OK: u8 = 4;
    pub const FEATURES_OK: u8 = 8;
    pub const NEEDS_RESET: u8 = 64;
    pub const FAILED: u8 = 128;
}

/// The memory BARs of a function.
pub trait Registers {
    /// Bytes of each that can be reached: none where it is not memory, or is not mapped.
    fn lengths(&self) -> [u32; BARS];
    /// Reads a byte.
    fn read8(&self, bar: u8, offset: u32) -> u8;
    /// Reads two bytes.
    fn read16(&self, bar: u8, offset: u32) -> u16;
    /// Reads four bytes.
    fn read32(&self, bar: u8, offset: u32) -> u32;
    /// Writes a byte.
    fn write8(&mut self, bar: u8, offset: u32, value: u8);
    /// Writes two bytes.
    fn write16(&mut self, bar: u8, offset: u32, value: u16);
    /// Writes four bytes.
    fn write32(&mut self, bar: u8, offset: u32, value: u32);
}

/// Whether `length` bytes from `offset` lie in what can be reached of a BAR.
pub(super) fn fits(reach: &[u32; BARS], bar: u8, offset: u32, length: u32) -> bool {
    let end = u64::from(offset) + u64::from(length);
    reach
        .get(usize::from(bar))
        .is_some_and(|&reach| end <= reach.into())
}

impl<C: ConfigurationSpace, R: Registers> Transport<C, R> {
    /// Bytes of the device's own configuration.
    pub fn configuration_length(&self) -> u32 {
        self.device.length
    }

    /// A byte of the device's own configuration, within its length; see [`Transport::configuration`].
    pub fn configuration8(&self, offset: u32) -> u8 {
        self.registers
            .read8(self.device.bar, self.device.offset + offset)
    }

    /// Two bytes of the device's own configuration.
    pub fn configuration16(&self, offset: u32) -> u16 {
        self.registers
            .read16(self.device.bar, self.device.offset + offset)
    }

    /// Four bytes of the device's own configuration.
    pub fn configuration32(&self, offset: u32) -> u32 {
        self.registers
            .read32(self.device.bar, self.device.offset + offset)
    }

    pub(super) fn status(&self) -> u8 {
        self.read8(common::DEVICE_STATUS)
    }

    pub(super) fn write_status(&mut self, value: u8) {
        let VirtioStructure { bar, offset, .. } = self.common;
        self.registers
            .write8(bar, offset + common::DEVICE_STATUS, value);
    }

    pub(super) fn add_status(&mut self, bit: u8) {
        self.write_status(self.status() | bit);
    }

    pub(super) fn read8(&self, field: u32) -> u8 {
        self.registers
            .read8(self.common.bar, self.common.offset + field)
    }

    pub(super) fn read16(&self, field: u32) -> u16 {
        self.registers
            .read16(self.common.bar, self.common.offset + field)
    }

    pub(super) fn read32(&self, field: u32) -> u32 {
        self.registers
            .read32(self.common.bar, self.common.offset + field)
    }

    pub(super) fn write16(&mut self, field: u32, value: u16) {
        self.registers
            .write16(self.common.bar, self.common.offset + field, value);
    }

    pub(super) fn write32(&mut self, field: u32, value: u32) {
        self.registers
            .write32(self.common.bar, self.common.offset + field, value);
    }

    /// Two words, low half first (section 4.1.3.1).
    pub(super) fn write64(&mut self, field: u32, value: u64) {
        self.write32(field, value as u32);
        self.write32(field + 4, (value >> 32) as u32);
    }
}
