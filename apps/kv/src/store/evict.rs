//! Which key goes when there is no room.

use alloc::boxed::Box;

use super::held::Held;
use super::shard::Shard;
use super::{Entry, NEVER, Policy};

/// Keys of which the one goes that was not used for longest.
const SAMPLES: usize = 8;

/// Keys that are looked at to find such that expire.
const LOOKED_AT: usize = 64;

/// A key with its value.
type Found<'a> = (&'a [u8], &'a Entry);

/// When a key expires, and its hash, before it.
type Next<'a> = ((u64, u64), &'a [u8]);

impl Held<'_> {
    /// Removes a key, of any shard; whether there was one that may go.
    pub(super) fn evict(&mut self, spared: Option<&[u8]>) -> bool {
        let Some(key) = self.victim(spared) else {
            return false;
        };
        self.remove(&key);
        if let Some(shard) = self.shards.iter_mut().next() {
            shard.counts.evicted += 1;
        }
        let words: [&[u8]; 2] = [b"DEL", &key];
        self.changes().note(words.into_iter());
        true
    }

    fn victim(&mut self, spared: Option<&[u8]>) -> Option<Box<[u8]>> {
        let policy = self.store.policy();
        let skipped = self.random().below(SAMPLES);
        let place = self.random().next();
        let now = self.shards.iter().next()?.command;
        let age = |(_, entry): &Found<'_>| now.wrapping_sub(entry.used.get());
        let expires = |(_, entry): &Found<'_>| entry.expires != NEVER;
        let may_go = |(key, _): &Found<'_>| spared != Some(*key);
        let keys = self.anywhere(place);
        let keys = keys.map(|(key, entry)| (&**key, entry));
        let mut keys = keys.filter(may_go);
        let volatile = |keys| Iterator::take(keys, LOOKED_AT).filter(expires);
        let found = match policy {
            Policy::NoEviction => return None,
            Policy::AllRandom => keys.take(skipped + 1).last(),
            Policy::AllLru => keys.take(SAMPLES).max_by_key(age),
            Policy::VolatileRandom => volatile(&mut keys).take(skipped + 1).last(),
            Policy::VolatileLru => volatile(&mut keys).take(SAMPLES).max_by_key(age),
            Policy::VolatileTtl => None,
        };
        let is_volatile = !matches!(policy, Policy::AllRandom | Policy::AllLru);
        match found {
            None if is_volatile => {
                let next = self.shards.iter().filter_map(|shard| shard.next(spared));
                next.min().map(|(_, key)| key.into())
            }
            found => found.map(|(key, _)| key.into()),
        }
    }
}

impl Shard {
    /// The key that expires next, but for one that is spared.
    fn next(&self, spared: Option<&[u8]>) -> Option<Next<'_>> {
        self.expiring.iter().find_map(|(at, hash)| {
            let mut keys = self.keys.at(*hash);
            let found = keys.find(|(key, entry)| spared != Some(key) && entry.expires == *at);
            found.map(|(key, _)| ((*at, *hash), &**key))
        })
    }
}
