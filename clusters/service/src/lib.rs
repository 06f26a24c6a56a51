//! What every service links.
//!
//! [`Host`] moves messages between the rings of a service's clients, the service, and the component that the service
//! uses. It decides which rings are looked at and when the service may sleep. A world gives it [`Link`]s and [`Memory`]; the
//! same lines run on seL4, on threads of a host and in the simulator. With the feature `guest` this crate is also the whole
//! binding of a service to seL4: see `guest::run`.
//!
//! [`Link`]: atoll_channel::Link

#![no_std]
#![deny(unsafe_code)]

extern crate alloc;

mod clock;
#[cfg(feature = "guest")]
pub mod guest;
mod host;
mod links;
mod patience;

pub use clock::{Alarm, Clock};
pub use host::Host;
pub use links::{Memory, NoMemory};
pub use patience::Patience;
