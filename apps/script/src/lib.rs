//! The script that every world runs; everything is in the program `script`, which only a guest build has.

#![no_std]
#![forbid(unsafe_code)]
