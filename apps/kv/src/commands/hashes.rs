//! Commands on hashes.

use alloc::vec::Vec;

use super::options::{float, integer, is};
use super::{Context, Done, Refusal};
use crate::number::{float_sum, integer_text};
use crate::store::{FIELD, Hash, OVERHEAD};

/// Bytes that fields take which are set in a key.
fn growth(key: &[u8], words: &[&[u8]]) -> usize {
    let words = words.iter().map(|word| word.len() + FIELD);
    words.sum::<usize>() + key.len() + OVERHEAD
}

fn set_fields(
    cx: &mut Context<'_, '_>,
    words: &[&[u8]],
    name: &'static str,
) -> Result<usize, Refusal> {
    let [key, fields @ ..] = words else {
        return Err(Refusal::Syntax);
    };
    let (pairs, rest) = fields.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(Refusal::WrongNumber(name));
    }
    cx.store.read::<Hash>(key)?;
    cx.store.reserve_for(key, growth(key, fields))?;
    let added = cx.store.change_or_make(key, |hash: &mut Hash| {
        let inserted = pairs
            .iter()
            .filter(|[field, value]| hash.insert(field, value.to_vec()).is_none());
        (inserted.count(), true)
    })?;
    Ok(added)
}

pub(super) fn set(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let added = set_fields(cx, words, "hset")?;
    cx.reply.count(added);
    Ok(())
}

pub(super) fn set_many(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    set_fields(cx, words, "hmset")?;
    cx.reply.ok();
    Ok(())
}

pub(super) fn set_new(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let [key, field, _] = words else {
        return Err(Refusal::Syntax);
    };
    let hash = cx.store.read::<Hash>(key)?;
    let is_new = hash.is_none_or(|hash| hash.get(field).is_none());
    if is_new {
        set_fields(cx, words, "hsetnx")?;
    }
    cx.reply.integer(is_new.into());
    Ok(())
}

pub(super) fn get(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let [key, field] = words else {
        return Err(Refusal::Syntax);
    };
    let hash = cx.store.read::<Hash>(key)?;
    let value = hash.and_then(|hash| hash.get(field));
    cx.reply.bulk_or_null(value.map(Vec::as_slice));
    Ok(())
}

pub(super) fn get_many(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let [key, fields @ ..] = words else {
        return Err(Refusal::Syntax);
    };
    let hash = cx.store.read::<Hash>(key)?;
    cx.reply.array(fields.len());
    for field in fields {
        let value = hash.and_then(|hash| hash.get(field));
        cx.reply.bulk_or_null(value.map(Vec::as_slice));
    }
    Ok(())
}

/// Tells names, or values, or both.
fn tell(cx: &mut Context<'_, '_>, words: &[&[u8]], names: bool, values: bool) -> Done {
    let [key] = words else {
        return Err(Refusal::Syntax);
    };
    let hash = cx.store.read::<Hash>(key)?;
    let count = hash.map_or(0, Hash::len);
    match names && values {
        true => cx.reply.map(count),
        false => cx.reply.array(count),
    }
    for (name, value) in hash.into_iter().flat_map(Hash::iter) {
        if names {
            cx.reply.bulk(name);
        }
        if values {
            cx.reply.bulk(value);
        }
        if cx.reply.is_long() {
            break;
        }
    }
    Ok(())
}

pub(super) fn all(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    tell(cx, words, true, true)
}

pub(super) fn names(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    tell(cx, words, true, false)
}

pub(super) fn values(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    tell(cx, words, false, true)
}

pub(super) fn delete(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let [key, fields @ ..] = words else {
        return Err(Refusal::Syntax);
    };
    let removed = cx.store.change(key, |hash: &mut Hash| {
        let removed = fields.iter().filter(|field| hash.remove(field).is_some());
        let removed = removed.count();
        (removed, removed > 0)
    })?;
    cx.reply.count(removed.unwrap_or(0));
    Ok(())
}

