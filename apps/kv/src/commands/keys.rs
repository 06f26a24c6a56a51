//! Commands on keys, whatever they hold.

use super::{Done, Refusal, integer};
use crate::reply::Reply;
use crate::store::Store;

/// Milliseconds of a second.
pub(super) const SECOND: u64 = 1000;

/// Milliseconds from now that a time may have at most, so that no sum of times is too large.
const FARTHEST: u64 = 1 << 60;

/// When a time from now is up that a client wrote, in units of so many milliseconds.
pub(super) fn deadline(
    store: &Store,
    time: &[u8],
    unit: u64,
    name: &'static str,
) -> Result<u64, Refusal> {
    let time = integer(time)?;
    let time = u64::try_from(time).ok().filter(|time| *time > 0);
    let time = time.and_then(|time| time.checked_mul(unit));
    let time = time.filter(|time| *time <= FARTHEST);
    Ok(store.now() + time.ok_or(Refusal::Expiry(name))?)
}

pub(super) fn delete(store: &mut Store, words: &[&[u8]], reply: &mut Reply<'_>) -> Done {
    let gone = words.iter().filter(|key| store.remove(key).is_some());
    let gone = gone.count();
    reply.count(gone);
    Ok(())
}

pub(super) fn exist(store: &mut Store, words: &[&[u8]], reply: &mut Reply<'_>) -> Done {
    let there = words.iter().filter(|key| store.contains(key));
    reply.count(there.count());
    Ok(())
}

pub(super) fn kind(store: &mut Store, words: &[&[u8]], reply: &mut Reply<'_>) -> Done {
    let [key] = words else {
        return Err(Refusal::Syntax);
    };
    reply.simple(if store.contains(key) {
        "string"
    } else {
        "none"
    });
    Ok(())
}

/// A time that is not behind now removes the key.
fn expire_in(
    store: &mut Store,
    words: &[&[u8]],
    unit: u64,
    name: &'static str,
    reply: &mut Reply<'_>,
) -> Done {
    let [key, time] = words else {
        return Err(Refusal::Syntax);
    };
    let was_there = match integer(time)? {
        ..=0 => store.remove(key).is_some(),
        _ => {
            let expires = deadline(store, time, unit, name)?;
            store.set_expiry(key, Some(expires))
        }
    };
    reply.integer(was_there.into());
    Ok(())
}

pub(super) fn expire(store: &mut Store, words: &[&[u8]], reply: &mut Reply<'_>) -> Done {
    expire_in(store, words, SECOND, "expire", reply)
}

pub(super) fn expire_milliseconds(
    store: &mut Store,
    words: &[&[u8]],
    reply: &mut Reply<'_>,
) -> Done {
    expire_in(store, words, 1, "pexpire", reply)
}

pub(super) fn persist(store: &mut Store, words: &[&[u8]], reply: &mut Reply<'_>) -> Done {
    let [key] = words else {
        return Err(Refusal::Syntax);
    };
    let expires = store.expires(key).flatten().is_some();
    reply.integer((expires && store.set_expiry(key, None)).into());
    Ok(())
}

/// What is left until a key expires; -2 where there is none, -1 where it never does.
fn left(store: &Store, words: &[&[u8]], unit: u64, reply: &mut Reply<'_>) -> Done {
    let [key] = words else {
        return Err(Refusal::Syntax);
    };
    reply.integer(match store.expires(key) {
        None => -2,
        Some(None) => -1,
        // Rounded to the nearest unit, as Redis rounds it.
        Some(Some(expires)) => {
            let left = expires.saturating_sub(store.now());
            i64::try_from((left + unit / 2) / unit).unwrap_or(i64::MAX)
        }
    });
    Ok(())
}

pub(super) fn seconds_left(store: &mut Store, words: &[&[u8]], reply: &mut Reply<'_>) -> Done {
    left(store, words, SECOND, reply)
}

pub(super) fn milliseconds_left(store: &mut Store, words: &[&[u8]], reply: &mut Reply<'_>) -> Done {
    left(store, words, 1, reply)
}
