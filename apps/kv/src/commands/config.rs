//! What can be set, and what can be asked for.

use alloc::borrow::Cow;
use alloc::format;
use alloc::vec::Vec;

use super::options::is;
use super::{Context, Done, Refusal};
use crate::glob::{LONGEST_PATTERN, matches};
use crate::store::{Policy, SYNC_WORDS, Store};

/// All parameters, by name.
fn all(store: &Store) -> Vec<(&'static str, Cow<'static, str>)> {
    let keeps_changes = store.settings().keeps_changes;
    Vec::from([
        ("appendfsync", Cow::Borrowed(store.sync_word())),
        (
            "appendonly",
            Cow::Borrowed(if keeps_changes { "yes" } else { "no" }),
        ),
        ("bind", Cow::Borrowed("")),
        ("cluster-enabled", Cow::Borrowed("no")),
        ("databases", Cow::Borrowed("1")),
        ("maxmemory", Cow::Owned(format!("{}", store.most()))),
        ("maxmemory-policy", Cow::Borrowed(store.policy().name())),
        ("port", Cow::Borrowed("6379")),
        (
            "proto-max-bulk-len",
            Cow::Owned(format!("{}", crate::request::LONGEST_ARGUMENT)),
        ),
        ("requirepass", Cow::Borrowed("")),
        ("save", Cow::Borrowed("")),
        ("timeout", Cow::Borrowed("0")),
    ])
}

pub(super) fn config(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let [what, rest @ ..] = words else {
        return Err(Refusal::Syntax);
    };
    match rest {
        [_, ..] if is(what, "GET") => get(cx, rest),
        [_, _, ..] if is(what, "SET") => set(cx, rest),
        [] if is(what, "RESETSTAT") => {
            cx.store.forget_counts();
            cx.reply.ok();
            Ok(())
        }
        [] if is(what, "REWRITE") => {
            Err(Refusal::Says("The server is running without a config file"))
        }
        _ if is(what, "GET") => Err(Refusal::WrongNumberOf("config", "get")),
        _ if is(what, "SET") => Err(Refusal::WrongNumberOf("config", "set")),
        _ => {
            super::unknown_subcommand("CONFIG", what, cx.reply);
            Ok(())
        }
    }
}

fn get(cx: &mut Context<'_, '_>, patterns: &[&[u8]]) -> Done {
    if patterns.iter().any(|it| it.len() > LONGEST_PATTERN) {
        return Err(Refusal::LongPattern);
    }
    let mut found = all(cx.store.store());
    found.retain(|(name, _)| {
        let asked = |pattern: &&[u8]| matches(&pattern.to_ascii_lowercase(), name.as_bytes());
        patterns.iter().any(asked)
    });
    cx.reply.map(found.len());
    for (name, value) in &found {
        cx.reply.bulk(name.as_bytes());
        cx.reply.bulk(value.as_bytes());
    }
    Ok(())
}

/// A size as it is written: a number of bytes, or of larger units.
fn size(word: &[u8]) -> Option<usize> {
    let text = core::str::from_utf8(word).ok()?.to_ascii_lowercase();
    let units = [
        ("kb", 1 << 10),
        ("mb", 1 << 20),
        ("gb", 1 << 30),
        ("k", 1000),
        ("m", 1_000_000),
        ("g", 1_000_000_000),
        ("b", 1),
    ];
    let found = units
        .iter()
        .find_map(|(unit, bytes)| Some((text.strip_suffix(unit)?, *bytes)));
    let (digits, bytes) = found.unwrap_or((&text, 1));
    digits.parse::<usize>().ok()?.checked_mul(bytes)
}

/// What a parameter is set to.
enum Setting {
    Most(usize),
    Policy(Policy),
    Sync(&'static str),
}

fn set(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let (pairs, rest) = words.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(Refusal::WrongNumberOf("config", "set"));
    }
    // All are set, or none.
    let mut settings = Vec::new();
    for (number, [name, value]) in pairs.iter().enumerate() {
        let mut before = pairs.iter().take(number);
        let is_named_twice = before.any(|[other, _]| other.eq_ignore_ascii_case(name));
        let setting = match setting(cx.store.store(), name, value) {
            Ok(_) if is_named_twice => Err(Some("duplicate parameter")),
            setting => setting,
        };
        match setting {
            Ok(setting) => settings.push(setting),
            Err(None) => {
                let name = super::told(name);
                let start = b"ERR Unknown option or number of arguments for CONFIG SET - '";
                cx.reply.error_of_bytes(&[start, name, b"'"].concat());
                return Ok(());
            }
            Err(Some(why)) => {
                let name = super::told(name);
                let start = b"ERR CONFIG SET failed (possibly related to argument '";
                let text = [start, name, b"') - ", why.as_bytes()].concat();
                cx.reply.error_of_bytes(&text);
                return Ok(());
            }
        }
    }
    for setting in settings {
        match setting {
            Setting::Most(most) => cx.store.store().set_most(most),
            Setting::Policy(policy) => cx.store.store().set_policy(policy),
            Setting::Sync(word) => cx.store.store().set_sync_word(word),
        }
    }
    cx.reply.ok();
    Ok(())
}

/// What a parameter is to be set to; why that cannot be, or nothing where there is no such parameter.
fn setting(store: &Store, name: &[u8], value: &[u8]) -> Result<Setting, Option<&'static str>> {
    if is(name, "maxmemory") {
        let most = size(value).ok_or(Some("argument must be a memory value"))?;
        let limit = store.settings().memory;
        return match most {
            // As much as there is.
            0 => Ok(Setting::Most(limit)),
            _ if most <= limit => Ok(Setting::Most(most)),
            _ => Err(Some("there is less memory than that")),
        };
    }
    if is(name, "maxmemory-policy") {
        let policy = Policy::of(value);
        return policy.map(Setting::Policy).ok_or(Some(
            "argument(s) must be one of the following: volatile-lru, volatile-random, volatile-ttl, allkeys-lru, allkeys-random, noeviction",
        ));
    }
    if is(name, "appendfsync") {
        let word = SYNC_WORDS.iter().find(|word| is(value, word));
        return word.map(|word| Setting::Sync(word)).ok_or(Some(
            "argument(s) must be one of the following: everysec, always, no",
        ));
    }
    match all(store).iter().any(|(there, _)| is(name, there)) {
        true => Err(Some("can't set immutable config")),
        false => Err(None),
    }
}
