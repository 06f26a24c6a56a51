//! The edge to the device: the only unsafe code of this crate.

/// The registers of an HPET, as 32-bit words.
pub trait Registers {
    /// Reads the word at `offset` bytes.
    fn read(&self, offset: usize) -> u32;
    /// Writes the word at `offset` bytes.
    fn write(&self, offset: usize, value: u32);
}

/// Bytes of an HPET's registers.
const SIZE: usize = 0x400;

/// Registers that are mapped into this address space.
#[derive(Debug)]
pub struct Mapped {
    base: *mut u32,
}

// SAFETY: a pointer to device registers, every access to which is one volatile word; which thread does it is the same
// to the device.
unsafe impl Send for Mapped {}

impl Mapped {
    /// Registers at `base`.
    ///
    /// # Safety
    ///
    /// `base` is 4-byte aligned, and the 1 KiB above it is a mapping of an HPET's registers that stays as long as the
    /// value lives.
    pub unsafe fn new(base: *mut u8) -> Self {
        Mapped { base: base.cast() }
    }

    /// The register at `offset`.
    fn register(&self, offset: usize) -> *mut u32 {
        assert!(offset < SIZE && offset & 3 == 0);
        // SAFETY: within the 1 KiB that the constructor's caller promised.
        unsafe { self.base.byte_add(offset) }
    }
}

impl Registers for Mapped {
    fn read(&self, offset: usize) -> u32 {
        // SAFETY: an aligned register of the mapping that the constructor's caller promised.
        unsafe { self.register(offset).read_volatile() }
    }

    fn write(&self, offset: usize, value: u32) {
        // SAFETY: as for `read`; no register of an HPET makes the device write memory other than by an interrupt.
        unsafe { self.register(offset).write_volatile(value) }
    }
}
