//! Commands on keys, whatever they hold.

use super::options::{integer, is};
use super::{Context, Done, Refusal};

pub(super) fn delete(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let gone = words.iter().filter(|key| cx.store.remove(key).is_some());
    let gone = gone.count();
    cx.reply.count(gone);
    Ok(())
}

pub(super) fn exist(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let there = words.iter().filter(|key| cx.store.value(key).is_some());
    cx.reply.count(there.count());
    Ok(())
}

pub(super) fn kind(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let [key] = words else {
        return Err(Refusal::Syntax);
    };
    let value = cx.store.value(key);
    cx.reply.simple(value.map_or("none", |value| value.kind()));
    Ok(())
}

pub(super) fn random(cx: &mut Context<'_, '_>, _: &[&[u8]]) -> Done {
    let key = cx.store.random_key();
    cx.reply.bulk_or_null(key.as_deref());
    Ok(())
}

/// Gives what one key holds, and when it expires, to another one.
fn give(cx: &mut Context<'_, '_>, from: &[u8], to: &[u8]) -> Done {
    let growth = to.len().saturating_sub(from.len());
    cx.store.reserve_for(from, growth)?;
    let (value, expires) = cx.store.remove(from).ok_or(Refusal::NoKey)?;
    cx.store.put(to, value, expires);
    Ok(())
}

pub(super) fn rename(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let [from, to] = words else {
        return Err(Refusal::Syntax);
    };
    if !cx.store.contains(from) {
        return Err(Refusal::NoKey);
    }
    if from != to {
        give(cx, from, to)?;
    }
    cx.reply.ok();
    Ok(())
}

pub(super) fn rename_new(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let [from, to] = words else {
        return Err(Refusal::Syntax);
    };
    if !cx.store.contains(from) {
        return Err(Refusal::NoKey);
    }
    let is_new = !cx.store.contains(to);
    if is_new {
        give(cx, from, to)?;
    }
    cx.reply.integer(is_new.into());
    Ok(())
}

pub(super) fn copy(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let [from, to, options @ ..] = words else {
        return Err(Refusal::Syntax);
    };
    let (mut replaces, mut options) = (false, options);
    while let Some((word, rest)) = options.split_first() {
        options = rest;
        if is(word, "REPLACE") {
            replaces = true;
        } else if is(word, "DB") {
            let (number, rest) = options.split_first().ok_or(Refusal::Syntax)?;
            options = rest;
            // There is one database.
            if integer(number)? != 0 {
                return Err(Refusal::Says("DB index is out of range"));
            }
        } else {
            return Err(Refusal::Syntax);
        }
    }
    if from == to {
        return Err(Refusal::Says("source and destination objects are the same"));
    }
    let size = cx.store.size_of(from).unwrap_or(0);
    cx.store.reserve(size + to.len())?;
    let is_free = replaces || !cx.store.contains(to);
    let expires = cx.store.expires(from).flatten();
    let value = cx.store.value(from).filter(|_| is_free).cloned();
    let is_copied = value.is_some();
    if let Some(value) = value {
        cx.store.put(to, value, expires);
    }
    cx.reply.integer(is_copied.into());
    Ok(())
}

pub(super) fn object(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let (what, key) = match words {
        [what, key] => (what, key),
        [what] if is(what, "HELP") => {
            cx.reply.array(1);
            cx.reply
                .simple("OBJECT (ENCODING|FREQ|IDLETIME|REFCOUNT) <key>");
            return Ok(());
        }
        [what, ..] if is(what, "ENCODING") => {
            return Err(Refusal::WrongNumberOf("object", "encoding"));
        }
        [what, ..] if is(what, "REFCOUNT") => {
            return Err(Refusal::WrongNumberOf("object", "refcount"));
        }
        [what, ..] => {
            super::unknown_subcommand("OBJECT", what, cx.reply);
            return Ok(());
        }
        [] => return Err(Refusal::Syntax),
    };
    if is(what, "FREQ") && cx.store.contains(key) {
        return Err(Refusal::Says(
            "An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies \
             at runtime LRU and LFU data will take some time to adjust.",
        ));
    }
    if !["ENCODING", "REFCOUNT", "FREQ", "IDLETIME"]
        .iter()
        .any(|name| is(what, name))
    {
        super::unknown_subcommand("OBJECT", what, cx.reply);
        return Ok(());
    }
    if is(what, "IDLETIME") {
        // It knows no time of use, only an order.
        match cx.store.contains(key) {
            true => cx.reply.integer(0),
            false => cx.reply.null(),
        }
        return Ok(());
    }
    let Some(value) = cx.store.value(key) else {
        cx.reply.null();
        return Ok(());
    };
    if is(what, "ENCODING") {
        cx.reply.bulk(value.encoding().as_bytes());
    } else {
        cx.reply.integer(1);
    }
    Ok(())
}
