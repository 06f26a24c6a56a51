//! Room: the memory that shards have of the store's, and what a command is told that wants more.
//!
//! The limit is that of the whole store. Each shard has been *granted* a part of it, which is never less than what it uses, and the sum of
//! these parts is kept beside the shards. So a command that holds some of them knows what they may use without a look at the others, takes
//! more for them where the sum allows that, and otherwise finds out nothing: what is granted to others may not be used, and what they use
//! could make room. Then it is run again and holds all shards. Who holds all looks at what is used alone.

use core::sync::atomic::Ordering;

use super::held::{Guards, Held};
use super::{Full, Store};

/// Bytes that a shard takes at once, at most.
const MOST_AT_ONCE: usize = 64 << 10;

/// Of its part of the memory, a shard takes one of so many parts at once.
const PARTS: usize = 16;

impl Held<'_> {
    /// Whether there is not room for so many bytes more.
    #[inline]
    pub(super) fn lacks(&mut self, bytes: usize) -> bool {
        let used = self.used();
        if self.is_whole() {
            return used.saturating_add(bytes) > self.store.most();
        }
        if self.store.granted.load(Ordering::Relaxed) > self.store.most() {
            // A client has allowed less than there was.
            return true;
        }
        let granted: usize = self.shards.iter().map(|shard| shard.granted).sum();
        match used.saturating_add(bytes).checked_sub(granted) {
            None | Some(0) => false,
            Some(missing) => !self.grow(missing),
        }
    }

    /// Whether there is not room for so many bytes instead of others.
    pub(super) fn lacks_instead(&mut self, before: usize, after: usize) -> bool {
        match self.is_whole() {
            true => self.used().saturating_add(after) > self.store.most().saturating_add(before),
            false => self.lacks(after.saturating_sub(before)),
        }
    }

    /// Takes so many bytes for what is held; whether the store has them.
    fn grow(&mut self, missing: usize) -> bool {
        let at_once = missing.max(self.store.at_once());
        let taken = [at_once, missing]
            .into_iter()
            .find(|bytes| self.store.grant(*bytes));
        match (taken, self.shards.iter_mut().next()) {
            (Some(bytes), Some(shard)) => {
                shard.granted += bytes;
                true
            }
            _ => false,
        }
    }

    /// Makes room for so many bytes more.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn reserve(&mut self, bytes: usize) -> Result<(), Full> {
        match self.lacks(bytes) {
            false => Ok(()),
            true => self.fit(None, |_| bytes),
        }
    }

    /// Makes room for so many bytes more that a key is to have, which itself stays.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn reserve_for(&mut self, key: &[u8], bytes: usize) -> Result<(), Full> {
        match self.lacks(bytes) {
            false => Ok(()),
            true => self.fit(Some(key), |_| bytes),
        }
    }

    /// Makes room for bytes whose number may change with each key that goes; one key may be spared.
    pub(super) fn fit(
        &mut self,
        spared: Option<&[u8]>,
        bytes: impl Fn(&Held<'_>) -> usize,
    ) -> Result<(), Full> {
        while !self.is_replaying() {
            let bytes = bytes(self);
            if !self.lacks(bytes) {
                break;
            }
            if !self.is_whole() {
                self.lacks_shards = true;
                return Err(Full);
            }
            // What cannot fit at all must not take everything with it.
            if bytes > self.store.most() || !self.evict(spared) {
                return Err(Full);
            }
        }
        Ok(())
    }

    /// What is held goes: each shard has what it uses, and some more.
    #[inline]
    pub(super) fn settle_grants(&mut self) {
        if self.store.shards.len() == 1 {
            return;
        }
        if let Guards::One(_, shard) = &self.shards
            && let Some(spare) = shard.granted.checked_sub(shard.used)
            && spare <= 2 * self.store.at_once()
        {
            return;
        }
        // What one of them was granted another one may have used: so the sum changes once, and at no time is too little of it taken.
        let used = self.used();
        let granted = self.shards.iter().map(|shard| shard.granted).sum();
        self.store.exchange(granted, used);
        for shard in self.shards.iter_mut() {
            shard.granted = shard.used;
        }
    }
}

impl Store {
    /// Bytes that a shard takes at once.
    fn at_once(&self) -> usize {
        (self.most() / (self.shards.len() * PARTS)).min(MOST_AT_ONCE)
    }

    /// Grants so many bytes, if there are.
    fn grant(&self, bytes: usize) -> bool {
        let most = self.most();
        let grown = |granted: usize| granted.checked_add(bytes).filter(|it| *it <= most);
        let order = Ordering::Relaxed;
        self.granted.fetch_update(order, order, grown).is_ok()
    }

    /// Has so many bytes that are granted become so many.
    fn exchange(&self, before: usize, after: usize) {
        match after.checked_sub(before) {
            Some(more) => self.granted.fetch_add(more, Ordering::Relaxed),
            None => self.granted.fetch_sub(before - after, Ordering::Relaxed),
        };
    }
}
