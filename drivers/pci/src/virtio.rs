//! Virtio's vendor capabilities: where the structures of a modern device are. VIRTIO 1.2, section 4.1.4.

use crate::{ConfigurationSpace, Function, VENDOR_SPECIFIC};

/// Bytes of `struct virtio_pci_cap`, and of the notification capability with its multiplier.
const SIZE: u8 = 16;
const NOTIFY_SIZE: u8 = 20;

/// Structures that a driver may need; the values are `cfg_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum VirtioKind {
    /// Common configuration.
    Common = 1,
    /// Notifications.
    Notify = 2,
    /// Interrupt status, for pin interrupts.
    InterruptStatus = 3,
    /// Device-specific configuration.
    Device = 4,
}

/// Where a structure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VirtioStructure {
    /// The BAR that holds it: 0 to 5.
    pub bar: u8,
    /// Offset in the BAR.
    pub offset: u32,
    /// Bytes.
    pub length: u32,
    /// For [`VirtioKind::Notify`]: what a queue's notification offset is multiplied with. Otherwise zero.
    pub multiplier: u32,
}

impl<C: ConfigurationSpace> Function<C> {
    /// The first usable structure of a kind, which is the one that the device prefers (section 4.1.4.1).
    pub fn virtio_structure(&self, kind: VirtioKind) -> Option<VirtioStructure> {
        self.capabilities()
            .filter(|c| c.id == VENDOR_SPECIFIC)
            .find_map(|c| self.virtio_at(c.offset, kind))
    }

    fn virtio_at(&self, at: u16, kind: VirtioKind) -> Option<VirtioStructure> {
        let head = self.space().read32(at);
        let (length, found) = ((head >> 16) as u8, (head >> 24) as u8);
        let needed = match kind {
            VirtioKind::Notify => NOTIFY_SIZE,
            _ => SIZE,
        };
        if found != kind as u8 || length < needed || at + u16::from(needed) > 256 {
            return None;
        }
        let bar = self.space().read32(at + 4) as u8;
        // Other numbers are reserved, and such a structure is to be ignored.
        if bar > 5 {
            return None;
        }
        Some(VirtioStructure {
            bar,
            offset: self.space().read32(at + 8),
            length: self.space().read32(at + 12),
            multiplier: match kind {
                VirtioKind::Notify => self.space().read32(at + 16),
                _ => 0,
            },
        })
    }
}
