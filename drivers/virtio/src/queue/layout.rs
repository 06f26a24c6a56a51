//! Where a queue's parts are in the memory that the driver shares with its device, and the flags in them.

use super::MOST_DESCRIPTORS;

const PAGE: usize = 4096;

// What only the driver writes and what only the device writes are in different pages.
pub(super) const DESCRIPTORS: usize = 0;
pub(super) const AVAILABLE: usize = PAGE;
pub(super) const USED: usize = 2 * PAGE;
/// Bytes of DMA memory that a queue needs.
pub(super) const NEEDED: usize = 3 * PAGE;

const _: () = assert!(DESCRIPTORS + 16 * MOST_DESCRIPTORS <= AVAILABLE);
const _: () = assert!(AVAILABLE + 4 + 2 * MOST_DESCRIPTORS <= USED);
const _: () = assert!(USED + 4 + 8 * MOST_DESCRIPTORS <= NEEDED);
// A descriptor's number is a byte in the driver's tables.
const _: () = assert!(MOST_DESCRIPTORS <= 1 << u8::BITS);

/// Descriptor flags, section 2.7.5.
pub(super) const NEXT: u16 = 1;
pub(super) const DEVICE_WRITES: u16 = 2;
/// Flag of the available ring: the driver wants no interrupts (section 2.7.6).
pub(super) const NO_INTERRUPT: u16 = 1;
/// Flag of the used ring: the device wants no notifications (section 2.7.8).
pub(super) const NO_NOTIFY: u16 = 1;
