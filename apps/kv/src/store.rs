//! Keys, their values, when they expire, and how much memory they may take.
//!
//! | module | owns |
//! |---|---|
//! | `shards` | the [`Store`]: its shards, each behind a lock, and what they have in common |
//! | `shard`, `write`, `expiry` | one shard: its keys, what reads and changes them, and when they are gone |
//! | `held` | the shards that a command holds, from its beginning to its end |
//! | `one`, `whole`, `room` | what a command does with them: with a key, with all keys, and to have room |
//! | `frozen` | all shards, held while clients wait |
//! | `table`, `value` and others | what a shard is made of |

mod changes;
mod evict;
mod expiry;
mod fields;
mod frozen;
mod held;
mod list;
mod merged;
mod one;
mod ranked;
mod room;
mod set;
mod settings;
mod shard;
mod shards;
mod sorted;
mod table;
#[cfg(test)]
mod tests;
mod value;
mod watched;
mod whole;
mod write;

use core::cell::Cell;

pub(crate) use changes::write_command;
pub(crate) use fields::FIELD;
pub use frozen::{Freezing, Frozen};
pub(crate) use held::Held;
pub(crate) use list::{ELEMENT, List, Side};
pub(crate) use ranked::Scored;
pub use set::MOST_SHARDS;
pub(crate) use set::ShardSet;
pub(crate) use settings::SYNC_WORDS;
pub use settings::{Policy, Settings};
pub use shards::Store;
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
