//! Keys, their values, when they expire, and how much memory they may take.

mod changes;
mod evict;
mod expiry;
mod fields;
mod keys;
mod list;
mod ranked;
mod settings;
mod sorted;
mod table;
#[cfg(test)]
mod tests;
mod value;
mod watched;
mod write;

use core::cell::Cell;

pub(crate) use changes::write_command;
pub(crate) use fields::FIELD;
pub use keys::Store;
pub(crate) use list::{ELEMENT, List, Side};
pub(crate) use ranked::Scored;
pub use settings::{Policy, Settings};
pub(crate) use sorted::{RANKED, Sorted};
pub(crate) use value::{Hash, Kind, Set, Text, Value};

/// Bytes that a key takes beside itself and its value, about: what was measured is somewhat less.
pub(crate) const OVERHEAD: usize = 224;

/// The time of a key that never expires.
const NEVER: u64 = u64::MAX;

/// A key's value.
#[derive(Clone, Debug)]
struct Entry {
    value: Value,
    /// When it is gone, in milliseconds.
    expires: u64,
    /// The command that used it last.
    used: Cell<u32>,
}

/// There is no room for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// A key holds another kind of value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WrongKind;

/// What becomes of the time when a key expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expiry {
    /// It stays as it is.
    Keep,
    /// The key expires then, or never.
    At(Option<u64>),
}

/// What was counted since the store began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) commands: u64,
    pub(crate) expired: u64,
    pub(crate) evicted: u64,
    pub(crate) clients: u64,
}
