//! Which shards a command needs.

use super::table::{self, COUNTS_KEYS, Command, EXECUTES, KEYLESS, TAKES_ROOM, WATCHED};
use super::{Context, options};
use crate::store::{ShardSet, Store};

/// The shards that a command needs, before it has any: those of its keys, which are where the table says; of what its client watches; of
/// all commands that it executes; or all, where it has no keys and is about all of them.
#[inline]
pub(super) fn shards(cx: &Context<'_, '_>, command: &Command, words: &[&[u8]]) -> ShardSet {
    let store = cx.store.store();
    if !command.has(WATCHED) {
        return of_words(store, command, words);
    }
    let watched = cx.client.watched_shards(store);
    match &cx.client.transaction {
        Some(transaction) if command.has(EXECUTES) && !transaction.is_spoilt => {
            let queued = transaction.commands();
            let needed = queued.map(|words| of_queued(store, &words));
            needed.fold(watched, ShardSet::union)
        }
        _ => watched,
    }
}

/// Those of a command of a transaction. One that takes room may take that of any key, and it cannot be run again with all shards when
/// others before it have changed something.
fn of_queued(store: &Store, words: &[&[u8]]) -> ShardSet {
    match words.first().and_then(|name| table::find(name)) {
        Some(command) if !command.has(TAKES_ROOM) => of_words(store, command, words),
        _ => store.all_shards(),
    }
}

/// Those of the keys among the words of a command.
fn of_words(store: &Store, command: &Command, words: &[&[u8]]) -> ShardSet {
    if command.has(KEYLESS) {
        return ShardSet::NONE;
    }
    let all = store.all_shards();
    if all.len() == 1 {
        return all;
    }
    let with = |set: ShardSet, key: &&[u8]| set.with(store.shard_of(key));
    let told = match command.keys {
        (0, ..) if !command.has(COUNTS_KEYS) => return all,
        (0, ..) => ShardSet::NONE,
        (first, last, step) => {
            let count = words.len();
            let [first, step] = [first, step].map(|it| usize::try_from(it).unwrap_or(1));
            let end = match usize::try_from(last) {
                Ok(last) => (last + 1).min(count),
                Err(_) => (count + 1).saturating_sub(last.unsigned_abs() as usize),
            };
            let keys = words.get(first..end).unwrap_or_default();
            keys.iter().step_by(step.max(1)).fold(ShardSet::NONE, with)
        }
    };
    if !command.has(COUNTS_KEYS) {
        return told;
    }
    // The number is behind the keys that the table tells, or behind the name.
    let place = usize::try_from(command.keys.1).unwrap_or(0) + 1;
    let number = words.get(place).and_then(|it| options::integer(it).ok());
    let number = number.and_then(|number| usize::try_from(number).ok());
    let counted = words.get(place + 1..).unwrap_or_default();
    let counted = counted.iter().take(number.unwrap_or(0));
    counted.fold(told, with)
}
