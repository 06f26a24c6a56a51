//! What hashes, sets and sorted sets have in common: a map by bytes, which is a list while it is small.
//!
//! A small one is in the order in which it was filled, as clients know it from Redis, and its limits are the same.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::mem::replace;

use super::table::{Name, Table};
use crate::hash::Seed;
use crate::random::Random;

/// Fields of a small one at most.
const SMALL: usize = 128;

/// Bytes of each name and value in a small one at most.
const SHORT: usize = 64;

/// Bytes that a field takes beside name and value, about.
pub(crate) const FIELD: usize = 96;

/// What a field holds.
pub(crate) trait Content {
    /// Bytes that it takes beside those, about.
    const BESIDE: usize = 0;

    /// Its bytes.
    fn length(&self) -> usize;
}

impl Content for Vec<u8> {
    const BESIDE: usize = 48;

    fn length(&self) -> usize {
        self.len()
    }
}

impl Content for () {
    fn length(&self) -> usize {
        0
    }
}

impl Content for f64 {
    fn length(&self) -> usize {
        8
    }
}

#[derive(Clone, Debug)]
enum Form<V, K> {
    Small(Vec<(K, V)>),
    Large(Table<V, K>),
}

/// A map by bytes.
#[derive(Clone, Debug)]
pub(crate) struct Fields<V, K = Box<[u8]>> {
    seed: Seed,
    form: Form<V, K>,
    bytes: usize,
}

/// What a look at a part of a map found, and where the next look begins; 0 behind the last part.
pub(crate) struct Part<'a, V, K> {
    pub(crate) next: u64,
    pub(crate) found: Vec<(&'a K, &'a V)>,
}

impl<V: Content, K: Name> Fields<V, K> {
    pub(crate) fn new(seed: Seed) -> Fields<V, K> {
        Fields {
            seed,
            form: Form::Small(Vec::new()),
            bytes: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        match &self.form {
            Form::Small(all) => all.len(),
            Form::Large(table) => table.len(),
        }
    }

    /// Bytes that it takes, about.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn is_small(&self) -> bool {
        matches!(self.form, Form::Small(_))
    }

    fn weight(name: &[u8], value: &V) -> usize {
        name.len() + value.length() + V::BESIDE + FIELD
    }

    pub(crate) fn get(&self, name: &[u8]) -> Option<&V> {
        match &self.form {
            Form::Small(all) => {
                let found = all.iter().find(|(there, _)| **there == *name);
                found.map(|(_, value)| value)
            }
            Form::Large(table) => table.get(name),
        }
    }

    /// Puts a value in the place of a field; what was there before.
    pub(crate) fn insert(&mut self, name: &[u8], value: V) -> Option<V> {
        self.insert_as(name, value, K::from)
    }

    /// The same, with the name as it is to be kept.
    pub(crate) fn insert_as<'a>(
        &mut self,
        name: &'a [u8],
        value: V,
        keep: impl FnOnce(&'a [u8]) -> K,
    ) -> Option<V> {
        self.bytes += Self::weight(name, &value);
        let is_short = name.len() <= SHORT && value.length() <= SHORT;
        let before = match &mut self.form {
            Form::Small(all) => {
                let place = all.iter().position(|(there, _)| **there == *name);
                let fits = is_short && (place.is_some() || all.len() < SMALL);
                match place.and_then(|place| all.get_mut(place)) {
                    Some((_, there)) if fits => Some(replace(there, value)),
                    None if fits => {
                        all.push((keep(name), value));
                        None
                    }
                    _ => {
                        let mut table = Table::new(self.seed);
                        for (name, value) in core::mem::take(all) {
                            table.insert(name, value);
                        }
                        let before = table.insert(keep(name), value);
                        self.form = Form::Large(table);
                        before
                    }
                }
            }
            Form::Large(table) => match table.get_mut(name) {
                Some(there) => Some(replace(there, value)),
                None => table.insert(keep(name), value),
            },
        };
        if let Some(before) = &before {
            self.bytes -= Self::weight(name, before);
        }
        before
    }

    pub(crate) fn remove(&mut self, name: &[u8]) -> Option<(K, V)> {
        let removed = match &mut self.form {
            Form::Small(all) => {
                let place = all.iter().position(|(there, _)| **there == *name)?;
                all.remove(place)
            }
            Form::Large(table) => table.remove(name)?,
        };
        self.bytes -= Self::weight(&removed.0, &removed.1);
        Some(removed)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        let (small, large) = match &self.form {
            Form::Small(all) => (Some(all.iter()), None),
            Form::Large(table) => (None, Some(table.iter())),
        };
        let small = small
            .into_iter()
            .flatten()
            .map(|(name, value)| (name, value));
        small.chain(large.into_iter().flatten())
    }

    /// About so many fields from a cursor on; all of a small one.
    pub(crate) fn scan(&self, cursor: u64, count: usize) -> Part<'_, V, K> {
        let Form::Large(table) = &self.form else {
            let found = self.iter().collect();
            return Part { next: 0, found };
        };
        part(table.from(cursor), count)
    }

    /// A field by chance.
    pub(crate) fn random(&self, random: &mut Random) -> Option<(&K, &V)> {
        match &self.form {
            Form::Small(all) => {
                let field = all.get(random.below(all.len()));
                field.map(|(name, value)| (name, value))
            }
            Form::Large(table) => table.random(random),
        }
    }

    /// So many different fields by chance, or all.
    pub(crate) fn choose(&self, count: usize, random: &mut Random) -> Vec<(&K, &V)> {
        if count >= self.len() {
            return self.iter().collect();
        }
        // Each field is taken with the chance that is left for it, so that it takes one pass and no memory but the answer's.
        let (mut wanted, mut left) = (count, self.len());
        let mut chosen = Vec::with_capacity(count);
        for field in self.iter() {
            if wanted == 0 {
                break;
            }
            if random.below(left) < wanted {
                chosen.push(field);
                wanted -= 1;
            }
            left -= 1;
        }
        chosen
    }
}

/// About so many of some entries, which are in the order of their hashes. Those of one hash come together.
pub(crate) fn part<'a, V, K: Name>(
    entries: impl Iterator<Item = (u64, &'a K, &'a V)>,
    count: usize,
) -> Part<'a, V, K> {
    let mut found = Vec::new();
    let mut last = None;
    for (hash, name, value) in entries {
        if found.len() >= count && last != Some(hash) {
            return Part { next: hash, found };
        }
        found.push((name, value));
        last = Some(hash);
    }
    Part { next: 0, found }
}
