//! Commands on one string.

use super::expiry::{MILLISECOND, SECOND, deadline, time_text};
use super::options::{integer, is, range as places};
use super::{Context, Done, Refusal};
use crate::request::LONGEST_ARGUMENT;
use crate::store::{Expiry, OVERHEAD, Text};

pub(super) fn get(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let [key] = words else {
        return Err(Refusal::Syntax);
    };
    match cx.store.read::<Text>(key)? {
        Some(text) => cx.reply.bulk(text),
        None => cx.reply.null(),
    }
    Ok(())
}

/// The words of `SET` behind key and value.
#[derive(Default)]
struct Options {
    only_new: bool,
    only_old: bool,
    keeps_expiry: bool,
    tells_old: bool,
    expires: Option<u64>,
}

impl Options {
    fn read(cx: &Context<'_, '_>, mut words: &[&[u8]]) -> Result<Options, Refusal> {
        let mut options = Options::default();
        let mut time = None;
        while let Some((word, rest)) = words.split_first() {
            words = rest;
            let has_expiry = options.keeps_expiry || time.is_some();
            if is(word, "NX") && !options.only_old {
                options.only_new = true;
            } else if is(word, "XX") && !options.only_new {
                options.only_old = true;
            } else if is(word, "GET") {
                options.tells_old = true;
            } else if is(word, "KEEPTTL") && !has_expiry {
                options.keeps_expiry = true;
            } else if let Some((unit, is_from_now)) = time_option(word)
                && !has_expiry
            {
                let (number, rest) = words.split_first().ok_or(Refusal::Syntax)?;
                (words, time) = (rest, Some((number, unit, is_from_now)));
            } else {
                return Err(Refusal::Syntax);
            }
        }
        if let Some((number, unit, is_from_now)) = time {
            options.expires = Some(deadline(&cx.store, number, unit, is_from_now, "set")?);
        }
        Ok(options)
    }
}

/// The unit of a time that an option says, and whether it is from now.
pub(super) fn time_option(word: &[u8]) -> Option<(i64, bool)> {
    match () {
        () if is(word, "EX") => Some((SECOND, true)),
        () if is(word, "PX") => Some((MILLISECOND, true)),
        () if is(word, "EXAT") => Some((SECOND, false)),
        () if is(word, "PXAT") => Some((MILLISECOND, false)),
        () => None,
    }
}

/// Notes that a key was set to a string that expires then.
fn say_set(cx: &mut Context<'_, '_>, key: &[u8], text: &[u8], at: u64) {
    if cx.store.contains(key) {
        let at = time_text(at);
        let words: [&[u8]; 5] = [b"SET", key, text, b"PXAT", &at];
        cx.store.changes().say(&words);
    } else {
        // It was gone already.
        cx.store.changes().say(&[b"DEL", key]);
    }
}

pub(super) fn set(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let [key, text, options @ ..] = words else {
        return Err(Refusal::Syntax);
    };
    if options.is_empty() {
        cx.store.set_text(key, text, Expiry::At(None))?;
        cx.reply.ok();
        return Ok(());
    }
    let options = Options::read(cx, options)?;
    if options.tells_old {
        let there = cx.store.read::<Text>(key)?;
        cx.has_room(there.map_or(0, Text::len))?;
        cx.reply.bulk_or_null(there.map(Text::as_slice));
    }
    let exists = cx.store.contains(key);
    let is_refused = options.only_new && exists || options.only_old && !exists;
    if !is_refused {
        let expiry = match options.keeps_expiry {
            true => Expiry::Keep,
            false => Expiry::At(options.expires),
        };
        cx.store.set_text(key, text, expiry)?;
        match options.expires {
            Some(at) => say_set(cx, key, text, at),
            None if options.keeps_expiry => {
                cx.store.changes().say(&[b"SET", key, text, b"KEEPTTL"]);
            }
            None => cx.store.changes().say(&[b"SET", key, text]),
        }
    }
    match (options.tells_old, is_refused) {
        (true, _) => {}
        (false, true) => cx.reply.null(),
        (false, false) => cx.reply.ok(),
    }
    Ok(())
}

pub(super) fn set_new(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let [key, text] = words else {
        return Err(Refusal::Syntax);
    };
    let is_new = !cx.store.contains(key);
    if is_new {
        cx.store.set_text(key, text, Expiry::At(None))?;
    }
    cx.reply.integer(is_new.into());
    Ok(())
}

