//! Where the parts of requests are in the memory that the driver shares with its device, behind the queue.

use atoll_abi::layout::{DMA_PAGES, PAGE_SIZE};
use atoll_virtio::{MOST_DESCRIPTORS, SplitQueue};

/// Bytes of a page.
pub const PAGE: usize = PAGE_SIZE;

// What only the driver writes and what only the device writes are in different pages.
pub const HEADERS: usize = 0;
/// The sectors of a request that has no data.
pub const RANGES: usize = PAGE;
pub const STATUSES: usize = 2 * PAGE;
/// A page that the driver itself reads into, and writes from.
pub const SPARE: usize = 3 * PAGE;
/// Bytes of DMA memory that the driver needs.
pub const NEEDED: usize = SplitQueue::NEEDED + 4 * PAGE;

const _: () = assert!(HEADERS + 16 * MOST_DESCRIPTORS <= RANGES);
const _: () = assert!(RANGES + 16 * MOST_DESCRIPTORS <= STATUSES);
const _: () = assert!(STATUSES + MOST_DESCRIPTORS <= SPARE);
const _: () = assert!(NEEDED <= DMA_PAGES * PAGE);
