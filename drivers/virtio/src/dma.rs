//! Memory that the driver shares with its device.

#![allow(unsafe_code)]

use core::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering::Relaxed};

/// Physically contiguous memory that a device reads and writes at any time.
///
/// Every access is one relaxed atomic of its width, within bounds and aligned, so what the device does meanwhile can
/// change values and nothing else. Order is made with fences by who uses it.
#[derive(Debug)]
pub struct Dma {
    base: *mut u8,
    size: usize,
    physical: u64,
}

// SAFETY: all access to the memory is atomic.
unsafe impl Send for Dma {}

impl Dma {
    /// The `size` bytes at `base`, which the device finds at `physical`.
    ///
    /// # Safety
    ///
    /// `base` is aligned to 8 bytes; the memory stays mapped as long as the value lives, and is accessed only
    /// atomically: by this program through a `Dma`, and by the device.
    pub unsafe fn new(base: *mut u8, size: usize, physical: u64) -> Dma {
        Dma {
            base,
            size,
            physical,
        }
    }

    /// Its first `offset` bytes, a multiple of 8, and the others.
    pub fn split_at(self, offset: usize) -> (Dma, Dma) {
        assert!(offset.is_multiple_of(8) && offset <= self.size);
        let rest = Dma {
            // SAFETY: within the memory that the constructor's caller promised, or just behind it.
            base: unsafe { self.base.add(offset) },
            size: self.size - offset,
            physical: self.physical + offset as u64,
        };
        let first = Dma {
            size: offset,
            ..self
        };
        (first, rest)
    }

    /// Makes all of it zero, but for a last part of less than 8 bytes.
    pub fn clear(&self) {
        for offset in (0..self.size & !7).step_by(8) {
            self.store64(offset, 0);
        }
    }

    /// Bytes of the memory.
    pub fn size(&self) -> usize {
        self.size
    }

    /// The physical address of the byte at `offset`.
    pub fn physical(&self, offset: usize) -> u64 {
        assert!(offset < self.size);
        self.physical + offset as u64
    }

    /// A pointer to `width` bytes at `offset`.
    fn at(&self, offset: usize, width: usize) -> *mut u8 {
        assert!(offset & (width - 1) == 0 && offset < self.size && width <= self.size - offset);
        // SAFETY: within the memory that the constructor's caller promised.
        unsafe { self.base.add(offset) }
    }
}

macro_rules! accessors {
    ($($load:ident $store:ident $value:ty, $atomic:ty;)*) => {
        impl Dma {
            $(
                /// Reads the value at `offset`.
                pub fn $load(&self, offset: usize) -> $value {
                    let place = self.at(offset, size_of::<$value>());
                    // SAFETY: `at` gives an aligned place in memory that is only accessed atomically.
                    unsafe { <$atomic>::from_ptr(place.cast()) }.load(Relaxed)
                }

                /// Writes the value at `offset`.
                pub fn $store(&self, offset: usize, value: $value) {
                    let place = self.at(offset, size_of::<$value>());
                    // SAFETY: `at` gives an aligned place in memory that is only accessed atomically.
                    unsafe { <$atomic>::from_ptr(place.cast()) }.store(value, Relaxed);
                }
            )*
        }
    };
}

accessors! {
    load8 store8 u8, AtomicU8;
    load16 store16 u16, AtomicU16;
    load32 store32 u32, AtomicU32;
    load64 store64 u64, AtomicU64;
}
