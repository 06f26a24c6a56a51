//! The shards that a command holds.

use alloc::vec::Vec;
use core::hint::spin_loop;
use core::sync::atomic::Ordering;

use spin::mutex::SpinMutexGuard;

use super::changes::Changes;
use super::frozen::Freezing;
use super::set::ShardSet;
use super::shard::Shard;
use super::{Settings, Store};
use crate::random::Random;

/// A shard that is held.
pub(super) type Guard<'s> = SpinMutexGuard<'s, Shard>;

/// Bytes of memory for changes that a shard keeps for the next command.
const KEPT: usize = 4096;

/// Shards of a command, from its beginning to its end. They are taken in the order of their numbers, all of them before the first is
/// used, and let go together: what a command does with several keys is done with all or none for every other one.
#[derive(Debug)]
pub(crate) struct Held<'s> {
    pub(super) store: &'s Store,
    pub(super) shards: Guards<'s>,
    changes: Changes,
    now: u64,
    /// The number of the command.
    command: u64,
    /// It takes what the store was told before: nothing expires and nothing is refused for want of room.
    is_replaying: bool,
    /// There is no room, and what could make some may be in a shard that is not held.
    pub(super) lacks_shards: bool,
}

/// What is held. Most commands have one key.
#[derive(Debug)]
pub(super) enum Guards<'s> {
    None,
    One(usize, Guard<'s>),
    /// By number of the shard.
    Many(Vec<Option<Guard<'s>>>),
}

impl<'s> Guards<'s> {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Guard<'s>> {
        let (one, many) = match self {
            Guards::None => (None, None),
            Guards::One(_, shard) => (Some(shard), None),
            Guards::Many(shards) => (None, Some(shards)),
        };
        one.into_iter().chain(many.into_iter().flatten().flatten())
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Guard<'s>> {
        let (one, many) = match self {
            Guards::None => (None, None),
            Guards::One(_, shard) => (Some(shard), None),
            Guards::Many(shards) => (None, Some(shards)),
        };
        one.into_iter().chain(many.into_iter().flatten().flatten())
    }
}

