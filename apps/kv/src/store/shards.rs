//! The store: its shards, each behind a lock, and what they have in common.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};

use spin::mutex::SpinMutex;

use super::held::Held;
use super::set::{MOST_SHARDS, ShardSet};
use super::settings::{FIRST_SYNC_WORD, SYNC_WORDS};
use super::shard::Shard;
use super::{Policy, Settings};
use crate::hash::Seed;

/// The time of a store that was not told any.
const UNTOLD: u64 = u64::MAX;

/// All keys, in shards. What has expired is not there.
///
/// Any number of threads may use it at a time. See the documentation of the crate for what is atomic, and why.
#[derive(Debug)]
pub struct Store {
    pub(super) shards: Box<[SpinMutex<Shard>]>,
    /// Says which shard a key belongs to. It is another one than that of the tables, whose order would otherwise say the same.
    chooser: Seed,
    settings: Settings,
    /// Somebody holds all shards while clients wait.
    pub(super) is_frozen: AtomicBool,
    /// Bytes that shards have been granted: never more than a client allows, but where it has allowed less since.
    pub(super) granted: AtomicUsize,
    /// Bytes that it may take by what a client has set. This and the next two are set by one who holds all shards.
    pub(super) most: AtomicUsize,
    /// The number of the policy among all.
    policy: AtomicU8,
    /// The number of the word among all.
    sync_word: AtomicU8,
    /// What time it is; it never goes back.
    now: AtomicU64,
    began: AtomicU64,
    /// Commands so far: a clock for when keys were used.
    pub(super) commands: AtomicU64,
    /// Commands that a client does not want to be told of.
    pub(super) forgotten: AtomicU64,
    /// Clients that were given numbers.
    clients: AtomicU64,
    /// Changes of commands that are over, in an order in which they make the same of the same.
    pub(super) pending: SpinMutex<Vec<u8>>,
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
        let settings = Settings {
            shards: settings.shards.clamp(1, MOST_SHARDS),
            ..settings
        };
        let seed = Seed::new(settings.seed);
        let shards = (0..settings.shards).map(|number| SpinMutex::new(Shard::new(seed, number)));
        let first = SYNC_WORDS.iter().position(|it| *it == FIRST_SYNC_WORD);
        Store {
            shards: shards.collect(),
            chooser: Seed::new(seed.hash(b"shards")),
            is_frozen: AtomicBool::new(false),
            granted: AtomicUsize::new(0),
            most: AtomicUsize::new(settings.memory),
            policy: AtomicU8::new(0),
            sync_word: AtomicU8::new(first.unwrap_or(0) as u8),
            now: AtomicU64::new(0),
            began: AtomicU64::new(UNTOLD),
            commands: AtomicU64::new(0),
            forgotten: AtomicU64::new(0),
            clients: AtomicU64::new(0),
            pending: SpinMutex::new(Vec::new()),
            settings,
        }
    }

    /// How it was made.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The shard of a key.
    #[inline]
    pub(crate) fn shard_of(&self, key: &[u8]) -> usize {
        match self.shards.len() {
            1 => 0,
            count => {
                // Of 63 bits.
                let hash = u128::from(self.chooser.hash(key)) << 1;
                ((hash * count as u128) >> u64::BITS) as usize
            }
        }
    }

    /// All shards.
    pub(crate) fn all_shards(&self) -> ShardSet {
        ShardSet::first(self.shards.len())
    }

    /// Takes what was changed since this was done last: commands as clients send them, which change the same again. They belong together:
    /// what applies some of them has to apply all. Empty where nothing was changed, or where the settings say that nobody wants changes.
    ///
    /// Changes are there before the shards are free on which they were made: so the units that are taken tell the changes of each key in
    /// the order in which they were made, and each has what any command saw that was over before.
    pub fn take_changes(&self) -> Vec<u8> {
        core::mem::take(&mut *self.pending.lock())
    }

    /// How many bytes of changes there are to be taken.
    pub fn changes_len(&self) -> usize {
        self.pending.lock().len()
    }

    /// Takes on what clients have set of another store: its memory, what it does when it is full, and when changes are on stable storage.
    pub fn take_parameters(&self, from: &Store) {
        let same = |to: &AtomicU8, from: &AtomicU8| {
            to.store(from.load(Ordering::Relaxed), Ordering::Relaxed);
        };
        self.set_most(from.most());
        same(&self.policy, &from.policy);
        same(&self.sync_word, &from.sync_word);
    }

    /// Bytes that it may take, about.
    pub fn most(&self) -> usize {
        self.most.load(Ordering::Relaxed)
    }

    /// Says how many bytes it may take; not more than it was made for.
    pub fn set_most(&self, most: usize) {
        let most = most.min(self.settings.memory);
        self.most.store(most, Ordering::Relaxed);
    }

    /// What it does when it is full.
    pub fn policy(&self) -> Policy {
        let number = usize::from(self.policy.load(Ordering::Relaxed));
        Policy::ALL.get(number).map_or(Policy::default(), |it| it.0)
    }

    /// Says what it is to do when it is full.
    pub fn set_policy(&self, policy: Policy) {
        let number = Policy::ALL.iter().position(|(it, _)| *it == policy);
        self.policy
            .store(number.unwrap_or(0) as u8, Ordering::Relaxed);
    }

    /// When changes are to be on stable storage, in the word of a client: `always`, `everysec` or `no`. Who runs the store acts on it.
    pub fn sync_word(&self) -> &'static str {
        let number = usize::from(self.sync_word.load(Ordering::Relaxed));
        SYNC_WORDS.get(number).unwrap_or(&FIRST_SYNC_WORD)
    }

    pub(crate) fn set_sync_word(&self, word: &str) {
        if let Some(number) = SYNC_WORDS.iter().position(|it| *it == word) {
            self.sync_word.store(number as u8, Ordering::Relaxed);
        }
    }

    /// Tells the time, in milliseconds: a command that begins afterwards finds nothing that has expired, and what has expired goes, but in a
    /// shard that somebody holds, where it goes later. Where the settings say that there is a calendar, the time is that since the
    /// beginning of 1970. It is not told before a replay is whole.
    pub fn set_time(&self, now: u64) {
        let order = Ordering::Relaxed;
        if self.began().is_none() {
            let _ = self.began.compare_exchange(UNTOLD, now, order, order);
        }
        // Somebody else may have told it.
        if self.now() < now && self.now.fetch_max(now, order) < now {
            for shard in 0..self.shards.len() {
                Held::sweep(self, shard);
            }
        }
    }

    /// What time it is, in milliseconds.
    pub fn now(&self) -> u64 {
        self.now.load(Ordering::Relaxed)
    }

    /// What time it was when it was told the time first, if it was.
    pub(crate) fn began(&self) -> Option<u64> {
        let began = self.began.load(Ordering::Relaxed);
        (began != UNTOLD).then_some(began)
    }

    /// A number that no other client has.
    pub(crate) fn next_client(&self) -> u64 {
        self.clients.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Bytes that it takes, about. This and what follows waits while the store is frozen.
    pub fn used(&self) -> usize {
        Held::all(self).used()
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        Held::all(self).len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many keys expire, about.
    pub fn expiring(&self) -> usize {
        Held::all(self).expiring()
    }
}
