//! What sets have in common, together, and not in common.

use alloc::vec::Vec;

use super::options::{integer, is};
use super::{Context, Done, Refusal};
use crate::store::{Held, Kind, OVERHEAD, Set};

/// What is made of sets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    Union,
    Intersection,
    Difference,
}

/// The sets of some keys.
fn sets<'a>(store: &'a Held<'_>, keys: &[&[u8]]) -> Result<Vec<Option<&'a Set>>, Refusal> {
    let sets = keys.iter().map(|key| Ok(store.read::<Set>(key)?));
    sets.collect()
}

/// The members that all have, the smallest set first, because only its members are looked for.
fn common<'a>(sets: &[Option<&'a Set>]) -> impl Iterator<Item = &'a [u8]> {
    let all: Option<Vec<&Set>> = sets.iter().copied().collect();
    let mut all = all.unwrap_or_default();
    all.sort_by_key(|set| set.len());
    let (first, others) = match all.split_first() {
        Some((first, others)) => (Some(*first), others.to_vec()),
        None => (None, Vec::new()),
    };
    let members = first.into_iter().flat_map(Set::iter);
    members
        .map(|(member, ())| &**member)
        .filter(move |member| others.iter().all(|set| set.get(member).is_some()))
}

fn make(store: &Held<'_>, keys: &[&[u8]], of: Of) -> Result<Set, Refusal> {
    let sets = sets(store, keys)?;
    let mut made = Set::empty(store.seed());
    if of == Of::Intersection {
        for member in common(&sets) {
            made.insert(member, ());
        }
        return Ok(made);
    }
    for (number, set) in sets.into_iter().enumerate() {
        for (member, ()) in set.into_iter().flat_map(Set::iter) {
            if of == Of::Union || number == 0 {
                made.insert(member, ());
            } else {
                made.remove(member);
            }
        }
    }
    Ok(made)
}

/// Bytes that what is made takes at most.
fn most(store: &Held<'_>, keys: &[&[u8]], of: Of) -> Result<usize, Refusal> {
    let sets = sets(store, keys)?;
    let bytes = sets.into_iter().map(|set| set.map_or(0, Set::bytes));
    Ok(match of {
        Of::Union => bytes.sum(),
        Of::Intersection => bytes.min().unwrap_or(0),
        Of::Difference => bytes.take(1).sum(),
    })
}

fn tell(cx: &mut Context<'_, '_>, keys: &[&[u8]], of: Of) -> Done {
    if of == Of::Union {
        // What is made takes memory that nobody counts; it is not much longer than the answer may be.
        let longest = cx.store.settings().longest_answer;
        if most(&cx.store, keys, of)? > longest.saturating_mul(8) {
            return Err(Refusal::LongAnswer);
        }
        let made = make(&cx.store, keys, of)?;
        cx.reply.set(made.len());
        made.iter().for_each(|(member, ())| cx.reply.bulk(member));
        return Ok(());
    }
    let sets = sets(&cx.store, keys)?;
    let members: Vec<&[u8]> = match (of, sets.split_first()) {
        (Of::Difference, Some((Some(first), others))) => {
            let members = first.iter().map(|(member, ())| &**member);
            let is_in = |member: &&[u8], set: &Set| set.get(member).is_some();
            let left = members.filter(|it| !others.iter().flatten().any(|set| is_in(it, set)));
            left.collect()
        }
        (Of::Difference, _) => Vec::new(),
        _ => common(&sets).collect(),
    };
    cx.reply.set(members.len());
    members.iter().for_each(|member| cx.reply.bulk(member));
    Ok(())
}

fn store(cx: &mut Context<'_, '_>, words: &[&[u8]], of: Of) -> Done {
    let [key, keys @ ..] = words else {
        return Err(Refusal::Syntax);
    };
    // What makes room may be one of the sets.
    let most = most(&cx.store, keys, of)?;
    cx.store.reserve(most + key.len() + OVERHEAD)?;
    let made = make(&cx.store, keys, of)?;
    let count = made.len();
    cx.store.put(key, made.into_value(), None);
    cx.reply.count(count);
    Ok(())
}

pub(super) fn union(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    tell(cx, words, Of::Union)
}

pub(super) fn intersection(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    tell(cx, words, Of::Intersection)
}

pub(super) fn difference(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    tell(cx, words, Of::Difference)
}

pub(super) fn store_union(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    store(cx, words, Of::Union)
}

pub(super) fn store_intersection(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    store(cx, words, Of::Intersection)
}

pub(super) fn store_difference(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    store(cx, words, Of::Difference)
}

pub(super) fn count_intersection(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let [count, rest @ ..] = words else {
        return Err(Refusal::Syntax);
    };
    let count = integer(count)
        .ok()
        .and_then(|count| usize::try_from(count).ok());
    let count = count.filter(|count| *count > 0);
    let count = count.ok_or(Refusal::Says("numkeys should be greater than 0"))?;
    let (keys, options) = rest.split_at_checked(count).ok_or(Refusal::Says(
        "Number of keys can't be greater than number of args",
    ))?;
    let most = match options {
        [] => 0,
        [word, most] if is(word, "LIMIT") => {
            let most = integer(most)
                .ok()
                .and_then(|most| usize::try_from(most).ok());
            most.ok_or(Refusal::Says("LIMIT can't be negative"))?
        }
        _ => return Err(Refusal::Syntax),
    };
    let most = if most == 0 { usize::MAX } else { most };
    let found = common(&sets(&cx.store, keys)?).take(most).count();
    cx.reply.count(found);
    Ok(())
}