pub(super) fn exists(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let [key, field] = words else {
        return Err(Refusal::Syntax);
    };
    let hash = cx.store.read::<Hash>(key)?;
    let is_there = hash.is_some_and(|hash| hash.get(field).is_some());
    cx.reply.integer(is_there.into());
    Ok(())
}

pub(super) fn length(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let [key] = words else {
        return Err(Refusal::Syntax);
    };
    let length = cx.store.read::<Hash>(key)?.map_or(0, Hash::len);
    cx.reply.count(length);
    Ok(())
}

pub(super) fn length_of(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let [key, field] = words else {
        return Err(Refusal::Syntax);
    };
    let hash = cx.store.read::<Hash>(key)?;
    let value = hash.and_then(|hash| hash.get(field));
    cx.reply.count(value.map_or(0, Vec::len));
    Ok(())
}

pub(super) fn increment(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let [key, field, number] = words else {
        return Err(Refusal::Syntax);
    };
    let number = integer(number)?;
    let hash = cx.store.read::<Hash>(key)?;
    let before = match hash.and_then(|hash| hash.get(field)) {
        None => 0,
        Some(text) => integer(text).map_err(|_| Refusal::Says("hash value is not an integer"))?,
    };
    let after = before.checked_add(number).ok_or(Refusal::Overflow)?;
    set_fields(cx, &[key, field, &integer_text(after)], "hincrby")?;
    cx.reply.integer(after);
    Ok(())
}

pub(super) fn increment_float(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let [key, field, number] = words else {
        return Err(Refusal::Syntax);
    };
    float(number)?;
    let hash = cx.store.read::<Hash>(key)?;
    let before = match hash.and_then(|hash| hash.get(field)) {
        None => b"0",
        Some(text) => text.as_slice(),
    };
    float(before).map_err(|_| Refusal::Says("hash value is not a float"))?;
    let after = float_sum(before, number).ok_or(Refusal::Infinite)?;
    set_fields(cx, &[key, field, &after], "hincrbyfloat")?;
    cx.store.changes().say(&[b"HSET", key, field, &after]);
    cx.reply.bulk(&after);
    Ok(())
}

pub(super) fn random(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let (key, count, has_values) = match words {
        [key] => (key, None, false),
        [key, count] => (key, Some(integer(count)?), false),
        [key, count, word] if is(word, "WITHVALUES") => (key, Some(integer(count)?), true),
        _ => return Err(Refusal::Syntax),
    };
    let mut random = cx.store.random().clone();
    random.next();
    *cx.store.random() = random.clone();
    let Some(hash) = cx.store.read::<Hash>(key)? else {
        match count {
            None => cx.reply.null(),
            Some(_) => cx.reply.array(0),
        }
        return Ok(());
    };
    let Some(count) = count else {
        let field = hash.random(&mut random);
        cx.reply.bulk_or_null(field.map(|(name, _)| &**name));
        return Ok(());
    };
    let pairs = has_values && cx.reply.is_third();
    let told = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    let told = if count < 0 {
        told
    } else {
        told.min(hash.len())
    };
    // Each takes some bytes at least.
    cx.has_room(told.saturating_mul(6))?;
    cx.reply
        .array(if has_values && !pairs { 2 * told } else { told });
    let mut tell = |(name, value): (&alloc::boxed::Box<[u8]>, &Vec<u8>)| {
        if pairs {
            cx.reply.array(2);
        }
        cx.reply.bulk(name);
        if has_values {
            cx.reply.bulk(value);
        }
        !cx.reply.is_long()
    };
    if count < 0 {
        let mut fields = (0..told).map_while(|_| hash.random(&mut random));
        let _ = fields.all(&mut tell);
    } else {
        let mut fields = hash.choose(told, &mut random).into_iter();
        let _ = fields.all(&mut tell);
    }
    Ok(())
}
