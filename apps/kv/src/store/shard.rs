//! A shard: the keys of which the hash is its own, and what reads them.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::table::Table;
use super::watched::Watched;
use super::{Entry, Kind, NEVER, OVERHEAD, Value, WrongKind};
use crate::hash::Seed;
use crate::random::Random;

/// A shard. It knows of no other one, and of no limit: whoever changes it holds it, and has made sure that there is room.
#[derive(Debug)]
pub(crate) struct Shard {
    pub(super) keys: Table<Entry>,
    /// The hashes of keys that expire, the next one first.
    pub(super) expiring: BTreeSet<(u64, u64)>,
    /// Bytes that it takes, about.
    pub(super) used: usize,
    /// Bytes of the store's memory that it has taken, and may use without a look at other shards.
    pub(super) granted: usize,
    /// What time it is for the one who holds it.
    pub(super) now: u64,
    /// The command of the one who holds it.
    pub(super) command: u32,
    /// It takes what it was told before: what is past is not gone.
    pub(super) is_replaying: bool,
    pub(super) random: Random,
    pub(super) watched: Watched,
    /// Memory for the changes of a command.
    pub(super) buffer: Vec<u8>,
    /// How often something was changed.
    pub(super) times_changed: u64,
    pub(super) counts: Counts,
}

/// What was counted since the store began, or a client wanted it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Commands that held the shard.
    pub(crate) commands: u64,
    pub(crate) expired: u64,
    pub(crate) evicted: u64,
}

impl Shard {
    /// A shard without keys. All shards of a store have one seed, so that a value may go from one to another, and a cursor means the
    /// same in all; chance differs.
    pub(super) fn new(seed: Seed, number: usize) -> Shard {
        let number = u64::try_from(number).unwrap_or(0);
        Shard {
            keys: Table::new(seed),
            expiring: BTreeSet::new(),
            used: 0,
            granted: 0,
            now: 0,
            command: 0,
            is_replaying: false,
            random: Random::new(seed.hash(b"chance").wrapping_add(number)),
            watched: Watched::default(),
            buffer: Vec::new(),
            times_changed: 0,
            counts: Counts::default(),
        }
    }

    /// Bytes that a key takes with its value, about.
    pub(super) fn size(key: &[u8], value: &Value) -> usize {
        key.len() + OVERHEAD + value.bytes()
    }

    pub(super) fn note_changed(&mut self, key: &[u8]) {
        self.times_changed += 1;
        self.watched.touch(key);
    }

    /// What a key holds.
    pub(super) fn value(&self, key: &[u8]) -> Option<&Value> {
        let entry = self.keys.get(key)?;
        entry.used.set(self.command);
        Some(&entry.value)
    }

    /// Whether there is a key.
    pub(super) fn contains(&self, key: &[u8]) -> bool {
        self.keys.get(key).is_some()
    }

    /// What a key holds, which has to be of a kind.
    pub(super) fn read<T: Kind>(&self, key: &[u8]) -> Result<Option<&T>, WrongKind> {
        match self.value(key) {
            None => Ok(None),
            Some(value) => T::of(value).map(Some).ok_or(WrongKind),
        }
    }

    /// Bytes that a key takes, about.
    pub(super) fn size_of(&self, key: &[u8]) -> Option<usize> {
        Some(Self::size(key, &self.keys.get(key)?.value))
    }

    /// When a key expires: `None` where there is none, `Some(None)` where it never does.
    pub(super) fn expires(&self, key: &[u8]) -> Option<Option<u64>> {
        let entry = self.keys.get(key)?;
        Some((entry.expires != NEVER).then_some(entry.expires))
    }
}
