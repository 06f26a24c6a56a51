//! What a PCI function says about itself in its configuration space: identity, base addresses, capabilities.
//!
//! Pure: the configuration space is reached through [`ConfigurationSpace`], so a root task, a driver and a test use
//! the same lines. Whatever the device answers, nothing here panics or loops for ever.
//!
//! Section numbers are those of the PCI Local Bus Specification 3.0.

#![no_std]
#![forbid(unsafe_code)]

use bitflags::bitflags;

mod bar;
mod capability;
mod virtio;

pub use bar::{BARS, Bar, BarKind};
pub use capability::{Capabilities, Capability, MSI_X, MessageTable, VENDOR_SPECIFIC};
pub use virtio::{VirtioKind, VirtioStructure};

/// The configuration space of one function, as aligned 32-bit words.
pub trait ConfigurationSpace {
    /// Reads the word at `offset`, a multiple of 4 below 256.
    fn read32(&self, offset: u16) -> u32;
    /// Writes the word at `offset`, a multiple of 4 below 256.
    fn write32(&mut self, offset: u16, value: u32);
}

impl<C: ConfigurationSpace + ?Sized> ConfigurationSpace for &mut C {
    fn read32(&self, offset: u16) -> u32 {
        (**self).read32(offset)
    }

    fn write32(&mut self, offset: u16, value: u32) {
        (**self).write32(offset, value);
    }
}

/// Vendor and device identifiers.
const IDENTITY: u16 = 0x00;
/// Command, and status in the upper half.
const COMMAND: u16 = 0x04;
/// Revision and class.
const CLASS: u16 = 0x08;
/// Cache line size, latency timer, header type, self-test.
const HEADER: u16 = 0x0C;

bitflags! {
    /// The command register, section 6.2.2. Bits without a name keep what they are.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Command: u16 {
        /// The function answers at its I/O BARs.
        const IO = 1 << 0;
        /// The function answers at its memory BARs.
        const MEMORY = 1 << 1;
        /// The function may write and read memory, and send interrupts as messages.
        const BUS_MASTER = 1 << 2;
        /// The function does not use its interrupt pin.
        const NO_PIN_INTERRUPT = 1 << 10;
        const _ = !0;
    }
}

/// Why a function cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PciError {
    /// No function answers at this address; correct the device's `pci` address in the plan.
    NoFunction,
    /// The function is a bridge, not a device; correct the device's `pci` address in the plan.
    NotADevice {
        /// Its header type.
        header: u8,
    },
    /// BAR `bar` contradicts itself; the device is broken.
    BrokenBar {
        /// The BAR.
        bar: u8,
    },
}

impl core::fmt::Display for PciError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            PciError::NoFunction => {
                write!(
                    f,
                    "no PCI function answers; correct the device's PCI address in the plan"
                )
            }
            PciError::NotADevice { header } => write!(
                f,
                "the PCI function has header type {header} and is not a device; correct its address in the plan"
            ),
            PciError::BrokenBar { bar } => {
                write!(
                    f,
                    "PCI base address {bar} contradicts itself; replace the device"
                )
            }
        }
    }
}

impl core::error::Error for PciError {}

/// One function that is there and is a device (header type 0).
#[derive(Debug)]
pub struct Function<C> {
    space: C,
}

impl<C: ConfigurationSpace> Function<C> {
    /// The function whose configuration space this is.
    pub fn new(space: C) -> Result<Self, PciError> {
        if space.read32(IDENTITY) & 0xFFFF == 0xFFFF {
            return Err(PciError::NoFunction);
        }
        let header = (space.read32(HEADER) >> 16) as u8 & 0x7F;
        if header != 0 {
            return Err(PciError::NotADevice { header });
        }
        Ok(Function { space })
    }

    /// Vendor and device identifiers.
    pub fn identity(&self) -> (u16, u16) {
        let word = self.space.read32(IDENTITY);
        (word as u16, (word >> 16) as u16)
    }

    /// Base class, subclass and programming interface.
    pub fn class(&self) -> (u8, u8, u8) {
        let word = self.space.read32(CLASS);
        ((word >> 24) as u8, (word >> 16) as u8, (word >> 8) as u8)
    }

    /// The command register.
    pub fn command(&self) -> Command {
        Command::from_bits_retain(self.space.read32(COMMAND) as u16)
    }

    /// Sets the command register.
    pub fn set_command(&mut self, value: Command) {
        // The upper half is the status register, where ones would clear bits.
        self.space.write32(COMMAND, u32::from(value.bits()));
    }

    /// The configuration space itself.
    pub fn space(&self) -> &C {
        &self.space
    }

    /// The configuration space itself.
    pub fn space_mut(&mut self) -> &mut C {
        &mut self.space
    }
}
