//! Entry point, heap, panic handler and console of a root task: the program that a kernel starts with all authority.
//!
//! A root task says `sel4_root_task::root_task!(main)` with `fn main(boot_info: &'static sel4::BootInfo) -> !`, and calls
//! [`console::set`] before it prints.

#![cfg_attr(not(test), no_std)]

extern crate alloc;

pub mod console;

#[cfg(feature = "guest")]
mod entry;
#[cfg(feature = "guest")]
mod heap;
#[cfg(feature = "guest")]
mod panic;

// Supplies memcpy and its family.
use atoll_freestanding as _;

/// Bytes of a root task's stack.
pub const STACK_SIZE: usize = 256 << 10;

/// Bytes of a root task's heap.
pub const HEAP_SIZE: usize = 4 << 20;

/// Names the function that a root task begins with.
#[macro_export]
macro_rules! root_task {
    ($main:path) => {
        /// Called by the entry code, once.
        #[unsafe(no_mangle)]
        extern "C" fn sel4_root_task_main(boot_info: &'static sel4::BootInfo) -> ! {
            let main: fn(&'static sel4::BootInfo) -> ! = $main;
            main(boot_info)
        }
    };
}
