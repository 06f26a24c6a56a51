//! Device registers that are mapped into this address space.

#![allow(unsafe_code)]

use atoll_pci::{BARS, ConfigurationSpace};

use crate::Registers;

/// The configuration page of a function (its 4 KiB of ECAM).
#[derive(Debug)]
pub struct MappedConfiguration {
    base: *mut u32,
}

// SAFETY: a pointer to device registers, every access to which is one volatile word.
unsafe impl Send for MappedConfiguration {}

impl MappedConfiguration {
    /// The page at `base`.
    ///
    /// # Safety
    ///
    /// `base` is an uncached mapping of a function's configuration page that stays as long as the value lives.
    pub unsafe fn new(base: *mut u8) -> Self {
        MappedConfiguration { base: base.cast() }
    }

    fn word(&self, offset: u16) -> *mut u32 {
        assert!(offset < 4096 && offset & 3 == 0);
        // SAFETY: within the page that the constructor's caller promised.
        unsafe { self.base.byte_add(offset.into()) }
    }
}

impl ConfigurationSpace for MappedConfiguration {
    fn read32(&self, offset: u16) -> u32 {
        // SAFETY: an aligned word of a mapped page.
        unsafe { self.word(offset).read_volatile() }
    }

    fn write32(&mut self, offset: u16, value: u32) {
        // SAFETY: an aligned word of a mapped page. What a device is told this way can make it write memory; that it
        // is told only of its DMA memory and of pools is the duty of the transport and the driver.
        unsafe { self.word(offset).write_volatile(value) }
    }
}

/// The memory BARs of a function, `stride` bytes apart.
#[derive(Debug)]
pub struct MappedBars {
    base: *mut u8,
    stride: usize,
    lengths: [u32; BARS],
}

// SAFETY: as for the configuration page.
unsafe impl Send for MappedBars {}

impl MappedBars {
    /// BARs of which the first `lengths[n]` bytes are mapped at `base + n * stride`.
    ///
    /// # Safety
    ///
    /// `base` is page-aligned, and those bytes are uncached mappings of the function's BARs that stay as long as the
    /// value lives.
    pub unsafe fn new(base: *mut u8, stride: usize, lengths: [u32; BARS]) -> Self {
        MappedBars {
            base,
            stride,
            lengths,
        }
    }

    fn at(&self, bar: u8, offset: u32, width: u32) -> *mut u8 {
        let length = self.lengths[usize::from(bar)];
        assert!(offset & (width - 1) == 0 && offset < length && width <= length - offset);
        // SAFETY: within what the constructor's caller promised for this BAR.
        unsafe {
            self.base
                .add(usize::from(bar) * self.stride + offset as usize)
        }
    }
}

macro_rules! accessors {
    ($($read:ident $write:ident $value:ty;)*) => {
        $(
            fn $read(&self, bar: u8, offset: u32) -> $value {
                let place = self.at(bar, offset, size_of::<$value>() as u32).cast::<$value>();
                // SAFETY: `at` gives an aligned place in a mapped BAR.
                unsafe { place.read_volatile() }
            }

            fn $write(&mut self, bar: u8, offset: u32, value: $value) {
                let place = self.at(bar, offset, size_of::<$value>() as u32).cast::<$value>();
                // SAFETY: `at` gives an aligned place in a mapped BAR; what the device then writes to memory is the
                // duty of the transport and the driver.
                unsafe { place.write_volatile(value) }
            }
        )*
    };
}

impl Registers for MappedBars {
    fn lengths(&self) -> [u32; BARS] {
        self.lengths
    }

    accessors! {
        read8 write8 u8;
        read16 write16 u16;
        read32 write32 u32;
    }
}
