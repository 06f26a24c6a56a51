//! All keys, and what reads them.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::changes::Changes;
use super::table::Table;
use super::watched::Watched;
use super::{Counts, Entry, Kind, NEVER, OVERHEAD, Policy, Settings, Value, WrongKind, fields};
use crate::hash::Seed;
use crate::random::Random;

/// All keys. What has expired is not there.
#[derive(Debug)]
pub struct Store {
    pub(super) keys: Table<Entry>,
    /// The hashes of keys that expire, the next one first.
    pub(super) expiring: BTreeSet<(u64, u64)>,
    pub(super) used: usize,
    /// Bytes that it may take by what a client has set.
    pub(super) most: usize,
    pub(super) policy: Policy,
    pub(super) settings: Settings,
    pub(super) now: u64,
    pub(super) began: Option<u64>,
    pub(super) random: Random,
    pub(super) watched: Watched,
    pub(super) changes: Changes,
    /// How often something was changed.
    pub(super) times_changed: u64,
    pub(super) counts: Counts,
    pub(super) sync_word: &'static str,
    /// It takes what it was told before: nothing expires and nothing is refused for want of room.
    pub(super) is_replaying: bool,
}

impl Store {
    /// A store for about so many bytes, without a calendar, whose changes nobody wants.
    pub fn new(memory: usize) -> Store {
        Store::with(Settings {
            memory,
            ..Settings::default()
        })
    }

    /// A store.
    pub fn with(settings: Settings) -> Store {
        let seed = Seed::new(settings.seed);
        Store {
            keys: Table::new(seed),
            expiring: BTreeSet::new(),
            used: 0,
            most: settings.memory,
            policy: Policy::default(),
            now: 0,
            began: None,
            random: Random::new(seed.hash(b"chance")),
            watched: Watched::default(),
            changes: Changes::new(settings.keeps_changes),
            times_changed: 0,
            counts: Counts::default(),
            sync_word: "everysec",
            is_replaying: false,
            settings,
        }
    }

    /// How it was made.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Bytes that it takes, about.
    pub fn used(&self) -> usize {
        self.used
    }

    /// Bytes that it may take, about.
    pub fn most(&self) -> usize {
        self.most
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.keys.len() == 0
    }

    /// Takes what was changed since this was done last: commands as clients send them, which change the same again. They belong together:
    /// what applies some of them has to apply all. Empty where nothing was changed, or where the settings say that nobody wants changes.
    pub fn take_changes(&mut self) -> Vec<u8> {
        self.changes.take()
    }

    /// How many bytes of changes there are to be taken.
    pub fn changes_len(&self) -> usize {
        self.changes.len()
    }

    pub(crate) fn changes(&mut self) -> &mut Changes {
        &mut self.changes
    }

    pub(crate) fn counts(&mut self) -> &mut Counts {
        &mut self.counts
    }

    pub(crate) fn counted(&self) -> Counts {
        self.counts
    }

    /// Takes on what clients have set of another store: its memory, what it does when it is full, and when changes are on stable storage.
    pub fn take_parameters(&mut self, from: &Store) {
        (self.most, self.policy, self.sync_word) = (from.most, from.policy, from.sync_word);
    }

    /// When changes are to be on stable storage, in the word of a client: `always`, `everysec` or `no`. Who runs the store acts on it.
    pub fn sync_word(&self) -> &'static str {
        self.sync_word
    }

    pub(crate) fn set_sync_word(&mut self, word: &'static str) {
        self.sync_word = word;
    }

    pub(crate) fn random(&mut self) -> &mut Random {
        &mut self.random
    }

    pub(crate) fn seed(&self) -> Seed {
        self.keys.seed()
    }

    /// How often something was changed.
    pub(crate) fn times_changed(&self) -> u64 {
        self.times_changed
    }

    /// Says whether it takes what it was told before.
    pub(crate) fn set_replaying(&mut self, is_replaying: bool) {
        self.is_replaying = is_replaying;
        self.changes = Changes::new(self.settings.keeps_changes && !is_replaying);
    }

    /// Whether it takes what it was told before.
    pub(crate) fn is_replaying(&self) -> bool {
        self.is_replaying
    }

    /// A command begins.
    pub(crate) fn begin_command(&mut self) {
        self.counts.commands += 1;
        self.changes.begin();
    }

    pub(super) fn size(key: &[u8], value: &Value) -> usize {
        key.len() + OVERHEAD + value.bytes()
    }

    pub(super) fn note_changed(&mut self, key: &[u8]) {
        self.times_changed += 1;
        self.watched.touch(key);
    }

    pub(super) fn note_used(&self, entry: &Entry) {
        entry.used.set(self.counts.commands as u32);
    }

    /// What a key holds.
    pub(crate) fn value(&self, key: &[u8]) -> Option<&Value> {
        let entry = self.keys.get(key)?;
        self.note_used(entry);
        Some(&entry.value)
    }

    /// Whether there is a key.
    pub(crate) fn contains(&self, key: &[u8]) -> bool {
        self.keys.get(key).is_some()
    }

    /// What a key holds, which has to be of a kind.
    pub(crate) fn read<T: Kind>(&self, key: &[u8]) -> Result<Option<&T>, WrongKind> {
        match self.value(key) {
            None => Ok(None),
            Some(value) => T::of(value).map(Some).ok_or(WrongKind),
        }
    }

    /// Bytes that a key takes, about.
    pub(crate) fn size_of(&self, key: &[u8]) -> Option<usize> {
        Some(Self::size(key, &self.keys.get(key)?.value))
    }

    /// About so many keys from a cursor on.
    pub(crate) fn scan(&self, cursor: u64, count: usize) -> (u64, Vec<(&[u8], &Value)>) {
        let part = fields::part(&self.keys, cursor, count);
        let found = part.found.into_iter();
        let found = found.map(|(key, entry)| (&**key, &entry.value));
        (part.next, found.collect())
    }

    /// All keys, what they hold and when they expire, in the order of their cursors.
    pub(crate) fn all_from(
        &self,
        cursor: u64,
    ) -> impl Iterator<Item = (u64, &[u8], &Value, Option<u64>)> {
        let keys = self.keys.from(cursor);
        keys.map(|(hash, key, entry)| {
            let expires = (entry.expires != NEVER).then_some(entry.expires);
            (hash, &**key, &entry.value, expires)
        })
    }

    /// A key by chance.
    pub(crate) fn random_key(&mut self) -> Option<Box<[u8]>> {
        let found = self.keys.random(&mut self.random);
        found.map(|(key, _)| key.clone())
    }

    /// Somebody watches a key from now on; how often it was changed so far.
    pub(crate) fn watch(&mut self, key: &[u8]) -> u64 {
        self.watched.add(key)
    }

    /// Somebody does not watch a key any more; how often it was changed so far.
    pub(crate) fn unwatch(&mut self, key: &[u8]) {
        self.watched.remove(key);
    }

    /// How often a key was changed that is watched.
    pub(crate) fn watched_changes(&self, key: &[u8]) -> Option<u64> {
        self.watched.changes(key)
    }
}
