//! Buffers of the caller.

use atoll_test_virtio::Memory;
use atoll_virtio::Segment;
use atoll_virtio_net::{HEADER_SIZE, Headers, Received};

/// Bytes of a buffer.
pub const BUFFER_SIZE: usize = 4096;

/// Buffers in a row, by number.
#[derive(Clone)]
pub struct Pool {
    /// Their memory.
    pub memory: Memory,
    physical: u64,
}

impl Pool {
    /// So many buffers at a physical address.
    pub fn new(buffers: usize, physical: u64) -> Pool {
        Pool {
            memory: Memory::new(buffers * BUFFER_SIZE, physical),
            physical,
        }
    }

    /// The first so many bytes of a buffer.
    pub fn segment(&self, buffer: u32, length: u32) -> Segment {
        Segment {
            address: self.physical + u64::from(buffer) * BUFFER_SIZE as u64,
            length,
        }
    }

    /// The bytes of a received frame.
    pub fn bytes_of(&self, frame: &Received<'_>) -> Vec<u8> {
        let parts = frame.parts.iter().flat_map(|part| {
            let start = self.segment(part.buffer, 0).address + u64::from(part.offset);
            self.memory.read_bytes(start, part.length as usize)
        });
        let bytes: Vec<u8> = parts.collect();
        assert_eq!(bytes.len(), frame.length as usize);
        bytes
    }
}

impl Headers for Pool {
    fn read(&self, buffer: u32) -> [u8; HEADER_SIZE] {
        let bytes = self
            .memory
            .read_bytes(self.segment(buffer, 0).address, HEADER_SIZE);
        bytes.try_into().expect("so many bytes were read")
    }
}
