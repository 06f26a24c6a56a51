//! Access to a page that the root task has mapped for the moment.

use atoll_abi::layout::PAGE_SIZE;

/// A page that is mapped in the root task's own address space for the moment.
pub struct MappedPage(*mut u8);

impl MappedPage {
    /// The page that is mapped at an address.
    ///
    /// # Safety
    /// A page is mapped there, writable, for as long as the value lives, and is used through the value only.
    pub unsafe fn new(address: *mut u8) -> MappedPage {
        MappedPage(address)
    }

    /// Writes a word.
    pub fn write_u32(&self, offset: usize, value: u32) {
        assert!(offset + 4 <= PAGE_SIZE && offset.is_multiple_of(4));
        // SAFETY: the page is mapped writable at this address for as long as this value lives, and the offset lies in it.
        unsafe { self.0.add(offset).cast::<u32>().write_volatile(value) };
    }

    /// Reads a word.
    pub fn read_u32(&self, offset: usize) -> u32 {
        assert!(offset + 4 <= PAGE_SIZE && offset.is_multiple_of(4));
        // SAFETY: as for `write_u32`.
        unsafe { self.0.add(offset).cast::<u32>().read_volatile() }
    }

    /// Reads a word of 64 bits, in halves.
    pub fn read_u64(&self, offset: usize) -> u64 {
        let [low, high] = [offset, offset + 4].map(|half| self.read_u32(half));
        u64::from(low) | u64::from(high) << 32
    }

    /// Sets the page to zero.
    pub fn clear(&self) {
        // SAFETY: as for `write_u32`.
        unsafe { self.0.write_bytes(0, PAGE_SIZE) };
    }

    /// Copies bytes into the page.
    pub fn write(&self, offset: usize, bytes: &[u8]) {
        assert!(offset + bytes.len() <= PAGE_SIZE);
        // SAFETY: as for `write_u32`; the source is not this page, which only this value names.
        unsafe {
            self.0
                .add(offset)
                .copy_from_nonoverlapping(bytes.as_ptr(), bytes.len())
        };
    }

    /// The page's address, for the drivers of registers in it.
    pub fn address(&self) -> *mut u8 {
        self.0
    }
}
