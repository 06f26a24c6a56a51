//! Memory that a driver and a device share.

#![allow(unsafe_code)]

use std::cell::Cell;
use std::rc::Rc;

use atoll_virtio::Dma;

/// Memory that the driver and the device share.
#[derive(Clone)]
pub struct Memory {
    words: Rc<Vec<Cell<u64>>>,
    physical: u64,
}

impl Memory {
    /// So many bytes, a multiple of 8, which a device finds at a physical address.
    pub fn new(size: usize, physical: u64) -> Memory {
        Memory {
            words: Rc::new(vec![Cell::new(0); size / 8]),
            physical,
        }
    }

    /// One more view of it. Who holds a view also has to hold the memory.
    pub fn dma(&self) -> Dma {
        let base = self.words.as_ptr() as *mut u8;
        // SAFETY: cells may be written through; the memory is only ever accessed through views, on one thread, and those that
        // have a view keep the memory.
        unsafe { Dma::new(base, 8 * self.words.len(), self.physical) }
    }

    /// Writes bytes at a physical address.
    pub fn write_bytes(&self, address: u64, bytes: &[u8]) {
        let dma = self.dma();
        let start = (address - self.physical) as usize;
        for (offset, byte) in bytes.iter().enumerate() {
            dma.store8(start + offset, *byte);
        }
    }

    /// Reads so many bytes at a physical address.
    pub fn read_bytes(&self, address: u64, length: usize) -> Vec<u8> {
        let dma = self.dma();
        let start = (address - self.physical) as usize;
        (start..start + length).map(|at| dma.load8(at)).collect()
    }

    /// Whether an address lies in it.
    pub fn contains(&self, address: u64) -> bool {
        (self.physical..self.end()).contains(&address)
    }

    /// The physical address just above it.
    pub fn end(&self) -> u64 {
        self.physical + 8 * self.words.len() as u64
    }
}