impl<'s> Held<'s> {
    /// No shard.
    pub(crate) fn none(store: &'s Store) -> Held<'s> {
        Held {
            store,
            shards: Guards::None,
            changes: Changes::default(),
            now: store.now(),
            command: 0,
            is_replaying: false,
            lacks_shards: false,
        }
    }

    /// All shards; waits while the store is frozen.
    pub(super) fn all(store: &'s Store) -> Held<'s> {
        let mut held = Held::none(store);
        while held.hold(store.all_shards()).is_err() {
            spin_loop();
        }
        held
    }

    /// All shards, to take what the store was told before.
    pub(crate) fn replaying(store: &'s Store) -> Held<'s> {
        let mut held = Held::all(store);
        held.is_replaying = true;
        held.changes = Changes::new(false);
        for shard in held.shards.iter_mut() {
            shard.is_replaying = true;
        }
        held
    }

    /// Has what has expired in a shard go, unless somebody holds it.
    pub(super) fn sweep(store: &'s Store, number: usize) {
        let mut held = Held::none(store);
        if let Some(shard) = store.shards.get(number).and_then(|it| it.try_lock()) {
            held.shards = Guards::One(number, shard);
            held.begin();
        }
    }

    /// Takes shards; it holds none before.
    ///
    /// # Errors
    /// The store is frozen. It holds none.
    #[inline]
    pub(crate) fn hold(&mut self, set: ShardSet) -> Result<(), Freezing> {
        self.shards = match (set.len(), set.least()) {
            (1, Some(number)) => Guards::One(number, self.store.lock(number)?),
            (_, None) => Guards::None,
            _ => {
                let numbers = 0..self.store.shards.len();
                let shards = numbers.map(|number| match set.has(number) {
                    true => self.store.lock(number).map(Some),
                    false => Ok(None),
                });
                Guards::Many(shards.collect::<Result<_, _>>()?)
            }
        };
        self.begin();
        Ok(())
    }

    /// Shards are held: it is one time for all of them, and nothing is there that has expired.
    #[inline]
    fn begin(&mut self) {
        self.now = self.store.now();
        self.lacks_shards = false;
        let expires = self.store.began().is_some();
        let is_on = self.store.settings().keeps_changes;
        for shard in self.shards.iter_mut() {
            if is_on && !self.changes.is_on() {
                self.changes = Changes::within(core::mem::take(&mut shard.buffer));
            }
            shard.now = self.now;
            shard.command = self.command as u32;
            if expires {
                shard.expire(&mut self.changes);
            }
        }
    }

    /// A command begins on what is held.
    #[inline]
    pub(crate) fn begin_command(&mut self) {
        self.command = self.store.commands.fetch_add(1, Ordering::Relaxed) + 1;
        let command = self.command;
        for shard in self.shards.iter_mut() {
            shard.command = command as u32;
            shard.counts.commands += 1;
        }
        self.changes.begin();
    }

    /// Lets all shards go. What was changed is told before.
    #[inline]
    pub(crate) fn release(&mut self) {
        if matches!(self.shards, Guards::None) {
            return;
        }
        self.settle_grants();
        let mut bytes = self.changes.finish();
        if !bytes.is_empty() {
            self.tell(&mut bytes);
        }
        let is_replaying = core::mem::take(&mut self.is_replaying);
        if let Some(shard) = self.shards.iter_mut().next()
            && bytes.capacity() <= KEPT
        {
            shard.buffer = bytes;
        }
        if is_replaying {
            for shard in self.shards.iter_mut() {
                shard.is_replaying = false;
            }
        }
        self.shards = Guards::None;
    }

    /// Tells changes to whoever takes them.
    fn tell(&self, bytes: &mut Vec<u8>) {
        let mut pending = self.store.pending.lock();
        if pending.is_empty() {
            core::mem::swap(&mut *pending, bytes);
        } else {
            pending.extend_from_slice(bytes);
        }
        bytes.clear();
    }

    /// Whether all shards are held.
    pub(super) fn is_whole(&self) -> bool {
        match &self.shards {
            Guards::None => false,
            Guards::One(..) => self.store.shards.len() == 1,
            Guards::Many(shards) => shards.iter().all(Option::is_some),
        }
    }

    /// Whether the command has found no room where another one could, that holds all shards: it has not begun then.
    pub(crate) fn lacks_shards(&self) -> bool {
        self.lacks_shards
    }

    /// The store.
    pub(crate) fn store(&self) -> &'s Store {
        self.store
    }

    /// How the store was made.
    pub(crate) fn settings(&self) -> &'s Settings {
        self.store.settings()
    }

    /// What time it is, in milliseconds.
    pub(crate) fn now(&self) -> u64 {
        self.now
    }

    /// Whether it takes what the store was told before.
    pub(crate) fn is_replaying(&self) -> bool {
        self.is_replaying
    }

    /// What the command changes.
    pub(crate) fn changes(&mut self) -> &mut Changes {
        &mut self.changes
    }

    /// Chance, of the first shard that is held.
    pub(crate) fn random(&mut self) -> &mut Random {
        match self.shards.iter_mut().next() {
            Some(shard) => &mut shard.random,
            None => unreachable!("what chance chooses from is held"),
        }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.release();
    }
}

impl Store {
    /// Takes a shard.
    ///
    /// # Errors
    /// Somebody holds all shards while clients wait.
    #[inline]
    fn lock(&self, number: usize) -> Result<Guard<'_>, Freezing> {
        let Some(shard) = self.shards.get(number) else {
            unreachable!("a set has no other shards");
        };
        loop {
            if let Some(shard) = shard.try_lock() {
                return Ok(shard);
            }
            if self.is_frozen.load(Ordering::Acquire) {
                return Err(Freezing);
            }
            spin_loop();
        }
    }
}
