//! Binds the personality to seL4; everything is in the program `mcp-server`, which only a guest build has.

#![no_std]
#![forbid(unsafe_code)]
