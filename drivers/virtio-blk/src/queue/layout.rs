//! Where a queue's parts are in the memory that the driver shares with its device, and the flags in them.

use atoll_abi::layout::{DMA_PAGES, PAGE_SIZE};

use super::MOST_DESCRIPTORS;

/// Bytes of a page.
pub(super) const PAGE: usize = PAGE_SIZE;

// What only the driver writes and what only the device writes are in different pages.
pub(super) const DESCRIPTORS: usize = 0;
pub(super) const AVAILABLE: usize = PAGE;
pub(super) const HEADERS: usize = 2 * PAGE;
/// The sectors of a request that has no data.
pub(super) const RANGES: usize = 3 * PAGE;
pub(super) const USED: usize = 4 * PAGE;
pub(super) const STATUSES: usize = 5 * PAGE;
/// A page that the driver itself reads into, and writes from.
pub(super) const SPARE: usize = 6 * PAGE;
/// Bytes of DMA memory that a queue needs.
pub(super) const NEEDED: usize = 7 * PAGE;

const _: () = assert!(DESCRIPTORS + 16 * MOST_DESCRIPTORS <= AVAILABLE);
const _: () = assert!(AVAILABLE + 4 + 2 * MOST_DESCRIPTORS <= HEADERS);
const _: () = assert!(HEADERS + 16 * MOST_DESCRIPTORS <= RANGES);
const _: () = assert!(RANGES + 16 * MOST_DESCRIPTORS <= USED);
const _: () = assert!(USED + 4 + 8 * MOST_DESCRIPTORS <= STATUSES);
const _: () = assert!(STATUSES + MOST_DESCRIPTORS <= SPARE);
const _: () = assert!(NEEDED <= DMA_PAGES * PAGE);
// A descriptor's number is a byte in the driver's tables.
const _: () = assert!(MOST_DESCRIPTORS <= 1 << u8::BITS);

/// Descriptor flags, section 2.7.5.
pub(super) const NEXT: u16 = 1;
pub(super) const DEVICE_WRITES: u16 = 2;
/// Flag of the available ring: the driver wants no interrupts (section 2.7.6).
pub(super) const NO_INTERRUPT: u16 = 1;
/// Flag of the used ring: the device wants no notifications (section 2.7.8).
pub(super) const NO_NOTIFY: u16 = 1;
