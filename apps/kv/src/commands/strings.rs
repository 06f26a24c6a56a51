//! Commands on strings.

use alloc::vec::Vec;

use super::keys::{self, deadline};
use super::{Done, Refusal, integer};
use crate::reply::Reply;
use crate::request::LONGEST_ARGUMENT;
use crate::store::Store;

pub(super) fn get(store: &mut Store, words: &[&[u8]], reply: &mut Reply<'_>) -> Done {
    let [key] = words else {
        return Err(Refusal::Syntax);
    };
    reply.bulk_or_null(store.get(key));
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
    fn read(store: &Store, mut words: &[&[u8]]) -> Result<Options, Refusal> {
        let mut options = Options::default();
        let mut has_expiry = false;
        while let Some((word, rest)) = words.split_first() {
            words = rest;
            let is = |name: &[u8]| word.eq_ignore_ascii_case(name);
            if is(b"NX") && !options.only_old {
                options.only_new = true;
            } else if is(b"XX") && !options.only_new {
                options.only_old = true;
            } else if is(b"GET") {
                options.tells_old = true;
            } else if is(b"KEEPTTL") && !has_expiry {
                (options.keeps_expiry, has_expiry) = (true, true);
            } else if (is(b"EX") || is(b"PX")) && !has_expiry {
                let (time, rest) = words.split_first().ok_or(Refusal::Syntax)?;
                words = rest;
                let unit = if is(b"EX") { keys::SECOND } else { 1 };
                options.expires = Some(deadline(store, time, unit, "set")?);
                has_expiry = true;
            } else if is(b"EXAT") || is(b"PXAT") {
                return Err(Refusal::NoCalendar);
            } else {
                return Err(Refusal::Syntax);
            }
        }
        Ok(options)
    }
}

pub(super) fn set(store: &mut Store, words: &[&[u8]], reply: &mut Reply<'_>) -> Done {
    let [key, value, options @ ..] = words else {
        return Err(Refusal::Syntax);
    };
    let options = Options::read(store, options)?;
    let exists = store.contains(key);
    let is_refused = options.only_new && exists || options.only_old && !exists;
    if options.tells_old {
        reply.bulk_or_null(store.get(key));
    }
    if !is_refused {
        let expires = match options.keeps_expiry {
            true => store.expires(key).flatten(),
            false => options.expires,
        };
        store.set(key, value.to_vec(), expires)?;
    }
    match (options.tells_old, is_refused) {
        (true, _) => {}
        (false, true) => reply.null(),
        (false, false) => reply.ok(),
    }
    Ok(())
}

pub(super) fn set_new(store: &mut Store, words: &[&[u8]], reply: &mut Reply<'_>) -> Done {
    let [key, value] = words else {
        return Err(Refusal::Syntax);
    };
    let is_new = !store.contains(key);
    if is_new {
        store.set(key, value.to_vec(), None)?;
    }
    reply.integer(is_new.into());
    Ok(())
}

fn set_for(
    store: &mut Store,
    words: &[&[u8]],
    unit: u64,
    name: &'static str,
    reply: &mut Reply<'_>,
) -> Done {
    let [key, time, value] = words else {
        return Err(Refusal::Syntax);
    };
    let expires = deadline(store, time, unit, name)?;
    store.set(key, value.to_vec(), Some(expires))?;
    reply.ok();
    Ok(())
}

pub(super) fn set_for_seconds(store: &mut Store, words: &[&[u8]], reply: &mut Reply<'_>) -> Done {
    set_for(store, words, keys::SECOND, "setex", reply)
}

pub(super) fn set_for_milliseconds(
    store: &mut Store,
    words: &[&[u8]],
    reply: &mut Reply<'_>,
) -> Done {
    set_for(store, words, 1, "psetex", reply)
}

