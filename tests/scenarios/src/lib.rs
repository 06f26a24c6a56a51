//! Scenarios with their expected traces. The same data runs in the three worlds of a personality: in the simulator, on threads
//! of the host, and on seL4.

#![no_std]
#![forbid(unsafe_code)]

pub mod script;
