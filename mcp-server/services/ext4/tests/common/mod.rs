//! A disk in memory, and the tools of e2fsprogs, which know better what ext4 is.

#![allow(dead_code, reason = "not every test uses all of it")]
#![allow(unused_imports, reason = "not every test uses all of it")]

pub mod heap;
mod host;

use atoll_abi::disk::Properties;

pub use atoll_test_support::e2fsprogs::{check, dump, image, recovered, scratch, what_is_wrong};
pub use host::{Event, Host};

pub const SECTOR: usize = 512;
pub const MIB: usize = 1 << 20;

/// When everything happens.
pub const NOW: u64 = 1_900_000_000;

pub const DISK: Properties = Properties {
    block_size: 512,
    read_only: false,
    caches: true,
};

pub const READ_ONLY: Properties = Properties {
    read_only: true,
    ..DISK
};

/// Numbers that look random, from a seed.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11
    }

    /// One of so many numbers.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(length + 8);
        while bytes.len() < length {
            bytes.extend_from_slice(&self.next().to_le_bytes());
        }
        bytes.truncate(length);
        bytes
    }
}

/// A number that the environment may set.
pub fn setting(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{name} is no number: {text}")),
        Err(_) => default,
    }
}

/// An image after its journal was recovered, which has to be clean then.
pub fn assert_clean(image: &[u8]) -> Vec<u8> {
    recovered(image).unwrap_or_else(|wrong| panic!("{wrong}"))
}
