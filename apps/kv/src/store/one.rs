//! What a command does with a key, of whatever shard it is.

use alloc::collections::BTreeMap;

use super::held::{Guards, Held};
use super::shard::Shard;
use super::write::keeps;
use super::{Expiry, Full, Kind, OVERHEAD, Text, Value, WrongKind};
use crate::hash::Seed;

impl Held<'_> {
    /// The shard of a key, which is held.
    #[inline]
    fn at(&self, key: &[u8]) -> &Shard {
        let held = match &self.shards {
            Guards::None => None,
            Guards::One(number, shard) => {
                debug_assert_eq!(*number, self.store.shard_of(key), "another shard is held");
                Some(shard)
            }
            Guards::Many(shards) => shards
                .get(self.store.shard_of(key))
                .and_then(Option::as_ref),
        };
        match held {
            Some(shard) => shard,
            None => unreachable!("a command holds the shards of its keys"),
        }
    }

    /// The same, to change it.
    #[inline]
    fn at_mut(&mut self, key: &[u8]) -> &mut Shard {
        let held = match &mut self.shards {
            Guards::None => None,
            Guards::One(number, shard) => {
                debug_assert_eq!(*number, self.store.shard_of(key), "another shard is held");
                Some(shard)
            }
            Guards::Many(shards) => {
                let shard = shards.get_mut(self.store.shard_of(key));
                shard.and_then(Option::as_mut)
            }
        };
        match held {
            Some(shard) => shard,
            None => unreachable!("a command holds the shards of its keys"),
        }
    }

    /// What new tables of elements begin with: the same in all shards.
    pub(crate) fn seed(&self) -> Seed {
        match self.shards.iter().next() {
            Some(shard) => shard.keys.seed(),
            None => unreachable!("who makes a value holds the shard of its key"),
        }
    }

    /// What a key holds.
    pub(crate) fn value(&self, key: &[u8]) -> Option<&Value> {
        self.at(key).value(key)
    }

    /// Whether there is a key.
    pub(crate) fn contains(&self, key: &[u8]) -> bool {
        self.at(key).contains(key)
    }

    /// What a key holds, which has to be of a kind.
    pub(crate) fn read<T: Kind>(&self, key: &[u8]) -> Result<Option<&T>, WrongKind> {
        self.at(key).read(key)
    }

    /// Bytes that a key takes, about.
    pub(crate) fn size_of(&self, key: &[u8]) -> Option<usize> {
        self.at(key).size_of(key)
    }

    /// When a key expires: `None` where there is none, `Some(None)` where it never does.
    pub(crate) fn expires(&self, key: &[u8]) -> Option<Option<u64>> {
        self.at(key).expires(key)
    }

    /// Has a key expire at another time, or never; whether there is such a key. A time that is past removes it.
    pub(crate) fn set_expiry(&mut self, key: &[u8], expires: Option<u64>) -> bool {
        self.at_mut(key).set_expiry(key, expires)
    }

    /// Changes what a key holds. The function tells whether it has changed it. An empty collection goes with its key. `None` where there is no
    /// key. Whoever calls this has made sure that there is room.
    pub(crate) fn change<T: Kind, R>(
        &mut self,
        key: &[u8],
        change: impl FnOnce(&mut T) -> (R, bool),
    ) -> Result<Option<R>, WrongKind> {
        self.at_mut(key).change(key, change)
    }

    /// The same, of a key that is made where there is none.
    pub(crate) fn change_or_make<T: Kind, R>(
        &mut self,
        key: &[u8],
        change: impl FnOnce(&mut T) -> (R, bool),
    ) -> Result<R, WrongKind> {
        self.at_mut(key).change_or_make(key, change)
    }

    /// Puts a value in the place of what a key holds; an empty one takes the key with it. There has to be room.
    pub(crate) fn put(&mut self, key: &[u8], value: Value, expires: Option<u64>) {
        self.at_mut(key).put(key, value, expires);
    }

    /// Removes a key; what it held, and when it was to expire.
    pub(crate) fn remove(&mut self, key: &[u8]) -> Option<(Value, Option<u64>)> {
        self.at_mut(key).remove(key)
    }

    /// Sets a key to a string.
    ///
    /// # Errors
    /// There is no room; the key is as it was.
    pub(crate) fn set_text(
        &mut self,
        key: &[u8],
        text: &[u8],
        expires: Expiry,
    ) -> Result<(), Full> {
        let most = key.len() + text.len() + OVERHEAD;
        if self.lacks(most) {
            self.fit(Some(key), |held| {
                most.saturating_sub(held.size_of(key).unwrap_or(0))
            })?;
        }
        self.at_mut(key).set_text(key, text, expires);
        Ok(())
    }

    /// Sets all of some keys to strings, which never expire; of a key that is named twice the last one counts.
    ///
    /// # Errors
    /// There is no room; all keys are as they were.
    pub(crate) fn set_texts(&mut self, pairs: &[[&[u8]; 2]]) -> Result<(), Full> {
        let sizes = pairs
            .iter()
            .map(|[key, text]| key.len() + text.len() + OVERHEAD);
        let most: usize = sizes.sum();
        if self.lacks(most) && !self.fits_in_place(pairs) {
            self.reserve(most)?;
        }
        for [key, text] in pairs {
            self.at_mut(key).set_text(key, text, Expiry::At(None));
        }
        Ok(())
    }

    /// Whether some keys may be set where what they held goes.
    fn fits_in_place(&mut self, pairs: &[[&[u8]; 2]]) -> bool {
        // Of each key what it takes, and the memory of its string, now and behind the pairs so far.
        let mut keys: BTreeMap<&[u8], (usize, Option<usize>)> = BTreeMap::new();
        for [key, text] in pairs {
            let (_, capacity) = keys.entry(key).or_insert_with(|| {
                let there = self.read::<Text>(key).ok().flatten();
                let capacity = there.map(Text::capacity);
                (self.size_of(key).unwrap_or(0), capacity)
            });
            let kept = capacity.filter(|capacity| keeps(*capacity, text.len()));
            *capacity = Some(kept.unwrap_or(0).max(text.len()));
        }
        let sizes = keys.iter().map(|(key, (before, capacity))| {
            let after = key.len() + capacity.unwrap_or(0) + OVERHEAD;
            (*before, after)
        });
        let (before, after) = sizes.fold((0, 0), |sum, it| (sum.0 + it.0, sum.1 + it.1));
        !self.lacks_instead(before, after)
    }

    /// Somebody watches a key from now on; how often it was changed so far.
    pub(crate) fn watch(&mut self, key: &[u8]) -> u64 {
        self.at_mut(key).watched.add(key)
    }

    /// Somebody does not watch a key any more.
    pub(crate) fn unwatch(&mut self, key: &[u8]) {
        self.at_mut(key).watched.remove(key);
    }

    /// How often a key was changed that is watched.
    pub(crate) fn watched_changes(&self, key: &[u8]) -> Option<u64> {
        self.at(key).watched.changes(key)
    }
}
