//! Commands on many strings, and what reads a string and sets its time.

use super::expiry::{deadline, time_text};
use super::options::is;
use super::strings::time_option;
use super::{Context, Done, Refusal};
use crate::store::Text;

pub(super) fn get_many(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    cx.reply.array(words.len());
    for key in words {
        // Of another kind of value nothing is told.
        let text = cx.store.read::<Text>(key).ok().flatten();
        cx.reply.bulk_or_null(text.map(Text::as_slice));
    }
    Ok(())
}

/// The pairs of keys and strings.
fn pairs<'a, 'w>(
    words: &'a [&'w [u8]],
    name: &'static str,
) -> Result<&'a [[&'w [u8]; 2]], Refusal> {
    match words.as_chunks::<2>() {
        (pairs, []) => Ok(pairs),
        _ => Err(Refusal::WrongNumber(name)),
    }
}

/// All keys are set, or, where there is no room, none.
pub(super) fn set_many(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    cx.store.set_texts(pairs(words, "mset")?)?;
    cx.reply.ok();
    Ok(())
}

pub(super) fn set_many_new(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let pairs = pairs(words, "msetnx")?;
    let is_new = !pairs.iter().any(|[key, _]| cx.store.contains(key));
    if is_new {
        cx.store.set_texts(pairs)?;
    }
    cx.reply.integer(is_new.into());
    Ok(())
}

pub(super) fn get_and_expire(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let [key, options @ ..] = words else {
        return Err(Refusal::Syntax);
    };
    let time = match options {
        [] => None,
        [word] if is(word, "PERSIST") => None,
        [word, number] => Some((time_option(word).ok_or(Refusal::Syntax)?, number)),
        _ => return Err(Refusal::Syntax),
    };
    let Some(text) = cx.store.read::<Text>(key)? else {
        cx.reply.null();
        return Ok(());
    };
    let expires = match time {
        None => (!options.is_empty()).then_some(None),
        Some(((unit, is_from_now), number)) => Some(Some(deadline(
            &cx.store,
            number,
            unit,
            is_from_now,
            "getex",
        )?)),
    };
    cx.has_room(text.len())?;
    cx.reply.bulk(text);
    match expires {
        None => {}
        Some(None) if cx.store.expires(key).flatten().is_none() => {}
        Some(None) => {
            cx.store.set_expiry(key, None);
            cx.store.changes().say(&[b"PERSIST", key]);
        }
        Some(Some(at)) => {
            cx.store.set_expiry(key, Some(at));
            say_expiry(cx, key, at);
        }
    }
    Ok(())
}

/// Notes that a key expires then, or is gone.
pub(super) fn say_expiry(cx: &mut Context<'_, '_>, key: &[u8], at: u64) {
    match cx.store.contains(key) {
        true => cx.store.changes().say(&[b"PEXPIREAT", key, &time_text(at)]),
        false => cx.store.changes().say(&[b"DEL", key]),
    }
}
