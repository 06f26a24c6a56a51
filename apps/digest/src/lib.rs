//! Counting and hashing a file that arrives in blocks, out of order.

#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod count;
mod total;

pub use count::Count;
pub use total::{Hex, Total};
