//! Commands on elements inside lists, and from one list to another one.

use super::lists::growth;
use super::options::{index as place, integer, is, range as places};
use super::{Context, Done, Refusal};
use crate::store::{List, Side};

pub(super) fn set(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let [key, index, element] = words else {
        return Err(Refusal::Syntax);
    };
    cx.store.read::<List>(key)?.ok_or(Refusal::NoKey)?;
    let index = integer(index)?;
    cx.store.reserve_for(key, element.len())?;
    let is_set = cx.store.change(key, |list: &mut List| {
        let is_set = place(index, list.len()).is_some_and(|index| list.set(index, element));
        (is_set, is_set)
    })?;
    if is_set != Some(true) {
        return Err(Refusal::Says("index out of range"));
    }
    cx.reply.ok();
    Ok(())
}

pub(super) fn insert(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let [key, side, pivot, element] = words else {
        return Err(Refusal::Syntax);
    };
    let behind = match () {
        () if is(side, "BEFORE") => 0,
        () if is(side, "AFTER") => 1,
        () => return Err(Refusal::Syntax),
    };
    let Some(list) = cx.store.read::<List>(key)? else {
        cx.reply.integer(0);
        return Ok(());
    };
    let Some(index) = list.iter().position(|it| it == *pivot) else {
        cx.reply.integer(-1);
        return Ok(());
    };
    cx.store.reserve_for(key, growth(key, &[element]))?;
    let length = cx.store.change(key, |list: &mut List| {
        list.insert(index + behind, element);
        (list.len(), true)
    })?;
    cx.reply.count(length.unwrap_or(0));
    Ok(())
}

pub(super) fn trim(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let [key, start, end] = words else {
        return Err(Refusal::Syntax);
    };
    let (start, end) = (integer(start)?, integer(end)?);
    cx.store.change(key, |list: &mut List| {
        let before = list.len();
        let (start, count) = places(start, end, before);
        if count < before {
            list.trim(start, count);
        }
        ((), count < before)
    })?;
    cx.reply.ok();
    Ok(())
}

pub(super) fn remove(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let [key, count, element] = words else {
        return Err(Refusal::Syntax);
    };
    let count = integer(count)?;
    let (side, most) = match count {
        0 => (Side::Left, usize::MAX),
        1.. => (Side::Left, count.unsigned_abs() as usize),
        _ => (Side::Right, count.unsigned_abs() as usize),
    };
    let removed = cx.store.change(key, |list: &mut List| {
        let removed = list.remove(side, most, element);
        (removed, removed > 0)
    })?;
    cx.reply.count(removed.unwrap_or(0));
    Ok(())
}

pub(super) fn position(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let [key, element, options @ ..] = words else {
        return Err(Refusal::Syntax);
    };
    let (mut rank, mut count, mut most) = (1, None, 0);
    let (pairs, rest) = options.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(Refusal::Syntax);
    }
    let size = |value: &[u8], text| {
        let value = integer(value).map(usize::try_from);
        value.ok().and_then(Result::ok).ok_or(Refusal::Says(text))
    };
    for [name, value] in pairs {
        if is(name, "RANK") {
            rank = integer(value)?;
            if rank == 0 {
                return Err(Refusal::Says(
                    "RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from \
                     the end of the list",
                ));
            }
        } else if is(name, "COUNT") {
            count = Some(size(value, "COUNT can't be negative")?);
        } else if is(name, "MAXLEN") {
            most = size(value, "MAXLEN can't be negative")?;
        } else {
            return Err(Refusal::Syntax);
        }
    }
    let Some(list) = cx.store.read::<List>(key)? else {
        match count {
            None => cx.reply.null(),
            Some(_) => cx.reply.array(0),
        }
        return Ok(());
    };
    let most = if most == 0 { list.len() } else { most };
    let skipped = usize::try_from(rank.unsigned_abs() - 1).unwrap_or(usize::MAX);
    let wanted = match count {
        None => 1,
        Some(0) => list.len(),
        Some(count) => count,
    };
    let is_it = |(index, there): (usize, &[u8])| (there == *element).then_some(index);
    let all = list.iter().enumerate();
    let found: alloc::vec::Vec<usize> = match rank > 0 {
        true => all
            .take(most)
            .filter_map(is_it)
            .skip(skipped)
            .take(wanted)
            .collect(),
        false => {
            let all = all.rev().take(most).filter_map(is_it);
            all.skip(skipped).take(wanted).collect()
        }
    };
    match count {
        None => match found.first() {
            Some(index) => cx.reply.count(*index),
            None => cx.reply.null(),
        },
        Some(_) => {
            cx.reply.array(found.len());
            found.iter().for_each(|index| cx.reply.count(*index));
        }
    }
    Ok(())
}

/// Takes an element from an end of one list to an end of another one, or of the same.
fn shift_between(cx: &mut Context<'_, '_>, from: &[u8], to: &[u8], ends: (Side, Side)) -> Done {
    let Some(list) = cx.store.read::<List>(from)? else {
        cx.reply.null();
        return Ok(());
    };
    let length = list.end(ends.0).map_or(0, <[u8]>::len);
    cx.store.read::<List>(to)?;
    cx.has_room(length)?;
    if from != to {
        let growth = growth(to, &[&[]]) + length;
        cx.store.reserve_for(from, growth)?;
    }
    let element = cx.store.change(from, |list: &mut List| {
        let element = list.pop(ends.0);
        if from == to
            && let Some(element) = &element
        {
            list.push(ends.1, element);
        }
        (element, true)
    })?;
    let element = element.flatten().unwrap_or_default();
    if from != to {
        cx.store.change_or_make(to, |list: &mut List| {
            list.push(ends.1, &element);
            ((), true)
        })?;
    }
    cx.reply.bulk(&element);
    Ok(())
}

fn side(word: &[u8]) -> Result<Side, Refusal> {
    match () {
        () if is(word, "LEFT") => Ok(Side::Left),
        () if is(word, "RIGHT") => Ok(Side::Right),
        () => Err(Refusal::Syntax),
    }
}

pub(super) fn shift(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let [from, to, taken, put] = words else {
        return Err(Refusal::Syntax);
    };
    shift_between(cx, from, to, (side(taken)?, side(put)?))
}

pub(super) fn shift_right_left(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let [from, to] = words else {
        return Err(Refusal::Syntax);
    };
    shift_between(cx, from, to, (Side::Right, Side::Left))
}
