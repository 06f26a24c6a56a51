//! What every driver component links.
//!
//! A driver is a [`DeviceService`]: a service that has a device. [`Pools`] are the blocks that its clients may name, [`LostClients`] those that
//! are gone, and
//! [`interrupt_message`] is what its device interrupts with. With the feature `guest` this crate is also the whole life of a driver on
//! seL4: see the module `guest`.

#![no_std]
#![deny(unsafe_code)]

extern crate alloc;

#[cfg(feature = "guest")]
pub mod guest;
mod interrupt;
mod lost;
mod pools;
mod service;

pub use interrupt::interrupt_message;
pub use lost::LostClients;
pub use pools::Pools;
pub use service::DeviceService;
