//! What each command does. Texts of errors are those of Redis, because clients read them.

mod config;
mod connection;
mod counters;
mod expiry;
mod hashes;
mod info;
mod keys;
mod lists;
mod lists_inside;
mod needs;
mod options;
mod refusal;
mod scan;
mod server;
mod set_algebra;
mod sets;
mod sorted;
mod sorted_add;
mod sorted_algebra;
mod sorted_range;
mod strings;
mod strings_many;
mod table;
mod transaction;

use alloc::vec::Vec;

use crate::reply::Reply;
use crate::session::{Budget, Client};
use crate::store::{Held, ShardSet};
pub(crate) use refusal::Refusal;
use table::Command;

/// Whether a client may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    /// Another request may come.
    GoesOn,
    /// The client has ended its connection.
    Ends,
    /// The client has ended the program.
    Stops,
    /// Nothing was done, because the store is frozen.
    Waits,
}

/// With what a command works.
pub(crate) struct Context<'a, 'r> {
    pub(crate) store: Held<'a>,
    pub(crate) client: &'a mut Client,
    pub(crate) budget: &'a Budget,
    pub(crate) reply: &'a mut Reply<'r>,
}

impl Context<'_, '_> {
    /// Makes sure that an answer has room, which a command has to know before it removes what it tells.
    fn has_room(&self, bytes: usize) -> Done {
        // For what is around it.
        const AROUND: usize = 32;
        match self.reply.has_room(bytes.saturating_add(AROUND)) {
            true => Ok(()),
            false => Err(Refusal::LongAnswer),
        }
    }
}

type Done = Result<(), Refusal>;

/// What a command does with the words behind its name. What it refuses it has not begun.
type Action = fn(&mut Context<'_, '_>, &[&[u8]]) -> Done;

/// Does what a request says. An empty one is not answered.
pub(crate) fn execute(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> After {
    let Some((name, rest)) = words.split_first() else {
        return After::GoesOn;
    };
    let command = match table::find(name) {
        Some(command) if command.takes(words.len()) => command,
        found => {
            if let Some(transaction) = &mut cx.client.transaction {
                transaction.is_spoilt = true;
            }
            match found {
                // A browser was led here by another's page. What follows is not for this server, and nothing of it is done.
                None if is_of_http(name) => return After::Ends,
                Some(command) => refuse(Refusal::WrongNumber(command.name), cx.reply),
                None => unknown(name, rest, cx.reply),
            }
            return After::GoesOn;
        }
    };
    if let Some(transaction) = &mut cx.client.transaction
        && !command.has(table::ENDS_TRANSACTION)
    {
        if command.has(table::ENDS) {
            transaction.is_spoilt = true;
            let text = "Command not allowed inside a transaction";
            refuse(Refusal::Says(text), cx.reply);
            return After::GoesOn;
        }
        match transaction.push(words, cx.budget) {
            true => cx.reply.simple("QUEUED"),
            false => refuse(Refusal::LongTransaction, cx.reply),
        }
        return After::GoesOn;
    }
    if begin(cx, command, words).is_none() {
        return After::Waits;
    }
    if command.has(table::ENDS) {
        return match command.name {
            "quit" => After::Ends,
            // Nothing is answered, whatever the other words say.
            _ => After::Stops,
        };
    }
    After::GoesOn
}

/// Runs a command on the shards that it needs, which are let go when it is over; `None` where the store is frozen.
#[inline]
fn begin(cx: &mut Context<'_, '_>, command: &Command, words: &[&[u8]]) -> Option<()> {
    let before = cx.reply.position();
    hold(cx, needs::shards(cx, command, words))?;
    run(cx, command, words);
    if cx.store.lacks_shards() {
        // It has changed nothing: no command begins that finds no room.
        cx.reply.back_to(before);
        cx.store.release();
        hold(cx, cx.store.store().all_shards())?;
        run(cx, command, words);
    }
    cx.store.release();
    Some(())
}

#[inline]
fn hold(cx: &mut Context<'_, '_>, shards: ShardSet) -> Option<()> {
    cx.store.hold(shards).ok()
}

/// Runs a command of a transaction, for which its shards are held.
fn run_queued(cx: &mut Context<'_, '_>, words: &[&[u8]]) {
    // What is no command, or not whole, is not queued.
    if let Some(command) = words.first().and_then(|name| table::find(name)) {
        run(cx, command, words);
    }
}

/// Whether a line is one of the head of a request of HTTP that has a body.
fn is_of_http(name: &[u8]) -> bool {
    [&b"POST"[..], b"Host:"]
        .iter()
        .any(|it| name.eq_ignore_ascii_case(it))
}

/// Runs a command, and notes what it changes.
fn run(cx: &mut Context<'_, '_>, command: &Command, words: &[&[u8]]) {
    let rest = words.get(1..).unwrap_or_default();
    // What a refused command has written is not told.
    let before = cx.reply.position();
    let changed = cx.store.times_changed();
    cx.store.begin_command();
    let mut done = Ok(());
    if command.has(table::TAKES_ROOM) {
        // Of what is beyond a limit that was lowered.
        done = cx.store.reserve(0).map_err(Refusal::from);
    }
    let done = done.and_then(|()| (command.action)(cx, rest));
    let is_whole = done.is_ok();
    if let Err(refusal) = done {
        cx.reply.back_to(before);
        refuse(refusal, cx.reply);
    } else if cx.reply.is_long() {
        cx.reply.back_to(before);
        refuse(Refusal::LongAnswer, cx.reply);
    }
    if is_whole && command.has(table::WRITES) && changed != cx.store.times_changed() {
        let changes = cx.store.changes();
        if !changes.is_said() {
            changes.note(words.iter().copied());
        }
    }
}

/// Runs a command of a journal, which has to be one that writes; what was answered where it was refused.
pub(crate) fn apply(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Result<(), Refusal> {
    let (name, rest) = words.split_first().ok_or(Refusal::Syntax)?;
    let found = table::find(name).filter(|it| it.has(table::WRITES) && it.takes(words.len()));
    (found.ok_or(Refusal::NotWriting)?.action)(cx, rest)
}

fn refuse(refusal: Refusal, reply: &mut Reply<'_>) {
    reply.error(format_args!("{refusal}"));
}

/// Bytes of a client's words that an error tells.
const TOLD: usize = 128;

fn told(word: &[u8]) -> &[u8] {
    word.get(..TOLD).unwrap_or(word)
}

fn unknown(name: &[u8], rest: &[&[u8]], reply: &mut Reply<'_>) {
    let mut text = Vec::from(b"ERR unknown command '".as_slice());
    text.extend_from_slice(told(name));
    text.extend_from_slice(b"', with args beginning with: ");
    let start = text.len();
    for word in rest {
        let left = TOLD.saturating_sub(text.len() - start);
        if left == 0 {
            break;
        }
        text.push(b'\'');
        text.extend_from_slice(word.get(..left).unwrap_or(word));
        text.extend_from_slice(b"' ");
    }
    reply.error_of_bytes(&text);
}

/// That a subcommand is none.
fn unknown_subcommand(command: &str, name: &[u8], reply: &mut Reply<'_>) {
    let mut text = Vec::from(b"ERR unknown subcommand '".as_slice());
    text.extend_from_slice(told(name));
    text.extend_from_slice(b"'. Try ");
    text.extend_from_slice(command.as_bytes());
    text.extend_from_slice(b" HELP.");
    reply.error_of_bytes(&text);
}