pub(super) fn get_and_set(store: &mut Store, words: &[&[u8]], reply: &mut Reply<'_>) -> Done {
    let [key, value] = words else {
        return Err(Refusal::Syntax);
    };
    reply.bulk_or_null(store.get(key));
    store.set(key, value.to_vec(), None)?;
    Ok(())
}

pub(super) fn get_and_delete(store: &mut Store, words: &[&[u8]], reply: &mut Reply<'_>) -> Done {
    let [key] = words else {
        return Err(Refusal::Syntax);
    };
    reply.bulk_or_null(store.remove(key).as_deref());
    Ok(())
}

pub(super) fn get_many(store: &mut Store, words: &[&[u8]], reply: &mut Reply<'_>) -> Done {
    let lengths = words.iter().filter_map(|key| store.get(key));
    let bytes: usize = lengths.map(<[u8]>::len).sum();
    // One value more than once counts each time.
    if bytes > LONGEST_ARGUMENT {
        return Err(Refusal::LongAnswer);
    }
    reply.array(words.len());
    for key in words {
        reply.bulk_or_null(store.get(key));
    }
    Ok(())
}

/// All keys are set, or, where there is no room, none.
pub(super) fn set_many(store: &mut Store, words: &[&[u8]], reply: &mut Reply<'_>) -> Done {
    let (pairs, rest) = words.as_chunks::<2>();
    if !rest.is_empty() {
        super::wrong_number("mset", reply);
        return Ok(());
    }
    store.set_all(pairs.iter().map(|[key, value]| (*key, *value)))?;
    reply.ok();
    Ok(())
}

pub(super) fn append(store: &mut Store, words: &[&[u8]], reply: &mut Reply<'_>) -> Done {
    let [key, more] = words else {
        return Err(Refusal::Syntax);
    };
    let mut value = store.get(key).unwrap_or_default().to_vec();
    if value.len() + more.len() > LONGEST_ARGUMENT {
        return Err(Refusal::TooLong);
    }
    value.extend(*more);
    let length = value.len();
    let expires = store.expires(key).flatten();
    store.set(key, value, expires)?;
    reply.count(length);
    Ok(())
}

pub(super) fn length(store: &mut Store, words: &[&[u8]], reply: &mut Reply<'_>) -> Done {
    let [key] = words else {
        return Err(Refusal::Syntax);
    };
    reply.count(store.get(key).map_or(0, <[u8]>::len));
    Ok(())
}

fn add(store: &mut Store, key: &[u8], number: i64, reply: &mut Reply<'_>) -> Done {
    let before = store.get(key).map_or(Ok(0), integer)?;
    let after = before.checked_add(number).ok_or(Refusal::Overflow)?;
    let mut value = Vec::new();
    let mut text = Reply(&mut value);
    // Writing into memory does not fail.
    let _ = core::fmt::Write::write_fmt(&mut text, format_args!("{after}"));
    let expires = store.expires(key).flatten();
    store.set(key, value, expires)?;
    reply.integer(after);
    Ok(())
}

pub(super) fn increment(store: &mut Store, words: &[&[u8]], reply: &mut Reply<'_>) -> Done {
    let [key] = words else {
        return Err(Refusal::Syntax);
    };
    add(store, key, 1, reply)
}

pub(super) fn decrement(store: &mut Store, words: &[&[u8]], reply: &mut Reply<'_>) -> Done {
    let [key] = words else {
        return Err(Refusal::Syntax);
    };
    add(store, key, -1, reply)
}

pub(super) fn increment_by(store: &mut Store, words: &[&[u8]], reply: &mut Reply<'_>) -> Done {
    let [key, number] = words else {
        return Err(Refusal::Syntax);
    };
    add(store, key, integer(number)?, reply)
}

pub(super) fn decrement_by(store: &mut Store, words: &[&[u8]], reply: &mut Reply<'_>) -> Done {
    let [key, number] = words else {
        return Err(Refusal::Syntax);
    };
    let number = integer(number)?.checked_neg().ok_or(Refusal::Overflow)?;
    add(store, key, number, reply)
}
