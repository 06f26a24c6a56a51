//! Commands that go through keys and elements.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use super::options::{integer, is};
use super::{Context, Done, Refusal};
use crate::glob::{LONGEST_PATTERN, matches};
use crate::number::integer_text;
use crate::number::write_float;
use crate::reply::Reply;
use crate::store::{Hash, Kind, Set, Sorted};

/// Keys that one look goes through at most.
const MOST: usize = 10_000;

pub(super) fn keys(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let [pattern] = words else {
        return Err(Refusal::Syntax);
    };
    if pattern.len() > LONGEST_PATTERN {
        return Err(Refusal::LongPattern);
    }
    let mut found = Vec::new();
    let mut bytes = 0;
    for (key, ..) in cx.store.entries() {
        if matches(pattern, key) {
            bytes += key.len() + 8;
            cx.has_room(bytes)?;
            found.push(key);
        }
    }
    cx.reply.array(found.len());
    for key in found {
        cx.reply.bulk(key);
    }
    Ok(())
}

/// The words of a look.
struct Look<'a> {
    cursor: u64,
    count: usize,
    pattern: Option<&'a [u8]>,
    kind: Option<&'a [u8]>,
}

impl<'a> Look<'a> {
    fn read(cursor: u64, mut words: &[&'a [u8]], has_kind: bool) -> Result<Look<'a>, Refusal> {
        let mut look = Look {
            cursor,
            count: 10,
            pattern: None,
            kind: None,
        };
        while let Some((word, rest)) = words.split_first() {
            let (value, rest) = rest.split_first().ok_or(Refusal::Syntax)?;
            words = rest;
            if is(word, "COUNT") {
                let count = integer(value)?;
                let count = usize::try_from(count).ok().filter(|count| *count > 0);
                look.count = count.ok_or(Refusal::Syntax)?.min(MOST);
            } else if is(word, "MATCH") {
                if value.len() > LONGEST_PATTERN {
                    return Err(Refusal::LongPattern);
                }
                look.pattern = Some(*value).filter(|pattern| *pattern != b"*");
            } else if has_kind && is(word, "TYPE") {
                look.kind = Some(value);
            } else {
                return Err(Refusal::Syntax);
            }
        }
        Ok(look)
    }

    fn takes(&self, name: &[u8]) -> bool {
        self.pattern.is_none_or(|pattern| matches(pattern, name))
    }
}

fn cursor(word: &[u8]) -> Result<u64, Refusal> {
    let text = core::str::from_utf8(word).ok();
    let cursor = text.and_then(|text| text.parse().ok());
    cursor.ok_or(Refusal::Says("invalid cursor"))
}

fn head(next: u64, reply: &mut Reply<'_>) {
    reply.array(2);
    reply.bulk(&integer_text(i64::try_from(next).unwrap_or(0)));
}

pub(super) fn scan(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let [start, options @ ..] = words else {
        return Err(Refusal::Syntax);
    };
    let mut look = Look::read(cursor(start)?, options, true)?;
    // Long keys may not fit in one answer: then fewer come.
    loop {
        let (next, mut found) = cx.store.scan(look.cursor, look.count);
        found.retain(|(key, value)| {
            look.takes(key) && look.kind.is_none_or(|kind| is(kind, value.kind()))
        });
        let bytes: usize = found.iter().map(|(key, _)| key.len() + 16).sum();
        if look.count > 1 && cx.has_room(bytes + 64).is_err() {
            look.count /= 2;
            continue;
        }
        head(next, cx.reply);
        cx.reply.array(found.len());
        for (key, _) in found {
            cx.reply.bulk(key);
        }
        return Ok(());
    }
}

/// A part of a collection: where the next part begins, and names with what is told of each.
type Page<'a> = (u64, Vec<(&'a [u8], Option<Cow<'a, [u8]>>)>);

/// Looks at a part of a collection.
fn scan_in<T: Kind>(
    cx: &mut Context<'_, '_>,
    words: &[&[u8]],
    page: fn(&T, u64, usize) -> Page<'_>,
) -> Done {
    let [key, start, options @ ..] = words else {
        return Err(Refusal::Syntax);
    };
    let start = cursor(start)?;
    let Some(collection) = cx.store.read::<T>(key)? else {
        head(0, cx.reply);
        cx.reply.array(0);
        return Ok(());
    };
    let mut look = Look::read(start, options, false)?;
    loop {
        let (next, mut found) = page(collection, look.cursor, look.count);
        found.retain(|(name, _)| look.takes(name));
        let length = |text: &Option<Cow<'_, [u8]>>| text.as_ref().map_or(0, |text| text.len() + 16);
        let lengths = found
            .iter()
            .map(|(name, text)| name.len() + 16 + length(text));
        if look.count > 1 && cx.has_room(lengths.sum::<usize>() + 64).is_err() {
            look.count /= 2;
            continue;
        }
        let texts = found.iter().filter(|(_, text)| text.is_some()).count();
        head(next, cx.reply);
        cx.reply.array(found.len() + texts);
        for (name, text) in found {
            cx.reply.bulk(name);
            if let Some(text) = text {
                cx.reply.bulk(&text);
            }
        }
        return Ok(());
    }
}

pub(super) fn hash(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    scan_in(cx, words, |hash: &Hash, cursor, count| {
        let part = hash.scan(cursor, count);
        let fields = part.found.into_iter();
        let told = fields.map(|(name, value)| (&**name, Some(Cow::Borrowed(value.as_slice()))));
        (part.next, told.collect())
    })
}

pub(super) fn set(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    scan_in(cx, words, |set: &Set, cursor, count| {
        let part = set.scan(cursor, count);
        let names = part.found.into_iter();
        (part.next, names.map(|(name, ())| (&**name, None)).collect())
    })
}

pub(super) fn sorted(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    scan_in(cx, words, |sorted: &Sorted, cursor, count| {
        let part = sorted.scores().scan(cursor, count);
        let names = part.found.into_iter();
        let told = names.map(|(name, score)| {
            let mut text = Vec::new();
            write_float(*score, &mut text);
            (&**name, Some(Cow::Owned(text)))
        });
        (part.next, told.collect())
    })
}
