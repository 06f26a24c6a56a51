//! When keys expire.

use alloc::vec::Vec;

use super::options::{integer, is};
use super::strings_many::say_expiry;
use super::{Context, Done, Refusal};
use crate::number::integer_text;
use crate::store::Held;

/// Milliseconds of a second.
pub(super) const SECOND: i64 = 1000;

/// Milliseconds of a millisecond.
pub(super) const MILLISECOND: i64 = 1;

/// A time as text.
pub(super) fn time_text(at: u64) -> Vec<u8> {
    integer_text(i64::try_from(at).unwrap_or(i64::MAX))
}

/// What time it is, as a signed number.
fn now(store: &Held<'_>) -> i64 {
    i64::try_from(store.now()).unwrap_or(i64::MAX)
}

/// Whether times by the calendar mean something.
fn calendar(store: &Held<'_>) -> Done {
    match store.settings().has_calendar || store.is_replaying() {
        true => Ok(()),
        false => Err(Refusal::NoCalendar),
    }
}

/// The time that a client wrote, in units of so many milliseconds, from now or from the beginning of the calendar.
fn time_of(
    store: &Held<'_>,
    number: i64,
    unit: i64,
    is_from_now: bool,
    name: &'static str,
) -> Result<i64, Refusal> {
    if !is_from_now {
        calendar(store)?;
    }
    let base = if is_from_now { now(store) } else { 0 };
    let at = number.checked_mul(unit).filter(|it| *it <= i64::MAX - base);
    at.map(|it| it + base).ok_or(Refusal::Expiry(name))
}

/// The same, of a time that has to be after the beginning.
pub(super) fn deadline(
    store: &Held<'_>,
    number: &[u8],
    unit: i64,
    is_from_now: bool,
    name: &'static str,
) -> Result<u64, Refusal> {
    let number = integer(number)?;
    if number <= 0 {
        return Err(Refusal::Expiry(name));
    }
    let at = time_of(store, number, unit, is_from_now, name)?;
    u64::try_from(at).map_err(|_| Refusal::Expiry(name))
}

/// The words behind the time.
#[derive(Default)]
struct Conditions {
    only_new: bool,
    only_old: bool,
    only_later: bool,
    only_earlier: bool,
}

impl Conditions {
    fn read(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Result<Option<Conditions>, Refusal> {
        let mut it = Conditions::default();
        for word in words {
            let flag = match () {
                () if is(word, "NX") => &mut it.only_new,
                () if is(word, "XX") => &mut it.only_old,
                () if is(word, "GT") => &mut it.only_later,
                () if is(word, "LT") => &mut it.only_earlier,
                () => {
                    let text = [b"ERR Unsupported option ", super::told(word)].concat();
                    cx.reply.error_of_bytes(&text);
                    return Ok(None);
                }
            };
            *flag = true;
        }
        if it.only_new && (it.only_old || it.only_later || it.only_earlier) {
            return Err(Refusal::Says(
                "NX and XX, GT or LT options at the same time are not compatible",
            ));
        }
        if it.only_later && it.only_earlier {
            return Err(Refusal::Says(
                "GT and LT options at the same time are not compatible",
            ));
        }
        Ok(Some(it))
    }

    /// Whether a key that expires then, or never, may expire at another time.
    fn allow(&self, before: Option<u64>, after: i64) -> bool {
        let before = before.map(|at| i64::try_from(at).unwrap_or(i64::MAX));
        match before {
            None => !self.only_old && !self.only_later,
            Some(_) if self.only_new => false,
            Some(before) => {
                !(self.only_later && after <= before || self.only_earlier && after >= before)
            }
        }
    }
}

fn set(
    cx: &mut Context<'_, '_>,
    words: &[&[u8]],
    unit: i64,
    is_from_now: bool,
    name: &'static str,
) -> Done {
    let [key, time, conditions @ ..] = words else {
        return Err(Refusal::Syntax);
    };
    let Some(conditions) = Conditions::read(cx, conditions)? else {
        return Ok(());
    };
    let at = time_of(&cx.store, integer(time)?, unit, is_from_now, name)?;
    let before = cx.store.expires(key);
    let is_set = before.is_some_and(|before| conditions.allow(before, at));
    if is_set {
        // A time before the beginning is past as well.
        let at = u64::try_from(at).unwrap_or(0);
        cx.store.set_expiry(key, Some(at));
        say_expiry(cx, key, at);
    }
    cx.reply.integer(is_set.into());
    Ok(())
}

pub(super) fn expire(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    set(cx, words, SECOND, true, "expire")
}

pub(super) fn expire_milliseconds(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    set(cx, words, MILLISECOND, true, "pexpire")
}

pub(super) fn expire_at(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    set(cx, words, SECOND, false, "expireat")
}

pub(super) fn expire_at_milliseconds(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    set(cx, words, MILLISECOND, false, "pexpireat")
}

pub(super) fn persist(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let [key] = words else {
        return Err(Refusal::Syntax);
    };
    let expires = cx.store.expires(key).flatten().is_some();
    let is_set = expires && cx.store.set_expiry(key, None);
    cx.reply.integer(is_set.into());
    Ok(())
}

/// Tells something of when a key expires; -2 where there is none, -1 where it never does.
fn tell(cx: &mut Context<'_, '_>, words: &[&[u8]], of: impl Fn(u64, u64) -> u64) -> Done {
    let [key] = words else {
        return Err(Refusal::Syntax);
    };
    cx.reply.integer(match cx.store.expires(key) {
        None => -2,
        Some(None) => -1,
        Some(Some(at)) => i64::try_from(of(at, cx.store.now())).unwrap_or(i64::MAX),
    });
    Ok(())
}

/// Rounded to the nearest unit, as Redis rounds it.
fn rounded(time: u64) -> u64 {
    time.saturating_add(500) / 1000
}

pub(super) fn left(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    tell(cx, words, |at, now| rounded(at.saturating_sub(now)))
}

pub(super) fn left_milliseconds(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    tell(cx, words, |at, now| at.saturating_sub(now))
}

pub(super) fn time(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    calendar(&cx.store)?;
    tell(cx, words, |at, _| rounded(at))
}

pub(super) fn time_milliseconds(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    calendar(&cx.store)?;
    tell(cx, words, |at, _| at)
}
