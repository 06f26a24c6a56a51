//! What a dead server leaves behind; everything is in the program `outage`, which only a guest build has.

#![no_std]
#![forbid(unsafe_code)]
