//! A map by bytes in the order of their hashes.
//!
//! That order makes a hash a cursor that needs no state: whatever is added, removed or grows between two looks, what is there all the
//! time is behind the cursor until it is told.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::collections::btree_map::Entry;
use alloc::vec::Vec;
use core::mem::replace;
use core::ops::Deref;

use crate::hash::Seed;
use crate::random::Random;

/// How a table keeps the bytes of a key.
pub(crate) trait Name: Deref<Target = [u8]> + for<'a> From<&'a [u8]> {}

impl<K: Deref<Target = [u8]> + for<'a> From<&'a [u8]>> Name for K {}

/// All keys of one hash.
#[derive(Clone, Debug)]
enum Slot<V, K> {
    One(K, V),
    /// Keys that have one hash, which is next to impossible, in any order.
    Many(Vec<(K, V)>),
}

/// A map by bytes.
#[derive(Clone, Debug)]
pub(crate) struct Table<V, K = Box<[u8]>> {
    seed: Seed,
    slots: BTreeMap<u64, Slot<V, K>>,
    length: usize,
}

/// Of how many keys behind a place by chance one is chosen by chance, so that a key behind a large gap is not chosen much more often.
pub(super) const WINDOW: usize = 16;

impl<V, K: Name> Table<V, K> {
    pub(crate) fn new(seed: Seed) -> Table<V, K> {
        Table {
            seed,
            slots: BTreeMap::new(),
            length: 0,
        }
    }

    pub(crate) fn seed(&self) -> Seed {
        self.seed
    }

    pub(crate) fn len(&self) -> usize {
        self.length
    }

    pub(crate) fn hash(&self, key: &[u8]) -> u64 {
        self.seed.hash(key)
    }

    pub(crate) fn get(&self, key: &[u8]) -> Option<&V> {
        match self.slots.get(&self.hash(key))? {
            Slot::One(name, value) => (**name == *key).then_some(value),
            Slot::Many(all) => {
                let found = all.iter().find(|(name, _)| **name == *key);
                found.map(|(_, value)| value)
            }
        }
    }

    pub(crate) fn get_mut(&mut self, key: &[u8]) -> Option<&mut V> {
        match self.slots.get_mut(&self.seed.hash(key))? {
            Slot::One(name, value) => (**name == *key).then_some(value),
            Slot::Many(all) => {
                let found = all.iter_mut().find(|(name, _)| **name == *key);
                found.map(|(_, value)| value)
            }
        }
    }

    /// Puts a value in the place of a key; what was there before.
    pub(crate) fn insert(&mut self, name: K, value: V) -> Option<V> {
        let hash = self.seed.hash(&name);
        let slot = match self.slots.entry(hash) {
            Entry::Vacant(place) => {
                place.insert(Slot::One(name, value));
                self.length += 1;
                return None;
            }
            Entry::Occupied(slot) => slot.into_mut(),
        };
        match slot {
            Slot::One(there, before) if **there == *name => return Some(replace(before, value)),
            Slot::Many(all) => match all.iter_mut().find(|(there, _)| **there == *name) {
                Some((_, before)) => return Some(replace(before, value)),
                None => all.push((name, value)),
            },
            Slot::One(..) => {
                if let Slot::One(other, before) = replace(slot, Slot::Many(Vec::new())) {
                    *slot = Slot::Many(Vec::from([(other, before), (name, value)]));
                }
            }
        }
        self.length += 1;
        None
    }

    pub(crate) fn remove(&mut self, key: &[u8]) -> Option<(K, V)> {
        let Entry::Occupied(mut slot) = self.slots.entry(self.seed.hash(key)) else {
            return None;
        };
        let removed = match slot.get_mut() {
            Slot::One(name, _) if **name != *key => return None,
            Slot::One(..) => match slot.remove() {
                Slot::One(name, value) => (name, value),
                Slot::Many(_) => return None,
            },
            Slot::Many(all) => {
                let place = all.iter().position(|(name, _)| **name == *key)?;
                let removed = all.swap_remove(place);
                if all.is_empty() {
                    slot.remove();
                }
                removed
            }
        };
        self.length -= 1;
        Some(removed)
    }

    /// All keys from a hash on.
    pub(crate) fn from(&self, hash: u64) -> impl Iterator<Item = (u64, &K, &V)> {
        let slots = self.slots.range(hash..);
        slots.flat_map(|(hash, slot)| {
            let (one, many) = match slot {
                Slot::One(name, value) => (Some((name, value)), None),
                Slot::Many(all) => (None, Some(all)),
            };
            let many = many
                .into_iter()
                .flatten()
                .map(|(name, value)| (name, value));
            one.into_iter()
                .chain(many)
                .map(|(name, value)| (*hash, name, value))
        })
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.from(0).map(|(_, name, value)| (name, value))
    }

    /// All keys of one hash.
    pub(crate) fn at(&self, hash: u64) -> impl Iterator<Item = (&K, &V)> {
        let keys = self.from(hash).take_while(move |(at, ..)| *at == hash);
        keys.map(|(_, name, value)| (name, value))
    }

    /// Keys behind a place, which is any number, and, behind the last one, from the first one on.
    pub(crate) fn anywhere(&self, place: u64) -> impl Iterator<Item = (&K, &V)> {
        let start = place >> 1;
        let behind = self.from(start).chain(self.from(0));
        behind
            .take(self.length)
            .map(|(_, name, value)| (name, value))
    }

    /// A key by chance.
    pub(crate) fn random(&self, random: &mut Random) -> Option<(&K, &V)> {
        let skipped = random.below(WINDOW.min(self.length));
        self.anywhere(random.next()).nth(skipped)
    }
}
