//! What is done with all keys, by who holds all shards.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::sync::atomic::Ordering;

use super::fields;
use super::held::Held;
use super::merged::Merged;
use super::shard::Counts;
use super::table::WINDOW;
use super::{Entry, NEVER, Value};
use crate::random::Random;

impl Held<'_> {
    /// Bytes that they take, about.
    pub(crate) fn used(&self) -> usize {
        self.shards.iter().map(|shard| shard.used).sum()
    }

    /// How many keys there are.
    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.keys.len()).sum()
    }

    /// How many keys expire, about.
    pub(crate) fn expiring(&self) -> usize {
        self.shards.iter().map(|shard| shard.expiring.len()).sum()
    }

    /// How often something was changed.
    #[inline]
    pub(crate) fn times_changed(&self) -> u64 {
        self.shards.iter().map(|shard| shard.times_changed).sum()
    }

    /// All keys from a hash on, in the order of their hashes, whatever shard they are in. So a cursor means the same for any number of
    /// shards.
    pub(super) fn from(&self, hash: u64) -> impl Iterator<Item = (u64, &Box<[u8]>, &Entry)> {
        Merged::new(self.shards.iter().map(move |shard| shard.keys.from(hash)))
    }

    /// Keys behind a place, which is any number, and, behind the last one, from the first one on.
    pub(super) fn anywhere(&self, place: u64) -> impl Iterator<Item = (&Box<[u8]>, &Entry)> {
        let behind = self.from(place >> 1).chain(self.from(0));
        let keys = behind.take(self.len());
        keys.map(|(_, name, entry)| (name, entry))
    }

    /// About so many keys from a cursor on.
    pub(crate) fn scan(&self, cursor: u64, count: usize) -> (u64, Vec<(&[u8], &Value)>) {
        let part = fields::part(self.from(cursor), count);
        let found = part.found.into_iter();
        let found = found.map(|(key, entry)| (&**key, &entry.value));
        (part.next, found.collect())
    }

    /// All keys, what they hold and when they expire, in the order of their cursors.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&[u8], &Value, Option<u64>)> {
        self.from(0).map(|(_, key, entry)| {
            let expires = (entry.expires != NEVER).then_some(entry.expires);
            (&**key, &entry.value, expires)
        })
    }

    /// A key by chance.
    pub(crate) fn random_key(&mut self) -> Option<Box<[u8]>> {
        let count = self.len();
        let random: &mut Random = self.random();
        let skipped = random.below(WINDOW.min(count));
        let place = random.next();
        let found = self.anywhere(place).nth(skipped);
        found.map(|(key, _)| key.clone())
    }

    /// Removes all keys.
    pub(crate) fn clear(&mut self) {
        for shard in self.shards.iter_mut() {
            shard.clear();
        }
        if let Some(first) = self.shards.iter_mut().next() {
            first.times_changed += 1;
        }
    }

    /// What was counted, and how many commands there were.
    pub(crate) fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for shard in self.shards.iter() {
            counts.expired += shard.counts.expired;
            counts.evicted += shard.counts.evicted;
        }
        let forgotten = self.store.forgotten.load(Ordering::Relaxed);
        let commands = self.store.commands.load(Ordering::Relaxed);
        counts.commands = commands.saturating_sub(forgotten);
        counts
    }

    /// Counts from 0 on again.
    pub(crate) fn forget_counts(&mut self) {
        let commands = self.store.commands.load(Ordering::Relaxed);
        self.store.forgotten.store(commands, Ordering::Relaxed);
        for shard in self.shards.iter_mut() {
            shard.counts = Counts::default();
        }
    }

    /// Of each shard how many keys it has, and how many commands have held it.
    pub(crate) fn of_shards(&self) -> impl Iterator<Item = (usize, u64)> {
        let shards = self.shards.iter();
        shards.map(|shard| (shard.keys.len(), shard.counts.commands))
    }
}
