//! What changes the keys of a shard.

use core::cell::Cell;

use super::shard::Shard;
use super::table::Table;
use super::{Entry, Expiry, Kind, NEVER, Value, WrongKind};

/// Whether a string of so many bytes is written where one is that has memory for so many: that is not much longer, or is too short and moves.
pub(super) fn keeps(capacity: usize, length: usize) -> bool {
    capacity / 2 <= length + 32
}

impl Shard {
    /// Sets a key to a string. There has to be room.
    pub(super) fn set_text(&mut self, key: &[u8], text: &[u8], expires: Expiry) {
        let is_past = |at: u64| !self.is_replaying && at <= self.now;
        if let Expiry::At(Some(at)) = expires
            && is_past(at)
        {
            self.remove(key);
            return;
        }
        let command = self.command;
        self.note_changed(key);
        let at = match expires {
            Expiry::Keep => None,
            Expiry::At(at) => Some(at.unwrap_or(NEVER)),
        };
        let Some(entry) = self.keys.get_mut(key) else {
            let entry = Entry {
                value: Value::Text(text.to_vec()),
                expires: at.unwrap_or(NEVER),
                used: Cell::new(command),
            };
            self.add(key, entry);
            return;
        };
        entry.used.set(command);
        let before = entry.value.bytes();
        match &mut entry.value {
            Value::Text(there) if keeps(there.capacity(), text.len()) => {
                there.clear();
                there.reserve_exact(text.len());
                there.extend_from_slice(text);
            }
            value => *value = Value::Text(text.to_vec()),
        }
        self.used = self.used - before + entry.value.bytes();
        let there = entry.expires;
        if let Some(at) = at
            && at != there
        {
            entry.expires = at;
            self.reschedule(key, there, at);
        }
    }

    fn add(&mut self, key: &[u8], entry: Entry) {
        self.used += Self::size(key, &entry.value);
        if entry.expires != NEVER {
            self.expiring.insert((entry.expires, self.keys.hash(key)));
        }
        self.keys.insert(key.into(), entry);
    }

    /// Changes what a key holds. The function tells whether it has changed it. An empty collection goes with its key. `None` where there is no
    /// key. Whoever calls this has made sure that there is room.
    pub(super) fn change<T: Kind, R>(
        &mut self,
        key: &[u8],
        change: impl FnOnce(&mut T) -> (R, bool),
    ) -> Result<Option<R>, WrongKind> {
        let Some(entry) = self.keys.get_mut(key) else {
            return Ok(None);
        };
        entry.used.set(self.command);
        let before = entry.value.bytes();
        let (result, is_changed) = change(T::of_mut(&mut entry.value).ok_or(WrongKind)?);
        self.used = self.used - before + entry.value.bytes();
        let is_empty = entry.value.len() == 0;
        if is_empty {
            self.remove(key);
        } else if is_changed {
            self.note_changed(key);
        }
        Ok(Some(result))
    }

    /// The same, of a key that is made where there is none.
    pub(super) fn change_or_make<T: Kind, R>(
        &mut self,
        key: &[u8],
        change: impl FnOnce(&mut T) -> (R, bool),
    ) -> Result<R, WrongKind> {
        if !self.contains(key) {
            let mut value = T::empty(self.keys.seed());
            let (result, _) = change(&mut value);
            self.put(key, value.into_value(), None);
            return Ok(result);
        }
        let result = self.change(key, change)?;
        result.ok_or(WrongKind)
    }

    /// Puts a value in the place of what a key holds; an empty one takes the key with it. There has to be room.
    pub(super) fn put(&mut self, key: &[u8], value: Value, expires: Option<u64>) {
        let is_there = self.remove(key).is_some();
        if value.len() == 0 {
            return;
        }
        let entry = Entry {
            value,
            expires: expires.unwrap_or(NEVER),
            used: Cell::new(self.command),
        };
        self.add(key, entry);
        if !is_there {
            self.note_changed(key);
        }
    }

    /// Removes a key; what it held, and when it was to expire.
    pub(super) fn remove(&mut self, key: &[u8]) -> Option<(Value, Option<u64>)> {
        let (name, entry) = self.keys.remove(key)?;
        self.used -= Self::size(&name, &entry.value);
        self.note_changed(key);
        if entry.expires == NEVER {
            return Some((entry.value, None));
        }
        self.reschedule(key, entry.expires, NEVER);
        Some((entry.value, Some(entry.expires)))
    }

    /// Removes all keys.
    pub(super) fn clear(&mut self) {
        let keys = &self.keys;
        self.watched.touch_all(|key| keys.get(key).is_some());
        self.keys = Table::new(self.keys.seed());
        self.expiring.clear();
        self.used = 0;
    }
}
