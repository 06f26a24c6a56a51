//! Commands about the server.

use super::options::{integer, is};
use super::table::{self, COMMANDS, Command, Group};
use super::{Context, Done, Refusal};
use crate::number::integer_text;

pub(super) fn size(cx: &mut Context<'_, '_>, _: &[&[u8]]) -> Done {
    cx.reply.count(cx.store.len());
    Ok(())
}

pub(super) fn clear(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    match words {
        [] => {}
        [word] if is(word, "SYNC") || is(word, "ASYNC") => {}
        _ => return Err(Refusal::Syntax),
    }
    cx.store.clear();
    cx.reply.ok();
    Ok(())
}

/// Whoever runs the program ends it; nothing is answered.
pub(super) fn shutdown(_: &mut Context<'_, '_>, _: &[&[u8]]) -> Done {
    Ok(())
}

pub(super) fn time(cx: &mut Context<'_, '_>, _: &[&[u8]]) -> Done {
    if !cx.store.settings().has_calendar {
        return Err(Refusal::NoCalendar);
    }
    let now = i64::try_from(cx.store.now()).unwrap_or(i64::MAX);
    cx.reply.array(2);
    cx.reply.bulk(&integer_text(now / 1000));
    cx.reply.bulk(&integer_text(now % 1000 * 1000));
    Ok(())
}

/// When it began, as Redis says that has not saved yet.
pub(super) fn last_save(cx: &mut Context<'_, '_>, _: &[&[u8]]) -> Done {
    let began = i64::try_from(cx.store.store().began().unwrap_or(0) / 1000);
    cx.reply.integer(began.unwrap_or(i64::MAX));
    Ok(())
}

/// There are no replicas to wait for.
pub(super) fn wait(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let [replicas, time] = words else {
        return Err(Refusal::Syntax);
    };
    integer(replicas)?;
    let time =
        integer(time).map_err(|_| Refusal::Says("timeout is not an integer or out of range"))?;
    if time < 0 {
        return Err(Refusal::Says("timeout is negative"));
    }
    cx.reply.integer(0);
    Ok(())
}

pub(super) fn memory(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    match words {
        [what, key, options @ ..] if is(what, "USAGE") => {
            match options {
                [] => {}
                [word, samples] if is(word, "SAMPLES") => {
                    if integer(samples)? < 0 {
                        return Err(Refusal::Syntax);
                    }
                }
                _ => return Err(Refusal::Syntax),
            }
            match cx.store.size_of(key) {
                Some(size) => cx.reply.count(size),
                None => cx.reply.null(),
            }
        }
        [what] if is(what, "USAGE") => return Err(Refusal::WrongNumberOf("memory", "usage")),
        [what, ..] => super::unknown_subcommand("MEMORY", what, cx.reply),
        [] => return Err(Refusal::Syntax),
    }
    Ok(())
}

pub(super) fn command(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    match words {
        [] => {
            cx.reply.array(COMMANDS.len());
            COMMANDS.iter().for_each(|command| tell(cx, command));
        }
        [what] if is(what, "COUNT") => cx.reply.count(COMMANDS.len()),
        [what] if is(what, "INFO") => {
            cx.reply.array(COMMANDS.len());
            COMMANDS.iter().for_each(|command| tell(cx, command));
        }
        [what, names @ ..] if is(what, "INFO") => {
            cx.reply.array(names.len());
            for name in names {
                match table::find(name) {
                    Some(command) => tell(cx, command),
                    None => cx.reply.null(),
                }
            }
        }
        // Clients that ask for all have documents of their own, and do without.
        [what] if is(what, "DOCS") => cx.reply.map(0),
        [what, names @ ..] if is(what, "DOCS") => {
            let found = names.iter().filter_map(|name| table::find(name));
            cx.reply.map(found.clone().count());
            for command in found {
                cx.reply.bulk(command.name.as_bytes());
                cx.reply.map(1);
                cx.reply.bulk(b"group");
                cx.reply.bulk(group(command.group).as_bytes());
            }
        }
        [what] if is(what, "LIST") => {
            cx.reply.array(COMMANDS.len());
            for command in COMMANDS {
                cx.reply.bulk(command.name.as_bytes());
            }
        }
        [what, ..] if is(what, "COUNT") => {
            return Err(Refusal::WrongNumberOf("command", "count"));
        }
        [what, ..] => super::unknown_subcommand("COMMAND", what, cx.reply),
    }
    Ok(())
}

/// The word for what a command is of.
fn group(group: Group) -> &'static str {
    match group {
        Group::String => "string",
        Group::List => "list",
        Group::Hash => "hash",
        Group::Set => "set",
        Group::Sorted => "sorted-set",
        Group::Generic => "generic",
        Group::Server => "server",
        Group::Connection => "connection",
        Group::Transactions => "transactions",
    }
}

fn tell(cx: &mut Context<'_, '_>, command: &Command) {
    let reply = &mut *cx.reply;
    reply.array(10);
    reply.bulk(command.name.as_bytes());
    reply.integer(command.arity.into());
    let writes = command.has(table::WRITES);
    let has_keys = command.keys.0 != 0;
    let flags = [
        (writes, "write"),
        (!writes && has_keys, "readonly"),
        (command.has(table::TAKES_ROOM), "denyoom"),
        (command.has(table::FAST), "fast"),
    ];
    let flags = flags.iter().filter(|(has, _)| *has);
    reply.set(flags.clone().count());
    flags.for_each(|(_, flag)| reply.simple(flag));
    reply.integer(command.keys.0.into());
    reply.integer(command.keys.1.into());
    reply.integer(command.keys.2.into());
    // Categories of rights, hints, more about keys, and subcommands.
    reply.set(0);
    reply.array(0);
    reply.array(0);
    reply.array(0);
}
