//! Room: what is done when there is none.

use alloc::boxed::Box;

use super::{Entry, Full, NEVER, Policy, Store};

/// Keys of which the one goes that was not used for longest.
const SAMPLES: usize = 8;

/// Keys that are looked at to find such that expire.
const LOOKED_AT: usize = 64;

/// A key with its value.
type Found<'a> = (&'a [u8], &'a Entry);

impl Store {
    /// What it does when it is full.
    pub fn policy(&self) -> Policy {
        self.policy
    }

    /// Says what it is to do when it is full.
    pub fn set_policy(&mut self, policy: Policy) {
        self.policy = policy;
    }

    /// Says how many bytes it may take; not more than it was made for.
    pub fn set_most(&mut self, most: usize) {
        self.most = most.min(self.settings.memory);
    }

    /// Makes room for so many bytes more.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn reserve(&mut self, bytes: usize) -> Result<(), Full> {
        if self.used.saturating_add(bytes) <= self.most {
            return Ok(());
        }
        self.fit(None, |_| bytes)
    }

    /// Makes room for so many bytes more that a key is to have, which itself stays.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn reserve_for(&mut self, key: &[u8], bytes: usize) -> Result<(), Full> {
        if self.used.saturating_add(bytes) <= self.most {
            return Ok(());
        }
        self.fit(Some(key), |_| bytes)
    }

    /// Makes room for bytes whose number may change with each key that goes; one key may be spared.
    pub(super) fn fit(
        &mut self,
        spared: Option<&[u8]>,
        bytes: impl Fn(&Store) -> usize,
    ) -> Result<(), Full> {
        while !self.is_replaying {
            let bytes = bytes(self);
            if self.used.saturating_add(bytes) <= self.most {
                break;
            }
            // What cannot fit at all must not take everything with it.
            if bytes > self.most || !self.evict(spared) {
                return Err(Full);
            }
        }
        Ok(())
    }

    /// Removes a key; whether there was one that may go.
    fn evict(&mut self, spared: Option<&[u8]>) -> bool {
        let Some(key) = self.victim(spared) else {
            return false;
        };
        self.remove(&key);
        self.counts.evicted += 1;
        let words: [&[u8]; 2] = [b"DEL", &key];
        self.changes.note(words.into_iter());
        true
    }

    fn victim(&mut self, spared: Option<&[u8]>) -> Option<Box<[u8]>> {
        let now = self.counts.commands as u32;
        let age = |(_, entry): &Found<'_>| now.wrapping_sub(entry.used.get());
        let expires = |(_, entry): &Found<'_>| entry.expires != NEVER;
        let may_go = |(key, _): &Found<'_>| spared != Some(*key);
        let skipped = self.random.below(SAMPLES);
        let keys = self.keys.anywhere(self.random.next());
        let keys = keys.map(|(key, entry)| (&**key, entry));
        let mut keys = keys.filter(may_go);
        let volatile = |keys| Iterator::take(keys, LOOKED_AT).filter(expires);
        let found = match self.policy {
            Policy::NoEviction => return None,
            Policy::AllRandom => keys.take(skipped + 1).last(),
            Policy::AllLru => keys.take(SAMPLES).max_by_key(age),
            Policy::VolatileRandom => volatile(&mut keys).take(skipped + 1).last(),
            Policy::VolatileLru => volatile(&mut keys).take(SAMPLES).max_by_key(age),
            Policy::VolatileTtl => None,
        };
        let is_volatile = !matches!(self.policy, Policy::AllRandom | Policy::AllLru);
        let next = || {
            let mut hashes = self.expiring.iter().map(|(at, hash)| (*at, *hash));
            hashes.find_map(|(at, hash)| {
                let keys = self.keys.at(hash);
                let keys = keys.map(|(key, entry)| (&**key, entry));
                let mut keys = keys.filter(may_go);
                keys.find(|(_, entry)| entry.expires == at)
            })
        };
        let found = match found {
            None if is_volatile => next(),
            found => found,
        };
        found.map(|(key, _)| key.into())
    }
}
