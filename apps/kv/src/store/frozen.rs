//! All shards, held while clients wait.

use alloc::vec::Vec;
use core::sync::atomic::Ordering;

use super::Store;
use super::held::Held;

/// The store is frozen: whoever wants a shard has to wait for the one who holds all, and must not spin meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freezing;

/// All shards, as they are at one moment. While there is one, every command ends with [`crate::session::Outcome::Waits`] before it has
/// begun. So, other than a lock, it may be held over calls that wait. Whoever makes one sees to it that no other one is there, and that
/// clients are woken afterwards.
#[derive(Debug)]
pub struct Frozen<'s> {
    held: Held<'s>,
}

impl Store {
    /// Freezes the store. Waits, and not for long, until commands that run are over.
    pub fn freeze(&self) -> Frozen<'_> {
        let held = Held::all(self);
        self.is_frozen.store(true, Ordering::Release);
        Frozen { held }
    }

    /// Freezes the store, and [takes](Store::take_changes) what was changed until then: with the changes that are taken later, a snapshot of
    /// the frozen store makes what is stored.
    pub fn freeze_and_take_changes(&self) -> (Frozen<'_>, Vec<u8>) {
        let early = cfg!(feature = "planted-early-changes").then(|| self.take_changes());
        let frozen = self.freeze();
        // Not before: what another client changes meanwhile would be in the snapshot, and once more in the changes that are taken later.
        let changes = early.unwrap_or_else(|| self.take_changes());
        (frozen, changes)
    }
}

impl<'s> Frozen<'s> {
    pub(crate) fn held(&self) -> &Held<'s> {
        &self.held
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Drop for Frozen<'_> {
    fn drop(&mut self) {
        let store = self.held.store();
        store.is_frozen.store(false, Ordering::Release);
        self.held.release();
    }
}
