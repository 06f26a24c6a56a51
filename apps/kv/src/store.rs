//! Keys, their values, and when they expire.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

/// Bytes that an entry takes beside key and value, in both maps, about: what was measured is somewhat less.
const OVERHEAD: usize = 256;

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    value: Vec<u8>,
    /// When it is gone, in milliseconds; `None`: never.
    expires: Option<u64>,
}

/// There is no room for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// All keys. What has expired is not there, whether it was removed yet or not.
#[derive(Debug)]
pub struct Store {
    entries: BTreeMap<Vec<u8>, Entry>,
    /// Keys that expire, the next one first.
    expiring: BTreeSet<(u64, Vec<u8>)>,
    used: usize,
    most: usize,
    now: u64,
}

/// What an entry takes. The key is counted twice, as if it expired, so that one that gets a time needs no more room.
fn size(key: &[u8], value: &[u8]) -> usize {
    2 * key.len() + value.len() + OVERHEAD
}

impl Store {
    /// A store for about so many bytes.
    pub fn new(most: usize) -> Store {
        Store {
            entries: BTreeMap::new(),
            expiring: BTreeSet::new(),
            used: 0,
            most,
            now: 0,
        }
    }

    /// Tells the time, in milliseconds, and removes what has expired.
    pub fn set_time(&mut self, now: u64) {
        self.now = now;
        while let Some((expires, _)) = self.expiring.first()
            && *expires <= now
            && let Some((_, key)) = self.expiring.pop_first()
        {
            if let Some(entry) = self.entries.remove(&key) {
                self.used -= size(&key, &entry.value);
            }
        }
    }

    /// What time it is, in milliseconds.
    pub fn now(&self) -> u64 {
        self.now
    }

    /// Bytes that it takes, about.
    pub fn used(&self) -> usize {
        self.used
    }

    /// Bytes that it may take, about.
    pub fn most(&self) -> usize {
        self.most
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many keys expire.
    pub fn expiring(&self) -> usize {
        self.expiring.len()
    }

    /// The value of a key.
    pub fn get(&self, key: &[u8]) -> Option<&[u8]> {
        self.entries.get(key).map(|entry| entry.value.as_slice())
    }

    /// Whether there is a key.
    pub fn contains(&self, key: &[u8]) -> bool {
        self.entries.contains_key(key)
    }

    /// When a key expires: `None` where there is none, `Some(None)` where it never does.
    pub fn expires(&self, key: &[u8]) -> Option<Option<u64>> {
        self.entries.get(key).map(|entry| entry.expires)
    }

    /// Sets a key to a value that expires at a time, or never.
    ///
    /// # Errors
    /// There is no room; the key is as it was.
    pub fn set(&mut self, key: &[u8], value: Vec<u8>, expires: Option<u64>) -> Result<(), Full> {
        let entry = Entry { value, expires };
        let before = self
            .entries
            .get(key)
            .map_or(0, |before| size(key, &before.value));
        let after = size(key, &entry.value);
        if after > before && self.used - before + after > self.most {
            return Err(Full);
        }
        self.remove(key);
        if expires.is_some_and(|expires| expires <= self.now) {
            // It is gone already.
            return Ok(());
        }
        if let Some(expires) = expires {
            self.expiring.insert((expires, key.to_vec()));
        }
        self.used += after;
        self.entries.insert(key.to_vec(), entry);
        Ok(())
    }

    /// Sets all of some keys to their values, which never expire; of a key that is named twice the last value counts.
    ///
    /// # Errors
    /// There is no room; all keys are as they were.
    pub fn set_all<'a>(
        &mut self,
        pairs: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    ) -> Result<(), Full> {
        let last: BTreeMap<&[u8], &[u8]> = pairs.collect();
        let sizes = last.iter().map(|(key, value)| {
            let before = self.entries.get(*key);
            let before = before.map_or(0, |before| size(key, &before.value));
            (before, size(key, value))
        });
        let (before, after) = sizes.fold((0, 0), |sum, it| (sum.0 + it.0, sum.1 + it.1));
        if after > before && self.used - before + after > self.most {
            return Err(Full);
        }
        for key in last.keys() {
            self.remove(key);
        }
        last.into_iter()
            .try_for_each(|(key, value)| self.set(key, value.to_vec(), None))
    }

    /// Removes a key; its value.
    pub fn remove(&mut self, key: &[u8]) -> Option<Vec<u8>> {
        let entry = self.entries.remove(key)?;
        self.used -= size(key, &entry.value);
        if let Some(expires) = entry.expires {
            self.expiring.remove(&(expires, key.to_vec()));
        }
        Some(entry.value)
    }

    /// Has a key expire at another time, or never; whether there is such a key. Nothing is refused: a time takes less room than a key.
    pub fn set_expiry(&mut self, key: &[u8], expires: Option<u64>) -> bool {
        let Some(value) = self.remove(key) else {
            return false;
        };
        let most = core::mem::replace(&mut self.most, usize::MAX);
        let set = self.set(key, value, expires);
        self.most = most;
        set.is_ok()
    }

    /// Removes all keys.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.expiring.clear();
        self.used = 0;
    }
}
