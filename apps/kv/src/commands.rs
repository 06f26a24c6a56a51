//! What each command does. Texts of errors are those of Redis, because clients read them.

mod keys;
mod server;
mod strings;

use core::slice::EscapeAscii;

use crate::reply::Reply;
use crate::store::{Full, Store};

/// Whether a client may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// Another request may come.
    GoesOn,
    /// The client has ended its connection.
    Ends,
    /// The client has ended the program.
    Stops,
}

/// Why a command did nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The words of the command make no sense.
    Syntax,
    /// A number was expected, and is none, or the result is none.
    NoInteger,
    /// A result beyond the numbers that there are.
    Overflow,
    /// A time that there cannot be; of this command.
    Expiry(&'static str),
    /// There is no room.
    Full,
    /// A string beyond the longest one.
    TooLong,
    /// An answer beyond the longest one.
    LongAnswer,
    /// A time by the calendar, which the machine does not know.
    NoCalendar,
}

impl From<Full> for Refusal {
    fn from(_: Full) -> Refusal {
        Refusal::Full
    }
}

type Done = Result<(), Refusal>;

/// What a command does with the words behind its name.
type Action = fn(&mut Store, &[&[u8]], &mut Reply<'_>) -> Done;

/// A command.
pub(crate) struct Command {
    pub(crate) name: &'static str,
    /// Words, with the name; where it is negative, at least so many.
    arity: i32,
    action: Action,
}

const fn command(name: &'static str, arity: i32, action: Action) -> Command {
    Command {
        name,
        arity,
        action,
    }
}

/// All commands, but `QUIT` and `SHUTDOWN`, by name.
pub(crate) const COMMANDS: &[Command] = &[
    command("append", 3, strings::append),
    command("client", -2, server::client),
    command("command", -1, server::command),
    command("config", -2, server::config),
    command("dbsize", 1, server::size),
    command("decr", 2, strings::decrement),
    command("decrby", 3, strings::decrement_by),
    command("del", -2, keys::delete),
    command("echo", 2, server::echo),
    command("exists", -2, keys::exist),
    command("expire", 3, keys::expire),
    command("flushall", -1, server::clear),
    command("flushdb", -1, server::clear),
    command("get", 2, strings::get),
    command("getdel", 2, strings::get_and_delete),
    command("getset", 3, strings::get_and_set),
    command("hello", -1, server::hello),
    command("incr", 2, strings::increment),
    command("incrby", 3, strings::increment_by),
    command("info", -1, server::info),
    command("mget", -2, strings::get_many),
    command("mset", -3, strings::set_many),
    command("persist", 2, keys::persist),
    command("pexpire", 3, keys::expire_milliseconds),
    command("ping", -1, server::ping),
    command("psetex", 4, strings::set_for_milliseconds),
    command("pttl", 2, keys::milliseconds_left),
    command("select", 2, server::select),
    command("set", -3, strings::set),
    command("setex", 4, strings::set_for_seconds),
    command("setnx", 3, strings::set_new),
    command("strlen", 2, strings::length),
    command("ttl", 2, keys::seconds_left),
    command("type", 2, keys::kind),
    command("unlink", -2, keys::delete),
];

/// Does what a request says. An empty one is not answered.
pub fn execute(store: &mut Store, words: &[&[u8]], reply: &mut Reply<'_>) -> After {
    let Some((name, rest)) = words.split_first() else {
        return After::GoesOn;
    };
    if name.eq_ignore_ascii_case(b"quit") {
        reply.ok();
        return After::Ends;
    }
    if name.eq_ignore_ascii_case(b"shutdown") {
        // Nothing is saved, whatever the other words say, and nothing is answered.
        return After::Stops;
    }
    let mut commands = COMMANDS.iter();
    let Some(command) = commands.find(|it| name.eq_ignore_ascii_case(it.name.as_bytes())) else {
        unknown(name, rest, reply);
        return After::GoesOn;
    };
    let count = words.len() as i64;
    let arity = i64::from(command.arity);
    if count != arity && (arity > 0 || count < -arity) {
        wrong_number(command.name, reply);
        return After::GoesOn;
    }
    // What a refused command has written is not told.
    let before = reply.0.len();
    if let Err(refusal) = (command.action)(store, rest, reply) {
        reply.0.truncate(before);
        refuse(refusal, reply);
    }
    After::GoesOn
}

fn refuse(refusal: Refusal, reply: &mut Reply<'_>) {
    match refusal {
        Refusal::Syntax => reply.error(format_args!("ERR syntax error")),
        Refusal::NoInteger => {
            reply.error(format_args!("ERR value is not an integer or out of range"));
        }
        Refusal::Overflow => {
            reply.error(format_args!("ERR increment or decrement would overflow"));
        }
        Refusal::Expiry(command) => {
            reply.error(format_args!(
                "ERR invalid expire time in '{command}' command"
            ));
        }
        Refusal::Full => reply.error(format_args!(
            "OOM command not allowed when used memory > 'maxmemory'."
        )),
        Refusal::TooLong => reply.error(format_args!(
            "ERR string exceeds maximum allowed size (proto-max-bulk-len)"
        )),
        Refusal::LongAnswer => reply.error(format_args!(
            "ERR the values are too long for one answer; ask for fewer"
        )),
        Refusal::NoCalendar => reply.error(format_args!(
            "ERR this machine has no calendar; use EX or PX, with a time from now"
        )),
    }
}

fn wrong_number(name: &str, reply: &mut Reply<'_>) {
    reply.error(format_args!(
        "ERR wrong number of arguments for '{name}' command"
    ));
}

/// Bytes of a client's word that an error tells.
const TOLD: usize = 128;

fn unknown(name: &[u8], rest: &[&[u8]], reply: &mut Reply<'_>) {
    match rest.first() {
        None => reply.error(format_args!(
            "ERR unknown command '{}', with args beginning with: ",
            told(name)
        )),
        Some(first) => reply.error(format_args!(
            "ERR unknown command '{}', with args beginning with: '{}' ",
            told(name),
            told(first)
        )),
    }
}

/// A client's word as an error tells it: its first bytes, and nothing that would end the line.
fn told(word: &[u8]) -> EscapeAscii<'_> {
    word.get(..TOLD).unwrap_or(word).escape_ascii()
}

/// A number that a client wrote.
fn integer(word: &[u8]) -> Result<i64, Refusal> {
    let text = core::str::from_utf8(word).ok();
    // As Redis: no sign but a minus, no zeroes before it.
    let number: i64 = text
        .and_then(|text| text.parse().ok())
        .ok_or(Refusal::NoInteger)?;
    let canonical = text.is_some_and(|text| !text.starts_with('+') && is_canonical(text));
    match canonical {
        true => Ok(number),
        false => Err(Refusal::NoInteger),
    }
}

fn is_canonical(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    digits == "0" && !text.starts_with('-') || !digits.starts_with('0')
}
