//! The personality server but for its binding to seL4, which is in the program beside it.
//!
//! [`Host`] moves messages between the personality and the rings of its processes; [`WakePassing`] passes wake-ups on to
//! components of other kernel instances. Every world uses the same lines.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod host;
mod passing;
mod row;
mod world;

pub use host::Host;
pub use passing::{Place, WakePassing};
pub use world::Kernel;
