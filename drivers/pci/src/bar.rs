//! Base address registers, section 6.2.5.

use crate::{Command, ConfigurationSpace, Function, PciError};

/// Base address registers of a device.
pub const BARS: usize = 6;

/// Offset of the first one.
const FIRST: u16 = 0x10;

/// One region that a function answers at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bar {
    /// Number of its (first) register.
    pub index: u8,
    /// Its kind.
    pub kind: BarKind,
    /// First byte (or port); zero where firmware has not placed it.
    pub address: u64,
    /// Bytes (or ports): a power of two.
    pub size: u64,
}

/// Kinds of region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BarKind {
    /// I/O ports.
    Io,
    /// Memory with a 32-bit address.
    Memory32,
    /// Memory with a 64-bit address; takes two registers.
    Memory64,
}

impl Bar {
    /// Whether it is memory.
    pub fn is_memory(&self) -> bool {
        self.kind != BarKind::Io
    }

    /// Whether `length` bytes from `offset` lie in it.
    pub fn contains(&self, offset: u64, length: u64) -> bool {
        offset
            .checked_add(length)
            .is_some_and(|end| end <= self.size)
    }
}

impl<C: ConfigurationSpace> Function<C> {
    /// All regions, by the number of their register; `None` where a register is unused or the upper half of another.
    ///
    /// Sizes are found by writing ones, during which the function is made to answer nowhere and to send nothing; the
    /// command register and the addresses are put back.
    pub fn bars(&mut self) -> Result<[Option<Bar>; BARS], PciError> {
        let enabled = self.command();
        self.set_command(enabled - (Command::IO | Command::MEMORY | Command::BUS_MASTER));
        let bars = self.probe();
        self.set_command(enabled);
        bars
    }

    fn probe(&mut self) -> Result<[Option<Bar>; BARS], PciError> {
        let mut bars = [None; BARS];
        let mut index = 0;
        while index < BARS {
            let bar = self.probe_one(index)?;
            bars[index] = bar;
            index += match bar {
                Some(Bar {
                    kind: BarKind::Memory64,
                    ..
                }) => 2,
                _ => 1,
            };
        }
        Ok(bars)
    }

    fn probe_one(&mut self, index: usize) -> Result<Option<Bar>, PciError> {
        let broken = PciError::BrokenBar { bar: index as u8 };
        let (low, low_mask) = self.write_ones(index);
        let (kind, flags) = match (low_mask & 1, (low_mask >> 1) & 3) {
            (1, _) => (BarKind::Io, 0x3),
            (_, 0) => (BarKind::Memory32, 0xF),
            (_, 2) if index + 1 < BARS => (BarKind::Memory64, 0xF),
            _ => return Err(broken),
        };
        let mut address = u64::from(low & !flags);
        let mut mask = u64::from(low_mask & !flags);
        match kind {
            // A device may leave the upper half of an I/O register at zero.
            BarKind::Io if mask != 0 => mask |= 0xFFFF_FFFF_FFFF_0000,
            BarKind::Memory32 if mask != 0 => mask |= 0xFFFF_FFFF_0000_0000,
            BarKind::Memory64 => {
                let (high, high_mask) = self.write_ones(index + 1);
                address |= u64::from(high) << 32;
                mask |= u64::from(high_mask) << 32;
            }
            _ => {}
        }
        if mask == 0 {
            // Unused; a 64-bit one that is all zero would be a type without a region.
            return if kind == BarKind::Memory64 {
                Err(broken)
            } else {
                Ok(None)
            };
        }
        let size = (!mask).wrapping_add(1);
        if !size.is_power_of_two() {
            return Err(broken);
        }
        Ok(Some(Bar {
            index: index as u8,
            kind,
            address,
            size,
        }))
    }

    /// A register's value, and what remains of writing ones to it.
    fn write_ones(&mut self, index: usize) -> (u32, u32) {
        let offset = FIRST + 4 * index as u16;
        let value = self.space().read32(offset);
        self.space_mut().write32(offset, u32::MAX);
        let mask = self.space().read32(offset);
        self.space_mut().write32(offset, value);
        (value, mask)
    }
}
