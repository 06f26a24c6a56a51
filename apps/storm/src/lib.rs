//! A million syscalls across clusters; everything is in the program `storm`, which only a guest build has.

#![no_std]
#![forbid(unsafe_code)]
