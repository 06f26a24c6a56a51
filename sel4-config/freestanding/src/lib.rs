//! The functions that compiled code expects of a C library, for programs that have none.
//!
//! The stock `x86_64-unknown-linux-gnu` target leaves `memcpy` and its family to the C library, and the prebuilt `core`
//! refers to an unwinder's personality function that `panic = "abort"` never calls.

#![no_std]

#[cfg(feature = "guest")]
mod memory;
