//! The parts of the loader that touch no machine: tables that it reads, checks and rewrites.

#![no_std]
#![forbid(unsafe_code)]

pub mod acpi;
pub mod boot_page;
pub mod calendar;
pub mod claims;
pub mod extent;
pub mod image;
pub mod machine;
pub mod memory_map;
pub mod multiboot;
pub mod refusal;
