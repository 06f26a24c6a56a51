//! Commands about the connection.

use alloc::format;
use alloc::vec::Vec;

use super::options::{integer, is};
use super::{Context, Done, Refusal};
use crate::number::integer as number;

/// Bytes of a client's name at most.
const LONGEST_NAME: usize = 1024;

/// The version of Redis whose commands these are, as far as they are there.
pub(super) const VERSION: &str = "7.0.15";

pub(super) fn ping(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    match words {
        [] => cx.reply.simple("PONG"),
        [word] => cx.reply.bulk(word),
        _ => return Err(Refusal::WrongNumber("ping")),
    }
    Ok(())
}

pub(super) fn echo(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    cx.reply.bulk(words.first().copied().unwrap_or_default());
    Ok(())
}

/// There is one database.
pub(super) fn select(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    match integer(words.first().copied().unwrap_or_default())? {
        0 => cx.reply.ok(),
        _ => return Err(Refusal::Says("DB index is out of range")),
    }
    Ok(())
}

pub(super) fn quit(cx: &mut Context<'_, '_>, _: &[&[u8]]) -> Done {
    cx.reply.ok();
    Ok(())
}

pub(super) fn reset(cx: &mut Context<'_, '_>, _: &[&[u8]]) -> Done {
    cx.client.end_transaction(&mut cx.store, cx.budget);
    cx.client.name = Vec::new();
    cx.client.is_third = false;
    cx.reply.set_third(false);
    cx.reply.simple("RESET");
    Ok(())
}

/// There is no password, so that every password of the one user is right.
fn check(cx: &mut Context<'_, '_>, user: &[u8]) -> bool {
    let is_known = user == b"default";
    if !is_known {
        cx.reply.error(format_args!(
            "WRONGPASS invalid username-password pair or user is disabled."
        ));
    }
    is_known
}

pub(super) fn auth(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    match words {
        [_] => Err(Refusal::Says(
            "AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?",
        )),
        [user, _] => {
            if check(cx, user) {
                cx.reply.ok();
            }
            Ok(())
        }
        _ => Err(Refusal::Syntax),
    }
}

pub(super) fn hello(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let mut is_third = cx.client.is_third;
    let mut name = None;
    if let [version, options @ ..] = words {
        let version = number(version).ok_or(Refusal::Says(
            "Protocol version is not an integer or out of range",
        ))?;
        if !(2..=3).contains(&version) {
            cx.reply
                .error(format_args!("NOPROTO unsupported protocol version"));
            return Ok(());
        }
        is_third = version == 3;
        let mut options = options;
        while let Some((word, rest)) = options.split_first() {
            options = match rest {
                [user, _, rest @ ..] if is(word, "AUTH") => {
                    if !check(cx, user) {
                        return Ok(());
                    }
                    rest
                }
                [wanted, rest @ ..] if is(word, "SETNAME") => {
                    check_name(wanted)?;
                    name = Some(wanted.to_vec());
                    rest
                }
                _ => {
                    let option = super::told(word);
                    let text = [b"ERR Syntax error in HELLO option '", option, b"'"].concat();
                    cx.reply.error_of_bytes(&text);
                    return Ok(());
                }
            };
        }
    }
    if let Some(name) = name {
        cx.client.name = name;
    }
    cx.client.is_third = is_third;
    cx.reply.set_third(is_third);
    cx.reply.map(7);
    let told = |cx: &mut Context<'_, '_>, name: &str, value: &str| {
        cx.reply.bulk(name.as_bytes());
        cx.reply.bulk(value.as_bytes());
    };
    told(cx, "server", "redis");
    told(cx, "version", VERSION);
    cx.reply.bulk(b"proto");
    cx.reply.integer(if is_third { 3 } else { 2 });
    let id = cx.client.id(cx.store.store());
    cx.reply.bulk(b"id");
    cx.reply.integer(id as i64);
    told(cx, "mode", "standalone");
    told(cx, "role", "master");
    cx.reply.bulk(b"modules");
    cx.reply.array(0);
    Ok(())
}

fn check_name(name: &[u8]) -> Done {
    if name.len() > LONGEST_NAME {
        return Err(Refusal::Says("the name is too long"));
    }
    match name.iter().all(|byte| (b'!'..=b'~').contains(byte)) {
        true => Ok(()),
        false => Err(Refusal::Says(
            "Client names cannot contain spaces, newlines or special characters.",
        )),
    }
}

pub(super) fn client(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let [what, rest @ ..] = words else {
        return Err(Refusal::Syntax);
    };
    let is_switch = |word: &[u8]| is(word, "ON") || is(word, "OFF");
    match rest {
        [] if is(what, "ID") => {
            let id = cx.client.id(cx.store.store());
            cx.reply.integer(id as i64);
        }
        [] if is(what, "INFO") => line(cx),
        // Of others a client is told nothing.
        _ if is(what, "LIST") => line(cx),
        [] if is(what, "GETNAME") => match cx.client.name.is_empty() {
            true => cx.reply.null(),
            false => cx.reply.bulk(&cx.client.name),
        },
        [name] if is(what, "SETNAME") => {
            check_name(name)?;
            cx.client.name = name.to_vec();
            cx.reply.ok();
        }
        [_, _] if is(what, "SETINFO") => cx.reply.ok(),
        [word] if is(what, "NO-EVICT") || is(what, "NO-TOUCH") => match is_switch(word) {
            true => cx.reply.ok(),
            false => return Err(Refusal::Syntax),
        },
        [] if is(what, "GETREDIR") => cx.reply.integer(-1),
        [..] if is(what, "ID") => return Err(Refusal::WrongNumberOf("client", "id")),
        [..] if is(what, "INFO") => return Err(Refusal::WrongNumberOf("client", "info")),
        [..] if is(what, "GETNAME") => return Err(Refusal::WrongNumberOf("client", "getname")),
        [..] if is(what, "SETNAME") => return Err(Refusal::WrongNumberOf("client", "setname")),
        [..] if is(what, "SETINFO") => return Err(Refusal::WrongNumberOf("client", "setinfo")),
        _ if [
            "KILL", "PAUSE", "UNPAUSE", "REPLY", "TRACKING", "CACHING", "UNBLOCK",
        ]
        .iter()
        .any(|name| is(what, name)) =>
        {
            return Err(Refusal::Says("this CLIENT subcommand is not supported"));
        }
        _ => super::unknown_subcommand("CLIENT", what, cx.reply),
    }
    Ok(())
}

/// A line that describes the client.
fn line(cx: &mut Context<'_, '_>) {
    let id = cx.client.id(cx.store.store());
    let name = core::str::from_utf8(&cx.client.name).unwrap_or_default();
    let queued = cx.client.transaction.as_ref();
    let queued = queued.map_or(-1, |it| it.len() as i64);
    let watched = cx.client.watches();
    let version = if cx.client.is_third { 3 } else { 2 };
    let line = format!(
        "id={id} addr= laddr= fd=0 name={name} age=0 idle=0 flags=N db=0 sub=0 psub=0 ssub=0 multi={queued} watch={watched} cmd=client \
         user=default redir=-1 resp={version}\n"
    );
    cx.reply.text(line.as_bytes());
}
