//! Logs records, says which are on stable storage, and checks after each start that they are there.
//!
//! | module | owns |
//! |---|---|
//! | `record` | what a record holds, and whether one is what was written |
//! | `main` | the program, which only a guest build has |

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod record;
