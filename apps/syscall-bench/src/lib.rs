//! Counts what a syscall costs; everything is in the program `syscall-bench`, which only a guest build has.

#![no_std]
#![forbid(unsafe_code)]
