//! Keys that clients watch, and how often they were changed.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;

/// A key that is watched.
#[derive(Debug)]
struct Watch {
    watchers: usize,
    changes: u64,
}

/// Keys that are watched.
#[derive(Debug, Default)]
pub(crate) struct Watched {
    keys: BTreeMap<Box<[u8]>, Watch>,
}

impl Watched {
    /// Somebody watches a key from now on; how often it was changed so far.
    pub(crate) fn add(&mut self, key: &[u8]) -> u64 {
        let watch = self.keys.entry(key.into()).or_insert(Watch {
            watchers: 0,
            changes: 0,
        });
        watch.watchers += 1;
        watch.changes
    }

    /// Somebody does not watch a key any more.
    pub(crate) fn remove(&mut self, key: &[u8]) {
        if let Some(watch) = self.keys.get_mut(key) {
            watch.watchers -= 1;
            if watch.watchers == 0 {
                self.keys.remove(key);
            }
        }
    }

    /// How often a key was changed.
    pub(crate) fn changes(&self, key: &[u8]) -> Option<u64> {
        self.keys.get(key).map(|watch| watch.changes)
    }

    /// A key was changed.
    pub(crate) fn touch(&mut self, key: &[u8]) {
        if !self.keys.is_empty()
            && let Some(watch) = self.keys.get_mut(key)
        {
            watch.changes += 1;
        }
    }

    /// Of all keys that are watched, those of which this is so were changed.
    pub(crate) fn touch_all(&mut self, is_changed: impl Fn(&[u8]) -> bool) {
        for (key, watch) in &mut self.keys {
            watch.changes += u64::from(is_changed(key));
        }
    }
}
