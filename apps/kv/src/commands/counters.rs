//! Strings that are numbers.

use super::options::{float, integer};
use super::{Context, Done, Refusal};
use crate::number::{float_sum, integer_text};
use crate::store::{Expiry, Text};

fn add(cx: &mut Context<'_, '_>, key: &[u8], number: i64) -> Done {
    let text = cx.store.read::<Text>(key)?;
    let before = text.map_or(Ok(0), |text| integer(text))?;
    let after = before.checked_add(number).ok_or(Refusal::Overflow)?;
    cx.store.set_text(key, &integer_text(after), Expiry::Keep)?;
    cx.reply.integer(after);
    Ok(())
}

pub(super) fn increment(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let [key] = words else {
        return Err(Refusal::Syntax);
    };
    add(cx, key, 1)
}

pub(super) fn decrement(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let [key] = words else {
        return Err(Refusal::Syntax);
    };
    add(cx, key, -1)
}

pub(super) fn increment_by(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let [key, number] = words else {
        return Err(Refusal::Syntax);
    };
    add(cx, key, integer(number)?)
}

pub(super) fn decrement_by(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let [key, number] = words else {
        return Err(Refusal::Syntax);
    };
    let number = integer(number)?.checked_neg();
    add(
        cx,
        key,
        number.ok_or(Refusal::Says("decrement would overflow"))?,
    )
}

pub(super) fn increment_by_float(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let [key, number] = words else {
        return Err(Refusal::Syntax);
    };
    let before = match cx.store.read::<Text>(key)? {
        Some(text) => text.as_slice(),
        None => b"0",
    };
    float(before)?;
    float(number)?;
    let after = float_sum(before, number).ok_or(Refusal::Infinite)?;
    cx.store.set_text(key, &after, Expiry::Keep)?;
    cx.store.changes().say(&[b"SET", key, &after, b"KEEPTTL"]);
    cx.reply.bulk(&after);
    Ok(())
}
