//! The capability list, section 6.7, and the MSI-X capability, section 6.8.2.

use crate::{ConfigurationSpace, Function};

/// Identifier of the MSI-X capability.
pub const MSI_X: u8 = 0x11;
/// Identifier of a vendor's own capability.
pub const VENDOR_SPECIFIC: u8 = 0x09;

/// Status register, in the upper half of the command's word: there is a capability list.
const HAS_LIST: u32 = 1 << 20;
/// Offset of the list's first pointer.
const POINTER: u16 = 0x34;
/// Capabilities that fit between the header and the end of the space: none can be missed, and no list is endless.
const MOST: usize = (256 - 64) / 4;

/// MSI-X message control, in the upper half of the capability's first word.
const MSI_X_ENABLE: u32 = 1 << 31;
const MSI_X_MASK_ALL: u32 = 1 << 30;

/// One capability: its identifier and where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capability {
    /// Its identifier.
    pub id: u8,
    /// Its offset: a multiple of 4, from 64 to 252.
    pub offset: u16,
}

/// The capabilities of a function.
#[derive(Debug)]
pub struct Capabilities<'a, C> {
    space: &'a C,
    next: u8,
    left: usize,
}

impl<C: ConfigurationSpace> Iterator for Capabilities<'_, C> {
    type Item = Capability;

    fn next(&mut self) -> Option<Capability> {
        // The two low bits are reserved and to be masked.
        let offset = u16::from(self.next & !3);
        if offset < 64 || self.left == 0 {
            return None;
        }
        self.left -= 1;
        let word = self.space.read32(offset);
        self.next = (word >> 8) as u8;
        Some(Capability {
            id: word as u8,
            offset,
        })
    }
}

/// Where an MSI-X table is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageTable {
    /// Offset of the capability.
    pub capability: u16,
    /// The BAR that holds the table.
    pub bar: u8,
    /// Offset of the table in it: a multiple of 8.
    pub offset: u32,
    /// Entries, 16 bytes each.
    pub entries: u16,
}

impl<C: ConfigurationSpace> Function<C> {
    /// All capabilities.
    pub fn capabilities(&self) -> Capabilities<'_, C> {
        let there = self.space().read32(crate::COMMAND) & HAS_LIST != 0;
        Capabilities {
            space: self.space(),
            next: if there {
                self.space().read32(POINTER) as u8
            } else {
                0
            },
            left: MOST,
        }
    }

    /// The MSI-X table, where the function has one.
    pub fn message_table(&self) -> Option<MessageTable> {
        let capability = self.capabilities().find(|c| c.id == MSI_X)?.offset;
        // The capability has three words.
        if capability > 256 - 12 {
            return None;
        }
        let place = self.space().read32(capability + 4);
        Some(MessageTable {
            capability,
            bar: (place & 7) as u8,
            offset: place & !7,
            entries: ((self.space().read32(capability) >> 16) & 0x7FF) as u16 + 1,
        })
    }

    /// Turns MSI-X on or off, with all entries masked or as their own mask bit says. While it is on, the function does
    /// not use its interrupt pin.
    pub fn set_messages(&mut self, table: &MessageTable, on: bool, masked: bool) {
        let mut word = self.space().read32(table.capability) & !(MSI_X_ENABLE | MSI_X_MASK_ALL);
        if on {
            word |= MSI_X_ENABLE;
        }
        if masked {
            word |= MSI_X_MASK_ALL;
        }
        self.space_mut().write32(table.capability, word);
    }
}
