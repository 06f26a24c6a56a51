//! What a client has said of itself, and its transaction.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::Budget;
use crate::store::{Held, ShardSet, Store};

/// A client.
#[derive(Debug, Default)]
pub(crate) struct Client {
    /// Its number; 0 until somebody asks for it.
    id: u64,
    /// What it calls itself.
    pub(crate) name: Vec<u8>,
    /// It speaks RESP3.
    pub(crate) is_third: bool,
    /// The transaction that it has begun.
    pub(crate) transaction: Option<Transaction>,
    /// The keys that it watches, and how often each was changed before.
    watches: BTreeMap<Box<[u8]>, u64>,
}

/// Bytes that a watch takes beside its key, which is there twice, about.
const WATCH: usize = 128;

/// Commands of a transaction at most: each is answered, if only that it was refused.
const MOST_COMMANDS: usize = 1 << 14;

/// Commands that wait to be executed together.
#[derive(Debug, Default)]
pub(crate) struct Transaction {
    /// Of each command its number of words, and of each word its length and its bytes.
    bytes: Vec<u8>,
    count: usize,
    /// A command was refused, so none is executed.
    pub(crate) is_spoilt: bool,
}

impl Client {
    /// Its number.
    pub(crate) fn id(&mut self, store: &Store) -> u64 {
        if self.id == 0 {
            self.id = store.next_client();
        }
        self.id
    }

    /// Watches a key; whether there is room for that.
    pub(crate) fn watch(&mut self, key: &[u8], store: &mut Held<'_>, budget: &Budget) -> bool {
        if self.watches.contains_key(key) {
            return true;
        }
        if !budget.take(2 * key.len() + WATCH) {
            return false;
        }
        let changes = store.watch(key);
        self.watches.insert(key.into(), changes);
        true
    }

    /// How many keys it watches.
    pub(crate) fn watches(&self) -> usize {
        self.watches.len()
    }

    /// The shards of the keys that it watches.
    pub(crate) fn watched_shards(&self, store: &Store) -> ShardSet {
        let shards = self.watches.keys().map(|key| store.shard_of(key));
        shards.fold(ShardSet::NONE, ShardSet::with)
    }

    /// Whether a key that it watches was changed.
    pub(crate) fn is_disturbed(&self, store: &Held<'_>) -> bool {
        let mut watches = self.watches.iter();
        watches.any(|(key, changes)| store.watched_changes(key) != Some(*changes))
    }

    /// Watches nothing any more.
    pub(crate) fn unwatch(&mut self, store: &mut Held<'_>, budget: &Budget) {
        for key in core::mem::take(&mut self.watches).into_keys() {
            store.unwatch(&key);
            budget.give(2 * key.len() + WATCH);
        }
    }

    /// Ends its transaction, if there is one.
    pub(crate) fn end_transaction(&mut self, store: &mut Held<'_>, budget: &Budget) {
        if let Some(transaction) = self.transaction.take() {
            transaction.end(budget);
        }
        self.unwatch(store, budget);
    }
}

impl Transaction {
    /// Adds a command; whether there is room for it.
    pub(crate) fn push(&mut self, words: &[&[u8]], budget: &Budget) -> bool {
        if self.count == MOST_COMMANDS {
            self.is_spoilt = true;
            return false;
        }
        let lengths = words.iter().map(|word| 4 + word.len());
        let needed = self.bytes.len() + 4 + lengths.sum::<usize>();
        let capacity = self.bytes.capacity();
        if needed > capacity {
            if !budget.take(2 * needed - capacity) {
                self.is_spoilt = true;
                return false;
            }
            self.bytes.reserve_exact(2 * needed - self.bytes.len());
            // The allocator may give more.
            budget.exchange(2 * needed, self.bytes.capacity());
        }
        self.number(words.len());
        for word in words {
            self.number(word.len());
            self.bytes.extend_from_slice(word);
        }
        self.count += 1;
        true
    }

    /// No word is longer, and no command has more words, than four bytes tell.
    fn number(&mut self, number: usize) {
        self.bytes.extend_from_slice(&(number as u32).to_le_bytes());
    }

    /// How many commands there are.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// The words of all commands.
    pub(crate) fn commands(&self) -> impl Iterator<Item = Vec<&[u8]>> {
        let mut rest = self.bytes.as_slice();
        core::iter::from_fn(move || {
            let count = number(&mut rest)?;
            (0..count).map(|_| word(&mut rest)).collect()
        })
    }

    /// It is over.
    pub(crate) fn end(self, budget: &Budget) {
        budget.give(self.bytes.capacity());
    }
}

fn number(bytes: &mut &[u8]) -> Option<usize> {
    let (number, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    usize::try_from(u32::from_le_bytes(*number)).ok()
}

fn word<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = number(bytes)?;
    let (word, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(word)
}
