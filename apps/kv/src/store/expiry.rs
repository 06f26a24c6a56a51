//! Time, and what it removes.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::NEVER;
use super::changes::Changes;
use super::shard::Shard;

impl Shard {
    /// Removes what has expired.
    pub(super) fn expire(&mut self, changes: &mut Changes) {
        while let Some((expires, hash)) = self.expiring.first().copied()
            && expires <= self.now
        {
            self.expiring.pop_first();
            let expired = self.keys.at(hash);
            let expired = expired.filter(|(_, entry)| entry.expires <= self.now);
            let expired: Vec<Box<[u8]>> = expired.map(|(key, _)| key.clone()).collect();
            for key in expired {
                self.remove(&key);
                self.counts.expired += 1;
                let words: [&[u8]; 2] = [b"DEL", &key];
                changes.note(words.into_iter());
            }
        }
    }

    /// Has a key expire at another time, or never; whether there is such a key. A time that is past removes it.
    pub(super) fn set_expiry(&mut self, key: &[u8], expires: Option<u64>) -> bool {
        if !self.is_replaying && expires.is_some_and(|at| at <= self.now) {
            return self.remove(key).is_some();
        }
        let Some(entry) = self.keys.get_mut(key) else {
            return false;
        };
        let expires = expires.unwrap_or(NEVER);
        let before = core::mem::replace(&mut entry.expires, expires);
        self.reschedule(key, before, expires);
        self.note_changed(key);
        true
    }

    /// A key that was to expire at one time expires at another one.
    pub(super) fn reschedule(&mut self, key: &[u8], before: u64, after: u64) {
        let hash = self.keys.hash(key);
        if before != NEVER {
            // Another key of the same hash may expire at the same time.
            let mut others = self.keys.at(hash);
            if !others.any(|(other, entry)| **other != *key && entry.expires == before) {
                self.expiring.remove(&(before, hash));
            }
        }
        if after != NEVER {
            self.expiring.insert((after, hash));
        }
    }
}