fn set_for(cx: &mut Context<'_, '_>, words: &[&[u8]], unit: i64, name: &'static str) -> Done {
    let [key, time, text] = words else {
        return Err(Refusal::Syntax);
    };
    let at = deadline(&cx.store, time, unit, true, name)?;
    cx.store.set_text(key, text, Expiry::At(Some(at)))?;
    say_set(cx, key, text, at);
    cx.reply.ok();
    Ok(())
}

pub(super) fn set_for_seconds(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    set_for(cx, words, SECOND, "setex")
}

pub(super) fn set_for_milliseconds(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    set_for(cx, words, MILLISECOND, "psetex")
}

pub(super) fn get_and_set(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let [key, text] = words else {
        return Err(Refusal::Syntax);
    };
    let there = cx.store.read::<Text>(key)?;
    cx.has_room(there.map_or(0, Text::len))?;
    cx.reply.bulk_or_null(there.map(Text::as_slice));
    cx.store.set_text(key, text, Expiry::At(None))?;
    Ok(())
}

pub(super) fn get_and_delete(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let [key] = words else {
        return Err(Refusal::Syntax);
    };
    let there = cx.store.read::<Text>(key)?;
    cx.has_room(there.map_or(0, Text::len))?;
    cx.reply.bulk_or_null(there.map(Text::as_slice));
    if cx.store.remove(key).is_some() {
        cx.store.changes().say(&[b"DEL", key]);
    }
    Ok(())
}

/// Makes a string longer: what is behind its first bytes is written over.
fn write(
    cx: &mut Context<'_, '_>,
    key: &[u8],
    start: usize,
    bytes: &[u8],
) -> Result<usize, Refusal> {
    let (length, capacity) = match cx.store.read::<Text>(key)? {
        Some(text) => (text.len(), text.capacity()),
        None => (0, 0),
    };
    let end = start.saturating_add(bytes.len()).max(length);
    if end > LONGEST_ARGUMENT {
        return Err(Refusal::TooLong);
    }
    // One that grows again and again is not copied each time.
    let reserved = if end > capacity { end + length / 4 } else { 0 };
    let new = key.len() + OVERHEAD;
    cx.store
        .reserve_for(key, reserved.saturating_sub(capacity) + new)?;
    let write = |text: &mut Text| {
        if reserved > text.capacity() {
            text.reserve_exact(reserved - text.len());
        }
        let overwritten = text.len().saturating_sub(start).min(bytes.len());
        if text.len() < start {
            text.resize(start, 0);
        }
        let (over, behind) = bytes.split_at(overwritten);
        if let Some(place) = text.get_mut(start..start + overwritten) {
            place.copy_from_slice(over);
        }
        text.extend_from_slice(behind);
        (text.len(), true)
    };
    Ok(cx.store.change_or_make(key, write)?)
}

pub(super) fn append(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let [key, more] = words else {
        return Err(Refusal::Syntax);
    };
    let start = cx.store.read::<Text>(key)?.map_or(0, Text::len);
    let length = write(cx, key, start, more)?;
    cx.reply.count(length);
    Ok(())
}

pub(super) fn set_range(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let [key, start, bytes] = words else {
        return Err(Refusal::Syntax);
    };
    let start =
        usize::try_from(integer(start)?).map_err(|_| Refusal::Says("offset is out of range"))?;
    let there = cx.store.read::<Text>(key)?.map_or(0, Text::len);
    if bytes.is_empty() {
        cx.reply.count(there);
        return Ok(());
    }
    let length = write(cx, key, start, bytes)?;
    cx.reply.count(length);
    Ok(())
}

pub(super) fn range(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let [key, start, end] = words else {
        return Err(Refusal::Syntax);
    };
    let (start, end) = (integer(start)?, integer(end)?);
    let text = cx.store.read::<Text>(key)?;
    let text = text.map(Text::as_slice).unwrap_or_default();
    // What is before the beginning is the beginning, of the end too, but not where both are before it.
    let is_before = start < 0 && end < 0 && start > end;
    let end = match end < 0 {
        true => (end.saturating_add(text.len() as i64)).max(0),
        false => end,
    };
    let (start, count) = places(start, end, text.len());
    let found = text.get(start..start + count).filter(|_| !is_before);
    cx.reply.bulk(found.unwrap_or_default());
    Ok(())
}

pub(super) fn length(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let [key] = words else {
        return Err(Refusal::Syntax);
    };
    let length = cx.store.read::<Text>(key)?.map_or(0, Text::len);
    cx.reply.count(length);
    Ok(())
}
