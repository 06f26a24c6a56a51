//! Commands on the ends of lists, and what reads them.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::options::{index as place, integer, positive, range as places};
use super::{Context, Done, Refusal};
use crate::store::{ELEMENT, List, OVERHEAD, Side};

/// Bytes that elements take which are added to a key.
pub(super) fn growth(key: &[u8], elements: &[&[u8]]) -> usize {
    let elements = elements.iter().map(|element| element.len() + ELEMENT);
    elements.sum::<usize>() + key.len() + OVERHEAD
}

fn push(cx: &mut Context<'_, '_>, words: &[&[u8]], side: Side, only_old: bool) -> Done {
    let [key, elements @ ..] = words else {
        return Err(Refusal::Syntax);
    };
    let is_there = cx.store.read::<List>(key)?.is_some();
    if only_old && !is_there {
        cx.reply.integer(0);
        return Ok(());
    }
    cx.store.reserve_for(key, growth(key, elements))?;
    let length = cx.store.change_or_make(key, |list: &mut List| {
        elements.iter().for_each(|element| list.push(side, element));
        (list.len(), true)
    })?;
    cx.reply.count(length);
    Ok(())
}

pub(super) fn push_left(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    push(cx, words, Side::Left, false)
}

pub(super) fn push_right(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    push(cx, words, Side::Right, false)
}

pub(super) fn push_left_old(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    push(cx, words, Side::Left, true)
}

pub(super) fn push_right_old(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    push(cx, words, Side::Right, true)
}

fn pop(cx: &mut Context<'_, '_>, words: &[&[u8]], side: Side, name: &'static str) -> Done {
    let (key, count) = match words {
        [key] => (key, None),
        [key, count] => (key, Some(positive(count)?)),
        _ => return Err(Refusal::WrongNumber(name)),
    };
    let Some(list) = cx.store.read::<List>(key)? else {
        match count {
            None => cx.reply.null(),
            Some(_) => cx.reply.null_array(),
        }
        return Ok(());
    };
    let taken = count.unwrap_or(1).min(list.len());
    let told = match side {
        Side::Left => list.range(0, taken),
        Side::Right => list.range(list.len() - taken, taken),
    };
    cx.has_room(told.map(|element| element.len() + 16).sum())?;
    let elements = cx.store.change(key, |list: &mut List| {
        let elements: Vec<Box<[u8]>> = (0..taken).filter_map(|_| list.pop(side)).collect();
        (elements, taken > 0)
    })?;
    let elements = elements.unwrap_or_default();
    if count.is_some() {
        cx.reply.array(elements.len());
    }
    for element in &elements {
        cx.reply.bulk(element);
    }
    Ok(())
}

pub(super) fn pop_left(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    pop(cx, words, Side::Left, "lpop")
}

pub(super) fn pop_right(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    pop(cx, words, Side::Right, "rpop")
}

pub(super) fn length(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let [key] = words else {
        return Err(Refusal::Syntax);
    };
    let length = cx.store.read::<List>(key)?.map_or(0, List::len);
    cx.reply.count(length);
    Ok(())
}

pub(super) fn range(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let [key, start, end] = words else {
        return Err(Refusal::Syntax);
    };
    let (start, end) = (integer(start)?, integer(end)?);
    let Some(list) = cx.store.read::<List>(key)? else {
        cx.reply.array(0);
        return Ok(());
    };
    let (start, count) = places(start, end, list.len());
    cx.reply.array(count);
    for element in list.range(start, count) {
        cx.reply.bulk(element);
        if cx.reply.is_long() {
            break;
        }
    }
    Ok(())
}

pub(super) fn index(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let [key, index] = words else {
        return Err(Refusal::Syntax);
    };
    let Some(list) = cx.store.read::<List>(key)? else {
        cx.reply.null();
        return Ok(());
    };
    let index = place(integer(index)?, list.len());
    let element = index.and_then(|index| list.get(index));
    cx.reply.bulk_or_null(element);
    Ok(())
}
