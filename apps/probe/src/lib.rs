//! Tests the system from inside; everything is in the program `probe`, which only a guest build has.

#![no_std]
#![forbid(unsafe_code)]
